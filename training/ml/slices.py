"""Where a model is weak: accuracy over parts of a split."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from training.ml.digits import CLASSES
from training.ml.metrics import wilson_interval
from training.ml.traits import pen_width, size, slant

SMALL = 20
"""A slice with fewer images says little; it is marked."""

CONFIDENCE_EDGES = (0.5, 0.8, 0.95, 0.99, 0.999)
FIFTHS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Slice:
    """The images that share a value, and the 95 % interval (Wilson) of their accuracy."""

    kind: str
    name: str
    count: int
    wrong: int
    accuracy: float
    low: float
    high: float

    @property
    def small(self) -> bool:
        return self.count < SMALL


def slices(right: np.ndarray, groups: Mapping[str, np.ndarray]) -> list[Slice]:
    """The slices of every kind, the lowest accuracy first; of two equal ones the larger first.

    right: (N,) bool. groups: kind -> (N,) of str, the slice that each image is in; "" is in none.
    Raises ValueError for a group of another length.
    """
    found = []
    for kind, names in groups.items():
        if names.shape != right.shape:
            raise ValueError(f"{kind}: expected {right.shape} names, got {names.shape}")
        for name in np.unique(names[names != ""]):
            inside = right[names == name]
            count, correct = len(inside), int(inside.sum())
            low, high = wilson_interval(correct, count)
            found.append(Slice(kind, str(name), count, count - correct, correct / count, low, high))
    return sorted(found, key=lambda one: (one.accuracy, -one.count, one.kind, one.name))


def groups_of(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, np.ndarray]:
    """The kinds of slices that pixels, labels and answers give: kind -> (N,) of str.

    images: (N, 28, 28) uint8, labels: (N,), probabilities: (N, 10).
    """
    confidence = probabilities.max(axis=1)
    return {
        "Digit": np.array([str(digit) for digit in range(CLASSES)])[labels],
        "Confidence": _named(confidence, CONFIDENCE_EDGES, lambda edge: f"{100 * edge:g} %"),
        "Pen width": in_fifths(pen_width(images), "{:.1f} px"),
        "Slant": in_fifths(slant(images), "{:.0f}°"),
        "Size": in_fifths(size(images), "{:.1f} px"),
    }


def in_fifths(values: np.ndarray, wording: str) -> np.ndarray:
    """(N,) of str: which fifth of the split a value lies in. Equal edges are one.

    wording: how a value is written, such as "{:.1f} px".
    """
    if not len(values):
        return np.empty(0, "<U1")
    edges = np.unique(np.quantile(values, FIFTHS))
    return _named(values, edges, lambda edge: wording.format(edge).replace("-", "−"))


def _named(values: np.ndarray, edges, write) -> np.ndarray:
    """Between which edges each value lies, in words; a value on an edge belongs above it."""
    written = [write(edge) for edge in edges]
    if len(set(written)) < len(written):  # too close together to be told apart in words
        keep = [i for i, word in enumerate(written) if word not in written[:i]]
        edges, written = [edges[i] for i in keep], [written[i] for i in keep]
    names = [
        f"under {written[0]}",
        *(f"{low} to {high}" for low, high in pairwise(written)),
        f"{written[-1]} and more",
    ]
    return np.array(names)[np.digitize(values, edges)]
