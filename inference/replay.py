"""Which stroke did it: a drawing as it grew, step by step, and where the answer changed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.ml.strokes import Strokes, read_strokes, strokes_to_image

STEPS = 40


@dataclass(frozen=True)
class Growth:
    """Stages of a drawing: `images` (N, 28, 28) uint8, and for each stage how many points of the
    drawing it has and its share of the ink's length, 0..1. The last is the whole drawing."""

    images: np.ndarray
    points: list[int]
    shares: list[float]


def growth(strokes: Strokes, steps: int = STEPS) -> Growth:
    """At most `steps` stages of a drawing, evenly along its ink.

    Raises DrawingError as `strokes_to_image` does.
    """
    paths = read_strokes(strokes)
    moves = [np.hypot(*np.diff(path, axis=0).T) for path in paths]
    # The way of the lifted pen from stroke to stroke leaves no ink.
    inked = np.cumsum(np.concatenate([part for move in moves for part in ([0.0], move)]))
    wanted = np.arange(1, steps + 1) / steps * inked[-1]
    points = np.searchsorted(inked, wanted * (1 - 1e-9)) + 1
    points[-1] = len(inked)
    points = np.unique(points)
    shares = inked[points - 1] / inked[-1] if inked[-1] else np.ones(len(points))
    images = [strokes_to_image(_first(paths, count)) for count in points.tolist()]
    return Growth(np.stack(images), points.tolist(), shares.tolist())


def changes(labels: np.ndarray) -> list[int]:
    """The stages (their indices) whose label (N,) is another than the stage's before."""
    return (np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist()


def _first(paths: list[np.ndarray], count: int) -> list[list[Any]]:
    kept = []
    for path in paths:
        if count <= 0:
            break
        kept.append(path[:count].tolist())
        count -= len(path)
    return kept
