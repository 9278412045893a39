"""From a picture of a digit (upload, photo, screenshot) to the picture a model sees.

The paper is estimated and taken away, the ink is found and cropped, its strokes are brought to
the width of MNIST's, and the result is scaled and centred as MNIST's are.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from training.ml.ink import BOX, CENTRE, EDGE, PEN, SIDE, DrawingError, centre_of_mass
from training.ml.paper import ink_on_paper

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 24_000_000
FORMATS = ("PNG", "JPEG")

WORKING_SIDE = 400
"""The longer side a picture is reduced to before anything is looked for in it."""

_RIDGE_SHARE = 25
"""Percentile of the depth along the ridge that is taken for half the pen's width."""

_MEASURED_SIDE = 240
"""The longer side, in pixels, of the ink whose strokes' width is measured."""

_WIDEST = 0.22
"""A pen is at most this share of the digit's longer side; what is deeper has run together."""

_FINE = 6
"""Samples along one pixel of the result while a digit is redrawn."""


def picture_to_image(picture: bytes | np.ndarray) -> np.ndarray:
    """The digit in `picture` as MNIST would have it: (28, 28) uint8, white ink on black.

    `picture` is the bytes of a PNG or JPEG file, or an array (H, W), (H, W, 3) or (H, W, 4):
    uint8, or floats in [0, 1]; dark on light or light on dark. A 28x28 picture that is already
    as this contract would draw it is passed on unchanged.

    Raises DrawingError with code `empty`, `malformed`, `too_large` or `unsupported`.
    """
    grey = read_grey(picture)
    ready = as_it_is(grey)
    if ready is not None:
        return ready
    return redraw(crop(find_ink(grey)))


def read_grey(picture: bytes | np.ndarray) -> np.ndarray:
    """The luminance of `picture`: (H, W) float32 in [0, 1], at most WORKING_SIDE pixels a side.

    Raises DrawingError with code `malformed`, `too_large` or `unsupported`.
    """
    if isinstance(picture, (bytes, bytearray, memoryview)):
        image = _decode(bytes(picture))
    else:
        image = _from_array(np.asarray(picture))
    image = _composite(image)
    if max(image.size) > WORKING_SIDE:
        image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    return np.asarray(image, np.float32) / 255.0


def _decode(data: bytes) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise DrawingError(
            "too_large",
            f"A picture has at most {MAX_BYTES // 2**20} MiB; this has {len(data) / 2**20:.1f}.",
        )
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))
        image.load()
        return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DrawingError(
            "too_large", f"A picture has at most {MAX_PIXELS // 1_000_000} million pixels."
        ) from None
    except Image.UnidentifiedImageError:
        raise DrawingError("unsupported", "This is neither a PNG nor a JPEG picture.") from None
    except Exception:  # Pillow's decoders raise many kinds on damaged files
        raise DrawingError("malformed", "This picture is damaged: it cannot be decoded.") from None


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in array.shape:
        raise DrawingError(
            "malformed",
            f"A picture is an array (H, W), (H, W, 3) or (H, W, 4); got {array.shape}.",
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise DrawingError(
            "too_large", f"A picture has at most {MAX_PIXELS // 1_000_000} million pixels."
        )
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind not in "fiu":
        raise DrawingError("malformed", f"A picture is made of numbers; got {array.dtype}.")
    if not np.isfinite(array).all():
        raise DrawingError("malformed", "A pixel is not a finite number.")
    low, high = float(array.min()), float(array.max())
    top = 1.0 if array.dtype.kind == "f" and high <= 1.0 else 255.0
    if low < 0 or high > top:
        raise DrawingError(
            "malformed", f"Pixels run from 0 to {top:.0f}; got {low:.6g} to {high:.6g}."
        )
    return Image.fromarray(np.rint(array.astype(np.float32) * (255.0 / top)).astype(np.uint8))


def _composite(image: Image.Image) -> Image.Image:
    """Luminance, mode "L"; a transparent picture is put on paper its ink can be seen on."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        top = 65535.0 if values.max(initial=0.0) > 255 else 255.0
        return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L")
    image = image.convert("RGBA")
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    alpha = np.asarray(image.getchannel("A"), np.float32) / 255.0
    weight = float(alpha.sum())
    if weight == 0:
        raise DrawingError("empty", "This picture is wholly transparent.")
    if weight > 0.5 * alpha.size:
        # Mostly opaque: the paper is in the picture, only its corners or edges are not.
        paper = float(np.median(grey[alpha > 0.5]))
    else:
        paper = 0.0 if float((grey * alpha).sum()) / weight > 127.5 else 255.0
    return Image.fromarray(np.rint(grey * alpha + paper * (1 - alpha)).astype(np.uint8))


def as_it_is(grey: np.ndarray) -> np.ndarray | None:
    """`grey` as uint8 where it is a picture of this contract or of MNIST already, else None."""
    if grey.shape != (SIDE, SIDE):
        return None
    image = np.rint(grey * 255).astype(np.uint8)
    if image[0, 0] > 127:
        image = 255 - image
    # MNIST's own images now and then touch the border, but never lie along it.
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    if np.count_nonzero(border) > 12 or image.max() < 128:
        return None
    rows = np.flatnonzero(image.any(axis=1))
    columns = np.flatnonzero(image.any(axis=0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    x, y = centre_of_mass(image)
    centred = max(abs(x - CENTRE), abs(y - CENTRE)) <= 1.0
    return image if longer in (19, 20, 21, 22) and centred else None


def find_ink(grey: np.ndarray) -> np.ndarray:
    """The ink in a picture: (H, W) float32 in [0, 1], 1 where a pen went.

    Raises DrawingError with code `empty` where nothing stands out from the paper.
    """
    ink = ink_on_paper(grey)
    if ink is None:
        raise DrawingError("empty", "No digit stands out from the background of this picture.")
    return ink


def crop(ink: np.ndarray) -> np.ndarray:
    """`ink` (H, W) cut to the box of what is more ink than paper, and a pixel around it."""
    rows = np.flatnonzero((ink > 0.5).any(axis=1))
    columns = np.flatnonzero((ink > 0.5).any(axis=0))
    return np.pad(ink, 1)[rows[0] : rows[-1] + 3, columns[0] : columns[-1] + 3]


def redraw(ink: np.ndarray) -> np.ndarray:
    """Redraw cropped `ink` (H, W) with MNIST's pen: (28, 28) uint8.

    The strokes' width is measured on the ink and taken to PEN by moving their outline inwards or
    outwards, at _FINE samples a pixel; then the box is scaled to 20 and centred by mass.
    """
    from scipy import ndimage

    # First scale: the box of the strokes' middle lines must come to BOX - PEN.
    width = stroke_width(ink)
    span = max(ink.shape) - 2 - width
    scale = _FINE * min((BOX - PEN) / max(span, 1e-6), PEN / width * 4)
    # Far thinner or thicker strokes than the pen are told by their outline, not by their inside.
    fine = _resize(ink, scale)
    grow = (PEN * _FINE - width * scale) / 2
    pad = int(np.ceil(max(grow, 0) + EDGE * _FINE)) + 2
    fine = np.pad(fine, pad)
    inside = fine > 0.5
    soft = EDGE * _FINE / 2
    outline = np.where(inside, np.inf, -np.inf)
    if grow < soft:
        outline[inside] = ndimage.distance_transform_edt(inside)[inside] - 0.5
    if grow > -soft:
        outline[~inside] = 0.5 - ndimage.distance_transform_edt(~inside)[~inside]
    drawn = np.clip((outline + grow) / (2 * soft) + 0.5, 0.0, 1.0)
    return _place(drawn)


def stroke_width(ink: np.ndarray) -> float:
    """The usual width of the strokes in `ink` (H, W), in its pixels.

    Twice the distance to the outline along the ridge of the strokes: a low percentile of it, since
    a loop that has run full of ink is deeper than the pen was wide.
    """
    from scipy import ndimage

    zoom = min(4.0, _MEASURED_SIDE / max(ink.shape))
    large = _resize(ink, zoom) > 0.5
    if not large.any():
        return 1.0
    depth = ndimage.distance_transform_edt(np.pad(large, 1))
    ridge = (depth > 0.9) & (depth >= ndimage.maximum_filter(depth, 3))
    width = max(2 * np.percentile(depth[ridge], _RIDGE_SHARE) - 0.5, 1.0) / zoom
    return float(min(width, _WIDEST * max(ink.shape)))


def _resize(ink: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _place(drawn: np.ndarray) -> np.ndarray:
    """Average `drawn` (at _FINE samples a pixel) into 28x28 pixels around its centre of mass."""
    x, y = centre_of_mass(drawn)
    side = SIDE * _FINE
    left, top = round(CENTRE * _FINE - x), round(CENTRE * _FINE - y)
    sheet = np.zeros((side, side))
    height, width = drawn.shape
    rows = slice(max(top, 0), min(top + height, side))
    columns = slice(max(left, 0), min(left + width, side))
    sheet[rows, columns] = drawn[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    image = sheet.reshape(SIDE, _FINE, SIDE, _FINE).mean(axis=(1, 3))
    return np.rint(image * 255).astype(np.uint8)
