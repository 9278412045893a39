"""From a picture of a digit (upload, photo, screenshot) to the picture a model sees.

The paper is estimated and taken away, the ink is found and cropped, its strokes are brought to
the width of MNIST's, and the result is scaled and centred as MNIST's are.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from training.ml.distance import peaks, squared_distance
from training.ml.ink import BOX, CENTRE, EDGE, PEN, SIDE, DrawingError, centre_of_mass
from training.ml.paper import ink_on_paper
from training.ml.picture_file import read_grey

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


def as_it_is(grey: np.ndarray) -> np.ndarray | None:
    """`grey` (H, W) uint8 where it is a picture of this contract or of MNIST already, else None."""
    if grey.shape != (SIDE, SIDE):
        return None
    image = 255 - grey if grey[0, 0] > 127 else grey.copy()
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
    """The ink in a picture (H, W) uint8: (H, W) float32 in [0, 1], 1 where a pen went.

    Raises DrawingError with code `empty` where nothing stands out from the paper.
    """
    ink = ink_on_paper(grey)
    if ink is None:
        raise DrawingError("empty", "No digit stands out from the background of this picture.")
    return ink


def crop(ink: np.ndarray) -> np.ndarray:
    """`ink` (H, W) cut to the box of what is more ink than paper, and a pixel around it."""
    inked = ink > 0.5
    rows = np.flatnonzero(inked.any(axis=1))
    columns = np.flatnonzero(inked.any(axis=0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    # Beyond the picture there is paper.
    inner = ink[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
    height, width = bottom - top + 2, right - left + 2
    return _on_sheet(inner, height, width, int(top == 0), int(left == 0))


def redraw(ink: np.ndarray) -> np.ndarray:
    """Redraw cropped `ink` (H, W) with MNIST's pen: (28, 28) uint8.

    The strokes' width is measured on the ink and taken to PEN by moving their outline inwards or
    outwards, at _FINE samples a pixel; then the box is scaled to 20 and centred by mass.
    """
    # First scale: the box of the strokes' middle lines must come to BOX - PEN.
    width = stroke_width(ink)
    span = max(ink.shape) - 2 - width
    scale = _FINE * min((BOX - PEN) / max(span, 1e-6), PEN / width * 4)
    # Far thinner or thicker strokes than the pen are told by their outline, not by their inside.
    fine = _resize(ink, scale)
    grow = (PEN * _FINE - width * scale) / 2
    pad = int(np.ceil(max(grow, 0) + EDGE * _FINE)) + 2
    height, wide = fine.shape
    inside = _on_sheet(fine > 0.5, height + 2 * pad, wide + 2 * pad, pad, pad)
    soft = EDGE * _FINE / 2
    # Pixels to the outline, above 0 inside; no farther than the pen's edge reaches.
    outline = np.where(inside, np.float32(np.inf), np.float32(-np.inf))
    if grow < soft:
        depth = np.sqrt(squared_distance(~inside, soft - grow + 1), dtype=np.float32)
        np.copyto(outline, depth - 0.5, where=inside)
    if grow > -soft:
        away = np.sqrt(squared_distance(inside, soft + grow + 1), dtype=np.float32)
        np.copyto(outline, 0.5 - away, where=~inside)
    return _place(np.clip((outline + grow) / (2 * soft) + 0.5, 0.0, 1.0))


def stroke_width(ink: np.ndarray) -> float:
    """The usual width of the strokes in `ink` (H, W), in its pixels.

    Twice the distance to the outline along the ridge of the strokes: a low percentile of it, since
    a loop that has run full of ink is deeper than the pen was wide.
    """
    zoom = min(4.0, _MEASURED_SIDE / max(ink.shape))
    large = _resize(ink, zoom) > 0.5
    if not large.any():
        return 1.0
    height, wide = large.shape
    large = _on_sheet(large, height + 2, wide + 2, 1, 1)
    squared = squared_distance(~large)
    ridge = large & peaks(squared)
    depth = np.sqrt(_percentile(squared[ridge], _RIDGE_SHARE))
    width = max(2 * depth - 0.5, 1.0) / zoom
    return float(min(width, _WIDEST * max(ink.shape)))


def _percentile(values: np.ndarray, share: float) -> float:
    """`np.percentile` of `values` (N,), without what that takes to find out how to do it."""
    place = (values.size - 1) * share / 100
    low = int(place)
    high = min(low + 1, values.size - 1)
    parted = np.partition(values, (low, high))
    below, above = float(parted[low]), float(parted[high])
    return below + (above - below) * (place - low)


def _on_sheet(part: np.ndarray, height: int, width: int, top: int, left: int) -> np.ndarray:
    """(height, width) of zeros with `part` (H, W) on it, from `top` and `left`."""
    sheet = np.zeros((height, width), part.dtype)
    sheet[top : top + part.shape[0], left : left + part.shape[1]] = part
    return sheet


def _resize(ink: np.ndarray, scale: float) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32, copy=False))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _place(drawn: np.ndarray) -> np.ndarray:
    """Average `drawn` (at _FINE samples a pixel) into 28x28 pixels around its centre of mass."""
    x, y = centre_of_mass(drawn)
    side = SIDE * _FINE
    left, top = round(CENTRE * _FINE - x), round(CENTRE * _FINE - y)
    sheet = np.zeros((side, side), np.float32)
    height, width = drawn.shape
    rows = slice(max(top, 0), min(top + height, side))
    columns = slice(max(left, 0), min(left + width, side))
    sheet[rows, columns] = drawn[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    image = sheet.reshape(SIDE, _FINE, side).sum(axis=1).reshape(SIDE, SIDE, _FINE).sum(axis=2)
    return np.rint(image * (255 / _FINE**2)).astype(np.uint8)
