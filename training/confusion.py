"""The confusion matrix as people ask for it, and the images behind its cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from urllib.parse import urlencode

import numpy as np
from django.core.files.storage import default_storage

from training.ml.digits import CLASSES
from training.models import Evaluation

THRESHOLDS = (0.0, 50.0, 80.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class MatrixView:
    """How the matrix is to be shown.

    rates: shares of a row instead of counts. diagonal: whether right answers are shown. above:
    percent; answers less confident are left out.
    """

    rates: bool = False
    diagonal: bool = True
    above: float = 0.0

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "MatrixView":
        """From ?show=rates&diagonal=hide&above=90; what makes no sense is left out."""
        try:
            above = float(query.get("above") or 0)
        except ValueError:
            above = 0.0
        return cls(
            rates=query.get("show") == "rates",
            diagonal=query.get("diagonal") != "hide",
            above=above if 0 <= above < 100 else 0.0,
        )

    @property
    def query(self) -> str:
        """The same as a query string with its question mark; "" for the usual view."""
        asked = {}
        if self.rates:
            asked["show"] = "rates"
        if not self.diagonal:
            asked["diagonal"] = "hide"
        if self.above:
            asked["above"] = f"{self.above:g}"
        return f"?{urlencode(asked)}" if asked else ""

    @property
    def thresholds(self) -> list[float]:
        """The choices, with the one that is asked for among them."""
        return sorted({*THRESHOLDS, self.above})


@dataclass(frozen=True)
class Cell:
    """One cell. share: of its row; heat: percent of the strongest colour."""

    true: int
    predicted: int
    count: int
    share: float
    heat: int

    @property
    def right(self) -> bool:
        return self.true == self.predicted


@dataclass(frozen=True)
class Answers:
    """What was said of every image of a split, each (N,)."""

    true: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Matrix:
    """Rows of true digits. kept: answers confident enough, of `total`; right: of those."""

    rows: list[list[Cell]]
    kept: int
    right: int
    total: int

    @property
    def accuracy(self) -> float | None:
        return self.right / self.kept if self.kept else None


def matrix(evaluation: Evaluation, view: MatrixView = MatrixView()) -> Matrix:
    """The matrix of the answers that are confident enough; of all, if probabilities are gone.

    Heat: right answers by share of their row, mistakes by the square root of their count against
    the most frequent mistake, since they are few beside the diagonal.
    """
    counts = _counts(evaluation, view.above)
    worst = max((counts[t][p] for t in range(CLASSES) for p in range(CLASSES) if t != p), default=0)
    rows = []
    for true, row in enumerate(counts):
        total = sum(row)
        rows.append(
            [
                Cell(
                    true,
                    predicted,
                    count,
                    count / total if total else 0.0,
                    round(100 * count / total)
                    if true == predicted and total
                    else round(100 * sqrt(count / worst))
                    if count and worst
                    else 0,
                )
                for predicted, count in enumerate(row)
            ]
        )
    return Matrix(
        rows,
        kept=sum(map(sum, counts)),
        right=sum(counts[digit][digit] for digit in range(CLASSES)),
        total=sum(map(sum, evaluation.confusion)),
    )


def confused_pairs(shown: Matrix, limit: int = 5) -> list[Cell]:
    """The most frequent mistakes."""
    wrong = [cell for row in shown.rows for cell in row if not cell.right and cell.count]
    return sorted(wrong, key=lambda cell: -cell.count)[:limit]


def answers_of(evaluation: Evaluation) -> Answers | None:
    """From the stored probabilities and the list of mistakes; None if the file is gone.

    An image that is not in the list was read right, so that the dataset is not needed.
    """
    probabilities = stored_probabilities(evaluation)
    if probabilities is None:
        return None
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    true = predicted.copy()
    for index, label, read, sure in evaluation.misclassifications.values_list(
        "index", "true_label", "predicted_label", "confidence"
    ):
        true[index], predicted[index], confidence[index] = label, read, sure
    return Answers(true, predicted, confidence)


def stored_probabilities(evaluation: Evaluation) -> np.ndarray | None:
    """(N, 10) float32 as stored; None if the file is gone. Do not change it: it is shared."""
    try:
        return _load(evaluation.probabilities.name)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _load(name: str) -> np.ndarray:
    """The name holds the digest of the content, so that what was read stays true."""
    with default_storage.open(name, "rb") as file:
        return np.load(file, allow_pickle=False)


def _counts(evaluation: Evaluation, above: float) -> list[list[int]]:
    answers = answers_of(evaluation) if above else None
    if answers is None:
        return evaluation.confusion
    kept = answers.confidence >= above / 100
    places = answers.true[kept] * CLASSES + answers.predicted[kept]
    return np.bincount(places, minlength=CLASSES**2).reshape(CLASSES, CLASSES).tolist()
