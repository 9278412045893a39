"""Which stroke did it: a drawing as it grew, step by step, and where the answer changed."""

from typing import Any

import numpy as np

from training.ml.strokes import Strokes, read_strokes, strokes_to_image

STEPS = 40


def growth(strokes: Strokes, steps: int = STEPS) -> tuple[np.ndarray, list[int]]:
    """At most `steps` stages of a drawing, evenly along its ink; the last is the whole.

    Returns the images (N, 28, 28) uint8 and how many points of the drawing each stage has. Raises
    DrawingError as `strokes_to_image` does.
    """
    paths = read_strokes(strokes)
    points = [int(count) for count in _cuts(paths, steps)]
    return np.stack([strokes_to_image(_first(paths, count)) for count in points]), points


def changes(labels: np.ndarray) -> list[int]:
    """The stages (their indices) whose label (N,) is another than the stage's before."""
    return (np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist()


def _cuts(paths: list[np.ndarray], steps: int) -> np.ndarray:
    """Counts of points, rising: where each share of the ink's length is reached."""
    moves = [np.hypot(*np.diff(path, axis=0).T) for path in paths]
    # The way of the lifted pen from stroke to stroke leaves no ink.
    inked = np.cumsum(np.concatenate([part for move in moves for part in ([0.0], move)]))
    shares = np.arange(1, steps + 1) / steps
    counts = np.searchsorted(inked, shares * inked[-1] * (1 - 1e-9)) + 1
    counts[-1] = len(inked)
    return np.unique(counts)


def _first(paths: list[np.ndarray], count: int) -> list[list[Any]]:
    kept = []
    for path in paths:
        if count <= 0:
            break
        kept.append(path[:count].tolist())
        count -= len(path)
    return kept
