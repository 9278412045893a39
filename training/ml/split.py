"""Several digits side by side: part a drawing or a picture into single digits, left to right."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from training.ml.ink import DrawingError
from training.ml.picture_file import read_grey
from training.ml.pictures import as_it_is, crop, find_ink, redraw
from training.ml.strokes import Strokes, read_strokes, strokes_to_image

MAX_DIGITS = 10

_SHARED = 0.3
"""Parts that share this much of the narrower one's width belong to one digit."""

_STRAY = 0.25
"""A part lower than this share of the tallest goes with its nearest neighbour: a bar, a dot."""

_NEAR = 0.08
"""Strokes this near to each other, as a share of the tallest one's height, touch."""

_ONE_DIGIT_WIDE = 0.9
"""Strokes that touch are one digit only if together they are no wider than this times high."""

_MOST_COMPARED = 60
"""With more strokes than this nobody wrote ten digits: which of them touch is not looked at."""

_WIDE = 1.5
"""A digit wider than this times its height is likely two that touch: 0.7 % of MNIST's are."""


@dataclass(frozen=True, eq=False)
class Piece:
    """One digit of several, as a model sees it."""

    image: np.ndarray
    """(28, 28) uint8, white ink on black."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom: in the strokes' own units, or as shares of the picture."""

    doubtful: bool
    """Too wide for one digit: two that touch cannot be parted, and should be shown as such."""


def split_strokes(strokes: Strokes) -> list[Piece]:
    """The digits of a drawing, left to right; one piece where there is but one digit.

    Strokes belong to one digit where they lie above each other, or touch. Raises DrawingError as
    `strokes_to_image` does, and with code `too_many` for more than MAX_DIGITS.
    """
    paths = read_strokes(strokes)
    boxes = np.array([[*path.min(axis=0), *path.max(axis=0)] for path in paths])
    pieces = []
    for group in _groups(boxes, _touching(paths, boxes)):
        image = strokes_to_image([paths[index].tolist() for index in group])
        pieces.append(_piece(image, _around(boxes[group])))
    return pieces


def split_picture(picture: bytes | np.ndarray) -> list[Piece]:
    """The digits of a picture, left to right; one piece where there is but one digit.

    Raises DrawingError as `picture_to_image` does, and with code `too_many` for more than
    MAX_DIGITS.
    """
    from scipy import ndimage

    grey = read_grey(picture)
    ready = as_it_is(grey)
    ink = find_ink(grey)
    labels, _ = ndimage.label(ink > 0.5, np.ones((3, 3)))
    boxes = np.array(
        [[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(labels)], float
    )
    groups = _groups(boxes)
    height, width = ink.shape
    whole = np.array([width, height, width, height], float)
    if len(groups) == 1:
        box = _around(boxes)
        return [_piece(redraw(crop(ink)) if ready is None else ready, box, box / whole)]
    # The soft edge around a part goes with it.
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    owner = labels[tuple(nearest)] - 1
    pieces = []
    for group in groups:
        box = _around(boxes[group])
        image = redraw(crop(np.where(np.isin(owner, group), ink, 0)))
        pieces.append(_piece(image, box, box / whole))
    return pieces


def _piece(image: np.ndarray, box: np.ndarray, shown: np.ndarray | None = None) -> Piece:
    left, top, right, bottom = box
    doubtful = bool(right - left > _WIDE * max(bottom - top, 1e-9))
    return Piece(image, tuple(float(side) for side in (box if shown is None else shown)), doubtful)


def _around(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _touching(paths: list[np.ndarray], boxes: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of strokes as near as a pen is wide that are no wider together than one digit."""
    if len(paths) > _MOST_COMPARED:
        return set()
    near = _NEAR * float((boxes[:, 3] - boxes[:, 1]).max())
    few = [_evenly(path) for path in paths]
    pairs = set()
    for one, other in itertools.combinations(range(len(paths)), 2):
        left, top, right, bottom = _around(boxes[[one, other]])
        if right - left > _ONE_DIGIT_WIDE * (bottom - top):
            continue
        if np.hypot(*(few[one][:, None] - few[other][None]).T).min() <= near:
            pairs |= {(one, other), (other, one)}
    return pairs


def _evenly(path: np.ndarray, count: int = 64) -> np.ndarray:
    """`count` points at equal distances along `path` (N, 2)."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    places = np.linspace(0, along[-1], count)
    return np.stack([np.interp(places, along, axis) for axis in path.T], 1)


def _groups(
    boxes: np.ndarray, touching: Collection[tuple[int, int]] = frozenset()
) -> list[list[int]]:
    """Which of `boxes` (N, 4) make up one digit each: lists of indices, left to right."""
    heights = boxes[:, 3] - boxes[:, 1]
    tall = heights >= _STRAY * heights.max()
    groups: list[list[int]] = []
    for index in np.flatnonzero(tall)[np.argsort(boxes[tall, 0], kind="stable")].tolist():
        joined = [
            group
            for group in groups
            if _one_digit(_around(boxes[group]), boxes[index])
            or any((index, member) in touching for member in group)
        ]
        groups = [group for group in groups if group not in joined]
        groups.append([*(member for group in joined for member in group), index])
    for index in np.flatnonzero(~tall).tolist():
        min(groups, key=lambda group: _gap(_around(boxes[group]), boxes[index])).append(index)
    if len(groups) > MAX_DIGITS:
        raise DrawingError(
            "too_many", f"At most {MAX_DIGITS} digits side by side; this looks like {len(groups)}."
        )
    return sorted(groups, key=lambda group: _around(boxes[group])[0])


def _one_digit(one: np.ndarray, other: np.ndarray) -> bool:
    shared = min(one[2], other[2]) - max(one[0], other[0])
    narrower = min(one[2] - one[0], other[2] - other[0])
    return bool(shared >= _SHARED * narrower and shared >= 0)


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    """Distance from box to box across, and, where they overlap, how far their middles are."""
    apart = max(one[0], other[0]) - min(one[2], other[2])
    middles = abs((one[0] + one[2]) - (other[0] + other[2])) / 2
    return float(max(apart, 0) + 1e-3 * middles)
