"""How far each pixel is from a shape: exact, and quick for the small pictures of this site."""

from __future__ import annotations

import numpy as np

_FARTHEST = 180
"""Pixels; twice its square still fits into 16 bits."""


def squared_distance(shape: np.ndarray, most: float = _FARTHEST) -> np.ndarray:
    """The squared distance of each pixel to the nearest one of `shape` (H, W) bool: (H, W) uint16.

    What is farther than `most` pixels (at most 180) may be given as any larger distance. Two
    passes, one for each axis (Felzenszwalb and Huttenlocher, 2012), the second of which ends as
    soon as no pixel can come nearer.
    """
    height, width = shape.shape
    most = int(min(np.ceil(most), _FARTHEST))
    along = np.arange(width, dtype=np.int16)
    far = np.int16(width + most + 1)
    before = np.maximum.accumulate(np.where(shape, along, -far), axis=1)
    after = np.minimum.accumulate(np.where(shape, along, far)[:, ::-1], axis=1)[:, ::-1]
    beside = np.minimum(np.minimum(along - before, after - along), most + 1).astype(np.uint16)
    beside *= beside
    found = beside.copy()
    for step in range(1, min(most, height - 1) + 1):
        square = step * step
        if square >= found.max():
            break
        moved = beside + np.uint16(square)
        np.minimum(found[step:], moved[:-step], out=found[step:])
        np.minimum(found[:-step], moved[step:], out=found[:-step])
    return found


def peaks(values: np.ndarray) -> np.ndarray:
    """Where `values` (H, W) are as high as all their eight neighbours: (H, W) bool."""
    padded = np.pad(values, 1, mode="edge")
    rows = np.maximum(np.maximum(padded[:-2], padded[2:]), padded[1:-1])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
    return values >= highest
