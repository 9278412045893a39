"""From a picture to 28x28: what people upload is read, and what is no picture is refused."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from benchmarks.material.upload_scenes import SCENES, glyph_of_strokes
from training.ml import paper
from training.ml.allographs import FORMS, draw_form
from training.ml.ink import CENTRE, centre_of_mass
from training.ml.picture_file import MAX_BYTES
from training.ml.pictures import crop, redraw, stroke_width
from training.ml.preprocess import DrawingError, picture_to_image, strokes_to_image

PENS = (0.02, 0.06, 0.12, 0.18)


class NearestForm:
    """Reads a digit by its nearest neighbour among drawn forms: all that is learnt is the forms."""

    def __init__(self) -> None:
        rng = np.random.default_rng(99)
        drawn = [(form.digit, draw_form(form, rng)) for form in FORMS for _ in range(25)]
        self.labels = np.array([digit for digit, _ in drawn])
        self.known = self._soft(np.stack([strokes_to_image(strokes) for _, strokes in drawn]))

    @staticmethod
    def _soft(images: np.ndarray) -> np.ndarray:
        """Averages over 4x4 windows, of length 1: (N, 625)."""
        sums = np.pad(images.astype(float), ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
        soft = sums[:, 4:, 4:] - sums[:, :-4, 4:] - sums[:, 4:, :-4] + sums[:, :-4, :-4]
        flat = soft.reshape(len(images), -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    def read(self, image: np.ndarray) -> int:
        return int(self.labels[np.argmax(self.known @ self._soft(image[None])[0])])


@pytest.fixture(scope="module")
def reader() -> NearestForm:
    return NearestForm()


def png(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def drawn(form: int = 11, seed: int = 0, pen: float = 0.08, side: int = 160) -> np.ndarray:
    """A digit, white on black: (side, side) uint8."""
    strokes = draw_form(FORMS[form], np.random.default_rng(seed))
    return np.rint(glyph_of_strokes(strokes, pen, side) * 255).astype(np.uint8)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of two pictures: 1 where they are the same."""
    one, other = one.ravel().astype(float), other.ravel().astype(float)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("scene", SCENES)
def test_uploads_are_read(scene, reader):
    rng = np.random.default_rng(7)
    wrong = []
    for number, form in enumerate(FORMS):
        glyph = glyph_of_strokes(draw_form(form, rng), PENS[number % len(PENS)])
        image = picture_to_image(SCENES[scene](glyph, rng))
        if reader.read(image) != form.digit:
            wrong.append(form.name)

    assert len(wrong) <= 0.05 * len(FORMS) + 1, wrong


@pytest.mark.parametrize("pen", [0.015, 0.04, 0.08, 0.14, 0.2])
@pytest.mark.parametrize("form", range(0, len(FORMS), 3))
def test_any_pen_gives_the_picture_that_the_strokes_give(form, pen):
    strokes = draw_form(FORMS[form], np.random.default_rng(4))

    image = picture_to_image(glyph_of_strokes(strokes, pen))

    assert likeness(image, strokes_to_image(strokes)) > (0.95 if pen < 0.1 else 0.85)


@pytest.mark.parametrize("pen", [0.03, 0.06, 0.1, 0.15])
def test_a_strokes_width_is_measured(pen):
    upright = [[[0.5, 0.1], [0.5, 0.9]]]

    width = stroke_width(glyph_of_strokes(upright, pen, side=320))

    assert width == pytest.approx(pen * 0.75 * 320, rel=0.15, abs=0.5)


def test_polarity_does_not_matter():
    digit = drawn()

    assert likeness(picture_to_image(digit), picture_to_image(255 - digit)) > 0.999


@pytest.mark.parametrize("side", [40, 64, 200, 700])
def test_the_size_of_a_picture_hardly_matters(side):
    digit = Image.fromarray(drawn(side=400))
    scaled = np.asarray(digit.resize((side, side), Image.Resampling.BOX))

    assert likeness(picture_to_image(scaled), picture_to_image(np.asarray(digit))) > 0.95


@pytest.mark.parametrize(("top", "left"), [(0, 0), (40, 200), (300, 10)])
def test_where_the_digit_stands_in_the_picture_hardly_matters(top, left):
    sheet = np.zeros((500, 420), np.uint8)
    sheet[top : top + 160, left : left + 160] = drawn()

    assert likeness(picture_to_image(sheet), picture_to_image(drawn())) > 0.97


@pytest.mark.parametrize("form", range(0, len(FORMS), 4))
def test_the_digit_fills_mnists_box_around_mnists_centre(form):
    image = picture_to_image(drawn(form))

    rows, columns = (np.flatnonzero((image > 127).any(axis=axis)) for axis in (1, 0))
    assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
    assert centre_of_mass(image) == pytest.approx((CENTRE, CENTRE), abs=0.2)
    assert image.max() >= 250


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_a_picture_of_the_contract_is_passed_on_unchanged(form):
    image = strokes_to_image(draw_form(FORMS[form], np.random.default_rng(8)))

    assert_array_equal(picture_to_image(image), image)
    assert_array_equal(picture_to_image(255 - image), image)
    assert_array_equal(picture_to_image(png(Image.fromarray(image))), image)


def test_a_small_digit_in_a_corner_of_28_pixels_is_brought_to_size():
    image = np.zeros((28, 28), np.uint8)
    image[2:13, 4:6] = 255

    rows = np.flatnonzero((picture_to_image(image) > 127).any(axis=1))
    assert 18 <= np.ptp(rows) + 1 <= 22


def test_every_kind_of_pixel_is_the_same_picture():
    digit = drawn()
    grey = Image.fromarray(digit)
    expected = picture_to_image(digit)
    palette = grey.convert("P")
    clear = Image.merge("LA", [Image.new("L", grey.size, 255), grey])

    for image in (grey.convert("RGB"), palette, grey.convert("RGBA"), clear):
        assert likeness(picture_to_image(png(image)), expected) > 0.99, image.mode
    deep = Image.fromarray(digit.astype(np.uint16) * 257)
    assert likeness(picture_to_image(png(deep)), expected) > 0.99
    assert likeness(picture_to_image(digit / 255.0), expected) > 0.99
    assert likeness(picture_to_image(digit > 127), expected) > 0.97
    assert likeness(picture_to_image(np.stack([digit] * 3, axis=2)), expected) > 0.99


@pytest.mark.parametrize("ink", [0, 255])
def test_transparency_is_paper_whatever_colour_hides_in_it(ink):
    digit = drawn()
    for hidden in (0, 255):
        colour = np.where(digit > 0, ink, hidden).astype(np.uint8)
        image = Image.merge("LA", [Image.fromarray(colour), Image.fromarray(digit)])

        assert likeness(picture_to_image(png(image)), picture_to_image(digit)) > 0.99


def test_a_photo_is_turned_as_its_camera_says():
    upright = Image.fromarray(255 - drawn())
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn a quarter clockwise
    file = io.BytesIO()
    upright.rotate(90).save(file, "JPEG", exif=exif, quality=95)

    assert likeness(picture_to_image(file.getvalue()), picture_to_image(np.asarray(upright))) > 0.97


def likeness_of_ways(grey: np.ndarray) -> float:
    """How alike the short way's picture is to the one of the long way."""
    short = redraw(crop(paper._keep_digit(paper._on_clean_paper(grey))))
    return likeness(short, redraw(crop(paper._keep_digit(paper._on_uneven_paper(grey)))))


@pytest.mark.parametrize("pen", PENS)
@pytest.mark.parametrize(("back", "ink"), [(255, 0), (0, 255), (230, 90), (40, 160)])
def test_a_clean_picture_goes_a_short_way_to_the_same_result(pen, back, ink):
    for form in range(0, len(FORMS), 7):
        share = drawn(form, pen=pen, side=300) / 255

        assert likeness_of_ways(np.rint(back + (ink - back) * share).astype(np.uint8)) > 0.99


def on_a_card(height: int, width: int, margin: int) -> np.ndarray:
    """White on a dark card on a white page."""
    page = np.full((height, width), 255, np.uint8)
    page[margin:-margin, (width - height) // 2 + margin : (width + height) // 2 - margin] = 30
    top, left = (height - 160) // 2, (width - 160) // 2
    page[top : top + 160, left : left + 160] = np.maximum(drawn(), 30)
    return page


def test_a_digit_on_a_dark_card_on_a_white_page_is_read_as_the_digit():
    assert likeness(picture_to_image(on_a_card(300, 300, 20)), picture_to_image(drawn())) > 0.97


def test_a_filled_area_does_not_go_the_short_way():
    assert paper._on_clean_paper(on_a_card(300, 400, 30)) is None


@pytest.mark.parametrize("size", [(500, 500), (1_300, 1_000), (4_000, 3_000), (3_000, 420)])
def test_a_large_photo_is_read_as_its_small_copy_is(size):
    small = Image.new("L", (size[0] // 10, size[1] // 10), 235)
    side = min(small.size) * 9 // 10
    ink = Image.fromarray(drawn(side=400)).resize((side, side), Image.Resampling.BOX)
    small.paste(20, (2, 2), ink)
    file = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).convert("RGB").save(file, "JPEG")

    assert likeness(picture_to_image(file.getvalue()), picture_to_image(png(small))) > 0.96


def test_paper_grain_is_not_ink():
    rng = np.random.default_rng(0)

    with pytest.raises(DrawingError) as refusal:
        picture_to_image(np.clip(rng.normal(200, 6, (300, 300)), 0, 255).astype(np.uint8))

    assert refusal.value.code == "empty"


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims to be that large, with no pixels behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def gif() -> bytes:
    file = io.BytesIO()
    Image.fromarray(drawn()).save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (b"", "unsupported"),
        (b"not a picture", "unsupported"),
        (gif(), "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (png(Image.fromarray(drawn()))[:300], "malformed"),
        (header_only(10, 10), "malformed"),
        (header_only(6_000, 6_000), "too_large"),
        (header_only(12_000, 10_000), "too_large"),
        (header_only(100_000, 100_000), "too_large"),
        (b"\x89PNG" + bytes(MAX_BYTES), "too_large"),
        (png(Image.new("RGBA", (50, 50))), "empty"),
        (png(Image.new("L", (50, 50), 255)), "empty"),
        (np.zeros((28, 28), np.uint8), "empty"),
        (np.full((1, 1), 255, np.uint8), "empty"),
        (np.zeros((0, 28), np.uint8), "malformed"),
        (np.zeros(784, np.uint8), "malformed"),
        (np.zeros((2, 28, 28, 1), np.uint8), "malformed"),
        (np.zeros((28, 28, 2), np.uint8), "malformed"),
        (np.full((28, 28), np.nan), "malformed"),
        (np.full((28, 28), 256), "malformed"),
        (np.full((28, 28), -1), "malformed"),
        (np.full((28, 28), "7"), "malformed"),
        (np.full((28, 28), 1j), "malformed"),
    ],
)
def test_what_is_no_picture_of_a_digit_is_refused_with_its_code(picture, code):
    with pytest.raises(DrawingError) as refusal:
        picture_to_image(picture)

    assert refusal.value.code == code
    assert str(refusal.value).endswith(".")


def test_damaged_files_never_raise_anything_else():
    rng = np.random.default_rng(5)
    file = io.BytesIO()
    Image.fromarray(255 - drawn(side=64)).save(file, "JPEG")
    sources = (png(Image.fromarray(drawn(side=64))), file.getvalue())
    for number in range(120):
        data = bytearray(sources[number % 2])
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        with contextlib.suppress(DrawingError):
            assert picture_to_image(bytes(data)).shape == (28, 28)
