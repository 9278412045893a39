"""Several digits side by side are parted, left to right; what touches is shown as doubtful."""

import numpy as np
import pytest

from benchmarks.material.upload_scenes import glyph_of_strokes
from training.ml.allographs import FORMS, draw_form
from training.ml.ink import SIDE
from training.ml.preprocess import (
    MAX_DIGITS,
    DrawingError,
    picture_to_image,
    split_picture,
    split_strokes,
    strokes_to_image,
)


def number(forms: list[int], gap: float = 0.2, seed: int = 0) -> list[list[list[list[float]]]]:
    """Digits of height about 1 side by side, `gap` apart; each is a list of strokes."""
    rng = np.random.default_rng(seed)
    left, digits = 0.0, []
    for form in forms:
        strokes = draw_form(FORMS[form], rng)
        everything = np.concatenate([np.array(stroke) for stroke in strokes])
        low, high = everything.min(axis=0), everything.max(axis=0)
        shift = np.array([left - low[0], -low[1]])
        digits.append([(np.array(stroke) + shift).tolist() for stroke in strokes])
        left += high[0] - low[0] + gap
    return digits


def flat(digits):
    return [stroke for digit in digits for stroke in digit]


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.ravel().astype(float), other.ravel().astype(float)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def picture(digits) -> np.ndarray:
    """Black on white: (H, W) uint8, as wide as the digits need."""
    ink = glyph_of_strokes(flat(digits), 0.015, side=400)
    rows = np.flatnonzero(ink.any(axis=1))
    return np.rint(255 - 255 * ink[rows[0] - 20 : rows[-1] + 20]).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("forms", [[7, 0, 7, 19], [11, 22, 13], [3, 2, 4], [23, 16, 28, 26, 9]])
def test_a_number_is_parted_into_its_digits(forms, seed):
    digits = number(forms, seed=seed)

    pieces = split_strokes(flat(digits))

    assert len(pieces) == len(digits)
    for piece, digit in zip(pieces, digits, strict=True):
        assert likeness(piece.image, strokes_to_image(digit)) > 0.999


@pytest.mark.parametrize("forms", [[7, 0, 7, 19], [11, 22, 13], [3, 2, 4]])
def test_a_picture_of_a_number_is_parted_into_its_digits(forms):
    digits = number(forms, seed=1)

    pieces = split_picture(picture(digits))

    assert len(pieces) == len(digits)
    for piece, digit in zip(pieces, digits, strict=True):
        assert likeness(piece.image, strokes_to_image(digit)) > 0.9


def test_the_order_of_strokes_does_not_matter():
    digits = number([22, 11, 5])

    backwards = split_strokes(flat(digits)[::-1])

    for piece, digit in zip(backwards, digits, strict=True):
        assert likeness(piece.image, strokes_to_image(digit)) > 0.999


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_one_digit_is_one_piece_and_the_picture_of_the_contract(form):
    strokes = draw_form(FORMS[form], np.random.default_rng(6))
    image = np.rint(255 * glyph_of_strokes(strokes, 0.08)).astype(np.uint8)

    drawn, pictured = split_strokes(strokes), split_picture(image)

    assert len(drawn) == len(pictured) == 1
    np.testing.assert_array_equal(drawn[0].image, strokes_to_image(strokes))
    np.testing.assert_array_equal(pictured[0].image, picture_to_image(image))


def test_boxes_say_where_each_digit_is():
    digits = number([2, 0, 16])

    pieces = split_strokes(flat(digits))

    for piece, digit in zip(pieces, digits, strict=True):
        everything = np.concatenate([np.array(stroke) for stroke in digit])
        assert piece.box == pytest.approx((*everything.min(axis=0), *everything.max(axis=0)))
    shares = [piece.box for piece in split_picture(picture(digits))]
    assert all(
        0 <= left < right <= 1 and 0 <= top < bottom <= 1 for left, top, right, bottom in shares
    )
    assert shares == sorted(shares)


def test_a_bar_or_a_dot_beside_goes_with_its_nearest_digit():
    digits = number([0, 2, 9], gap=0.5)
    bar = [[0.2, 0.5], [0.35, 0.5]]

    assert len(split_strokes([*flat(digits), bar, [[0.1, 1.3]]])) == 3


def test_digits_that_are_one_stroke_are_one_doubtful_piece():
    first, second = number([0, 0], gap=0.2)
    joined = [*first[0], *second[0]]

    (piece,) = split_strokes([joined])

    assert piece.doubtful
    assert not any(piece.doubtful for piece in split_strokes([*first, *second]))


def test_ten_digits_are_read_and_eleven_are_refused():
    assert len(split_strokes(flat(number([2] * MAX_DIGITS)))) == MAX_DIGITS
    with pytest.raises(DrawingError, match=r"At most 10 digits .* like 11") as refusal:
        split_strokes(flat(number([2] * (MAX_DIGITS + 1))))

    assert refusal.value.code == "too_many"


def test_a_picture_of_the_contract_is_one_piece_unchanged():
    image = strokes_to_image(draw_form(FORMS[7], np.random.default_rng(0)))

    (piece,) = split_picture(image)

    np.testing.assert_array_equal(piece.image, image)
    assert piece.image.shape == (SIDE, SIDE)


@pytest.mark.parametrize("drawing", [[], [[[float("nan"), 0]]], "x"])
def test_what_is_no_drawing_is_refused_as_ever(drawing):
    with pytest.raises(DrawingError):
        split_strokes(drawing)


def test_five_hundred_strokes_are_answered():
    rng = np.random.default_rng(0)
    scribble = [(0.5 + 0.3 * rng.random((3, 2))).tolist() for _ in range(500)]

    assert len(split_strokes(scribble)) >= 1
