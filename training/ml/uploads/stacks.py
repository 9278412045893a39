"""Arrays of images read in pieces, for the formats that keep all images in one array."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.ml.digits import CLASSES
from training.ml.ink import SIDE, DrawingError
from training.ml.uploads.members import Good, LeftOut
from training.ml.uploads.pixels import from_array

PIECE_BYTES = 4 * 1024 * 1024


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of one image of a stack: (H, W) or (H, W, 3 or 4); None if it is no stack."""
    if 0 in shape:
        return None
    if len(shape) == 2 and shape[1] == SIDE * SIDE:
        return (SIDE, SIDE)
    if len(shape) == 3:
        return shape[1:]
    if len(shape) == 4 and shape[3] == 1:
        return shape[1:3]
    if len(shape) == 4 and shape[3] in (3, 4):
        return shape[1:]
    return None


def members(
    pieces: Iterator[np.ndarray], labels: np.ndarray, *, top: float, split: str, file: str
) -> Iterator[Good | LeftOut]:
    """Digits of pieces (n, H, W) or (n, H, W, C) of any numbers, which run from 0 to `top`.

    labels: (N,) numbers; one that is no digit leaves its image out.
    """
    position = 0
    for piece in pieces:
        for pixels in piece:
            yield _member(pixels, labels[position], position, top, split, file)
            position += 1


def _member(
    pixels: np.ndarray, label: np.generic, position: int, top: float, split: str, file: str
) -> Good | LeftOut:
    place = f"{split} image {position}".strip()
    if not (0 <= label < CLASSES and label == int(label)):
        return LeftOut(file, place, f"expected a label 0 to {CLASSES - 1}, got {label:.6g}")
    if pixels.dtype != np.uint8 or top != 255:
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0 and high <= top):  # true of NaN, too
            return LeftOut(
                file, place, f"expected pixels from 0 to {top:g}, got {low:.6g} to {high:.6g}"
            )
        pixels = np.rint(pixels.astype(np.float64) * (255 / top)).astype(np.uint8)
    try:
        image, how = from_array(pixels)
    except DrawingError as error:
        return LeftOut(file, place, str(error))
    # A copy: the piece it was cut from need not stay in memory.
    return Good(split, image.copy(), int(label), how, file, place)
