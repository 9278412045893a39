"""What the pages of an evaluation show: the heat of its matrix, its mistakes, one cell's images."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from training.ml.digits import CLASSES
from training.models import Evaluation, Misclassification
from training.services.datasets import load_digits


@dataclass(frozen=True)
class Cell:
    """One cell of the confusion matrix."""

    true: int
    predicted: int
    count: int
    heat: int  # percent of the strongest colour

    @property
    def right(self) -> bool:
        return self.true == self.predicted


@dataclass(frozen=True)
class Answer:
    """What the model said of one image of the split."""

    index: int
    true: int
    predicted: int
    confidence: float | None  # None where the probabilities are gone


def matrix(evaluation: Evaluation) -> list[list[Cell]]:
    """Rows of true digits. Heat: right answers by share of their row, mistakes by the square root
    of their count against the most frequent mistake, since they are few beside the diagonal."""
    counts = evaluation.confusion
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
                    round(100 * count / total)
                    if true == predicted and total
                    else round(100 * sqrt(count / worst))
                    if count and worst
                    else 0,
                )
                for predicted, count in enumerate(row)
            ]
        )
    return rows


def mistakes(evaluation: Evaluation) -> QuerySet[Misclassification]:
    """Misread images, the most confident first."""
    return evaluation.misclassifications.order_by("-confidence", "index")


def confused_pairs(evaluation: Evaluation, limit: int = 5) -> list[Cell]:
    """The most frequent mistakes."""
    wrong = [cell for row in matrix(evaluation) for cell in row if not cell.right and cell.count]
    return sorted(wrong, key=lambda cell: -cell.count)[:limit]


def answers(evaluation: Evaluation, true: int, predicted: int) -> list[Answer]:
    """The images of one cell: mistakes with the most confident first, right answers with the
    least confident first, since that is where there is something to see.

    Raises training.services.datasets.DatasetUnreadable for right answers without their data.
    """
    if true != predicted:
        rows = mistakes(evaluation).filter(true_label=true, predicted_label=predicted)
        return [Answer(row.index, true, predicted, row.confidence) for row in rows]
    labels = getattr(load_digits(evaluation.dataset), f"{evaluation.split}_labels")
    misread = evaluation.misclassifications.filter(true_label=true).values_list("index", flat=True)
    indices = np.setdiff1d(np.flatnonzero(labels == true), np.fromiter(misread, dtype=np.int64))
    probabilities = _probabilities(evaluation)
    if probabilities is None:
        return [Answer(int(index), true, predicted, None) for index in indices]
    confidence = probabilities[indices, predicted]
    return [
        Answer(int(indices[i]), true, predicted, float(confidence[i]))
        for i in np.argsort(confidence, kind="stable")
    ]


def _probabilities(evaluation: Evaluation) -> np.ndarray | None:
    """(N, 10) float32 as stored; None if the file is gone."""
    try:
        with default_storage.open(evaluation.probabilities.name, "rb") as file:
            return np.load(file, allow_pickle=False)
    except (OSError, ValueError):
        return None


def calibration_figure(evaluation: Evaluation) -> dict[str, Any]:
    """Share of right answers against stated confidence, in percent, as plain plotly JSON."""
    bins = evaluation.calibration["bins"]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "Perfectly calibrated",
                "x": [0, 100],
                "y": [0, 100],
                "line": {"dash": "dot", "width": 1.5},
                "hoverinfo": "skip",
                "meta": {"ink": "ink-2"},
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "This model",
                "x": [round(100 * bin_["confidence"], 2) for bin_ in bins],
                "y": [round(100 * bin_["accuracy"], 2) for bin_ in bins],
                "customdata": [bin_["count"] for bin_ in bins],
                "marker": {"size": 7},
                "hovertemplate": "%{y:.1f} % right of %{customdata} answers",
                "meta": {"ink": "accent"},
            },
        ],
        "layout": {
            "xaxis": {"title": {"text": "Confidence"}, "range": [0, 102], "ticksuffix": " %"},
            "yaxis": {"title": {"text": "Right"}, "range": [0, 102], "ticksuffix": " %"},
        },
    }
