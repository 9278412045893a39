"""What a set of probabilities is worth against the truth."""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from training.ml.digits import CLASSES

CALIBRATION_BINS = 15
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class ClassScore:
    """How one digit is read. A score with nothing to divide by is 0."""

    digit: int
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class CalibrationBin:
    """Answers with a confidence in (low, high]: how many, their mean confidence, share correct."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Metrics:
    """All measures of one evaluation.

    accuracy_low, accuracy_high: Wilson's 95 % interval. loss: mean negative log likelihood.
    confusion: 10 x 10 counts, rows are the true digits. ece: expected calibration error.
    """

    count: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    loss: float
    confusion: list[list[int]]
    per_class: list[ClassScore]
    ece: float
    calibration: list[CalibrationBin]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and dictionaries, ready for JSON."""
        return asdict(self)


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Metrics:
    """Measure probabilities (N, 10) against labels (N,) in 0..9.

    Raises ValueError for other shapes, or when there is nothing to measure.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    labels = np.asarray(labels)
    if labels.ndim != 1 or probabilities.shape != (len(labels), CLASSES) or not len(labels):
        raise ValueError(
            f"expected probabilities (N, 10) and labels (N,) with N > 0, "
            f"got {probabilities.shape} and {labels.shape}"
        )
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = wilson_interval(correct, len(labels))
    right = probabilities[np.arange(len(labels)), labels]
    bins = _calibration(probabilities.max(axis=1), predicted == labels)
    digits = list(range(CLASSES))
    scores = precision_recall_fscore_support(labels, predicted, labels=digits, zero_division=0)
    return Metrics(
        count=len(labels),
        accuracy=correct / len(labels),
        accuracy_low=low,
        accuracy_high=high,
        loss=float(-np.log(np.clip(right, 1e-12, 1.0)).mean()),
        confusion=confusion_matrix(labels, predicted, labels=digits).tolist(),
        per_class=[
            ClassScore(digit, float(p), float(r), float(f), int(n))
            for digit, p, r, f, n in zip(digits, *scores, strict=True)
        ],
        ece=sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / len(labels),
        calibration=bins,
    )


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """95 % interval of a share, after Wilson (1927); sound near 0 and 1, unlike the normal one."""
    share = correct / count
    spread = _Z95**2 / count
    middle = share + spread / 2
    half = _Z95 * sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def _calibration(confidence: np.ndarray, correct: np.ndarray) -> list[CalibrationBin]:
    """Equal-width bins over (0, 1] (Guo et al. 2017); empty ones are left out."""
    edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1)
    bins = []
    for i in range(CALIBRATION_BINS):
        inside = place == i
        if inside.any():
            bins.append(
                CalibrationBin(
                    low=float(edges[i]),
                    high=float(edges[i + 1]),
                    count=int(inside.sum()),
                    confidence=float(confidence[inside].mean()),
                    accuracy=float(correct[inside].mean()),
                )
            )
    return bins
