"""What the pages of an evaluation show: its mistakes, one cell's images, its calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from training.confusion import stored_probabilities
from training.models import Evaluation, Misclassification
from training.services.datasets import load_digits


@dataclass(frozen=True)
class Answer:
    """What the model said of one image of the split."""

    index: int
    true: int
    predicted: int
    confidence: float | None  # None where the probabilities are gone


def mistakes(evaluation: Evaluation) -> QuerySet[Misclassification]:
    """Misread images, the most confident first."""
    return evaluation.misclassifications.order_by("-confidence", "index")


def answers(evaluation: Evaluation, true: int, predicted: int, above: float = 0.0) -> list[Answer]:
    """The images of one cell: mistakes with the most confident first, right answers with the
    least confident first, since that is where there is something to see.

    above: percent; answers less confident are left out. Raises
    training.services.datasets.DatasetUnreadable for right answers without their data.
    """
    if true != predicted:
        rows = mistakes(evaluation).filter(true_label=true, predicted_label=predicted)
        rows = rows.filter(confidence__gte=above / 100)
        return [Answer(row.index, true, predicted, row.confidence) for row in rows]
    labels = getattr(load_digits(evaluation.dataset), f"{evaluation.split}_labels")
    misread = evaluation.misclassifications.filter(true_label=true).values_list("index", flat=True)
    indices = np.setdiff1d(np.flatnonzero(labels == true), np.fromiter(misread, dtype=np.int64))
    probabilities = stored_probabilities(evaluation)
    if probabilities is None:
        return [Answer(int(index), true, predicted, None) for index in indices]
    confidence = probabilities[indices, predicted]
    return [
        Answer(int(indices[i]), true, predicted, float(confidence[i]))
        for i in np.argsort(confidence, kind="stable")
        if confidence[i] >= above / 100
    ]


def calibration_figure(evaluation: Evaluation) -> dict[str, Any]:
    """Share of right answers against stated confidence, in percent, as plain plotly JSON."""
    curves = [("This model", evaluation.calibration["bins"], "accent", "solid")]
    if before := evaluation.calibration.get("bins_before"):
        curves.insert(0, ("Without its temperature", before, "margin-line", "dash"))
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
            *[
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": name,
                    "x": [round(100 * bin_["confidence"], 2) for bin_ in bins],
                    "y": [round(100 * bin_["accuracy"], 2) for bin_ in bins],
                    "customdata": [bin_["count"] for bin_ in bins],
                    "marker": {"size": 7},
                    "line": {"dash": dash},
                    "hovertemplate": "%{y:.1f} % right of %{customdata} answers",
                    "meta": {"ink": ink},
                }
                for name, bins, ink, dash in curves
            ],
        ],
        "layout": {
            "xaxis": {"title": {"text": "Confidence"}, "range": [0, 102], "ticksuffix": " %"},
            "yaxis": {"title": {"text": "Right"}, "range": [0, 102], "ticksuffix": " %"},
        },
    }
