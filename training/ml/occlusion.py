"""Why: which parts of the picture the answer rests on, found by covering each in turn.

Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", section 4.2.
"""

from dataclasses import dataclass

import numpy as np

SIDE = 28
PATCH = 4
STRIDE = 2
GREY = 128
"""Half ink: it hides what is there, and a stroke that is missing shows as well."""

MARGIN = 2
"""Pixels around the ink's box that are covered too; farther out nothing is to be hidden."""

FAINT = 0.5
"""Change of the log-odds, in nats, below which no colour is at its strongest."""

_LEAST = 1e-6  # probabilities nearer to 0 or 1 are float32's noise


@dataclass(frozen=True)
class Covering:
    """The picture with each part covered: `images` (N, 28, 28) uint8, the first one untouched;
    `corners` (N - 1, 2): row and column of each patch."""

    images: np.ndarray
    corners: np.ndarray


@dataclass(frozen=True)
class Explanation:
    """`heat` (28, 28) in [-1, 1]: above 0 where covering lowers the answer's probability.

    place, label, confidence: where covering costs the answer most, and what is read then.
    """

    answer: int
    heat: np.ndarray
    place: str
    label: int
    confidence: float

    @property
    def sentence(self) -> str:
        if self.label != self.answer:
            return (
                f"The {self.place} decides: with it covered, the model would read {self.label} "
                f"instead of {self.answer}."
            )
        return (
            f"No single part decides: whatever is covered, the model still reads {self.answer}, "
            f"at least {int(self.confidence * 100)} % sure."
        )


def cover(image: np.ndarray) -> Covering:
    """Cover each part of `image` (28, 28) uint8 that has ink, or lies beside it."""
    rows, columns = (_range(image.any(axis=axis)) for axis in (1, 0))
    corners = np.array([(row, column) for row in rows for column in columns], int).reshape(-1, 2)
    images = np.repeat(image[None], len(corners) + 1, axis=0)
    for covered, (row, column) in zip(images[1:], corners, strict=True):
        covered[row : row + PATCH, column : column + PATCH] = GREY
    return Covering(images, corners)


def explain(covering: Covering, probabilities: np.ndarray) -> Explanation:
    """What the `probabilities` (N, 10) of the covered images say. Needs at least one patch."""
    answer = int(probabilities[0].argmax())
    odds = _log_odds(probabilities[:, answer])
    drops = odds[0] - odds[1:]
    worst = int(drops.argmax())
    read = probabilities[1 + worst]
    return Explanation(
        answer=answer,
        heat=_heat(covering.corners, drops),
        place=_place(covering.corners[worst] + PATCH / 2),
        label=int(read.argmax()),
        confidence=float(read.max()),
    )


def _range(inked: np.ndarray) -> range:
    """Where patches start along one axis; `inked` (28,) says which lines have ink."""
    found = np.flatnonzero(inked)
    if not len(found):
        return range(0)
    first = max(0, int(found[0]) - MARGIN) // STRIDE * STRIDE
    last = min(SIDE - PATCH, int(found[-1]) + 1 + MARGIN - PATCH)
    return range(first, max(last, first) + 1, STRIDE)


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(p) - np.log1p(-p)


def _heat(corners: np.ndarray, drops: np.ndarray) -> np.ndarray:
    """Each pixel's mean drop over the patches that cover it, scaled into [-1, 1]."""
    total, count = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for (row, column), drop in zip(corners, drops, strict=True):
        total[row : row + PATCH, column : column + PATCH] += drop
        count[row : row + PATCH, column : column + PATCH] += 1
    heat = total / np.maximum(count, 1)
    return heat / max(float(np.abs(heat).max()), FAINT)


def _place(point: np.ndarray) -> str:
    """Row and column as words, by thirds of the 20 pixels in the middle."""
    row, column = ((point - 4) // (20 / 3)).clip(0, 2).astype(int)
    down = ("upper", "", "lower")[row]
    across = ("left", "", "right")[column]
    if not down and not across:
        return "middle"
    if not down:
        return f"{across} side"
    return f"{down} {across or 'middle'}"
