"""What the page of a dataset shows: its relatives, ink, changes, and what the guard left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from training.charts import INKS, Figure
from training.ml.dataset_summary import INK_BINS
from training.models import Dataset, Evaluation
from training.services import dataset_insights
from training.services.datasets import load_digits

NAMES = {"train": "Training", "test": "Test"}
PER_PAGE = 120
_MOST_COMPARED = 4

KINDS = {
    "added": "Added",
    "removed": "Removed",
    "relabelled": "Relabelled",
    "moved": "Moved to this split",
}


def versions(dataset: Dataset) -> QuerySet[Dataset]:
    """All of this name, the newest first."""
    return Dataset.objects.filter(name=dataset.name).order_by("-version")


def compared_with(dataset: Dataset) -> list[Dataset]:
    """What it is compared with: the version before it, then what it was made from."""
    before = versions(dataset).filter(version__lt=dataset.version).first()
    others = [parent for parent in dataset.parents.order_by("pk") if parent != before]
    return ([before] if before else []) + others[:_MOST_COMPARED]


def evaluations_on(dataset: Dataset) -> QuerySet[Evaluation]:
    """Finished ones, the newest first, without their tables."""
    return (
        dataset.evaluations.filter(status=Evaluation.Status.DONE)
        .select_related("run__model_version")
        .defer("confusion", "per_class", "calibration")
        .order_by("-id")
    )


def leaks(dataset: Dataset) -> dict | None:
    """What the leak guard reported when the dataset was made; None if nobody asked it.

    Each example has `where`: the name of what it was found in.
    """
    report = dataset.report.get("leaks")
    if not report:
        return None
    checked = report.get("checked", [])
    examples = [
        example | {"where": checked[example["against"]]["name"]}
        for example in report.get("examples", [])
        if 0 <= example["against"] < len(checked)
    ]
    found = report.get("exact", 0) + report.get("near", 0)
    counted = all("exact" in row for row in checked)
    return report | {"examples": examples, "found": found, "counted": counted}


@dataclass(frozen=True)
class Change:
    """One kind of change: cells are counts by digit, examples are dataset_insights' own."""

    kind: str
    title: str
    rows: list[dict]
    examples: list[dict]
    total: int


def insight(dataset: Dataset) -> dict[str, Any]:
    """The parts that need the images: ink, repeats, changes. Raises DatasetUnreadable."""
    told = dataset_insights.summary(dataset)
    return {
        "dataset": dataset,
        "ink": ink_histogram(told),
        "facts": [
            {
                "name": NAMES[split],
                "count": getattr(dataset, f"{split}_count"),
                "distinct": told[split]["distinct"],
                "repeats": getattr(dataset, f"{split}_count") - told[split]["distinct"],
                "mean_ink": told[split]["mean_ink"],
            }
            for split in NAMES
            if split in told
        ],
        "comparisons": [_comparison(dataset, older) for older in compared_with(dataset)],
    }


def _comparison(dataset: Dataset, older: Dataset) -> dict[str, Any]:
    told = dataset_insights.changes(dataset, older)
    changes = []
    for kind, title in KINDS.items():
        rows = [
            {
                "split": NAMES[split],
                "cells": told[split][kind],
                "total": sum(told[split][kind]),
                "again": sum(told[split]["again"]) if kind == "added" else 0,
            }
            for split in NAMES
            if any(told[split][kind])
        ]
        total = sum(row["total"] for row in rows)
        changes.append(Change(kind, title, rows, told["examples"][kind], total))
    return {
        "older": older,
        "is_parent": dataset.parents.filter(pk=older.pk).exists(),
        "changes": [change for change in changes if change.total],
        "tallies": changes,
        "same": sum(sum(told[split]["same"]) for split in NAMES),
    }


def ink_histogram(told: dict) -> Figure:
    """Share of the images of each split, in percent, by how much of the picture is ink."""
    middles = ((INK_BINS[:-1] + INK_BINS[1:]) / 2 * 100).round(2).tolist()
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "line": {"shape": "hvh", "width": 2},
                "fill": "tozeroy",
                "fillcolor": "rgba(128,128,128,0.08)",
                "name": NAMES[split],
                "x": middles,
                "y": (np.array(told[split]["ink"]) / sum(told[split]["ink"]) * 100)
                .round(3)
                .tolist(),
                "meta": {"ink": INKS[split]},
                "hovertemplate": "%{y:.1f} %",
            }
            for split in NAMES
            if split in told
        ],
        "layout": {
            "xaxis": {"title": {"text": "Ink, % of the picture"}, "ticksuffix": " %"},
            "yaxis": {
                "title": {"text": "Share of images"},
                "rangemode": "tozero",
                "ticksuffix": " %",
            },
        },
    }


def of_class(dataset: Dataset, split: str, digit: int) -> np.ndarray:
    """(M,) int64: where in the split the images of a class are. Raises DatasetUnreadable."""
    return np.flatnonzero(getattr(load_digits(dataset), f"{split}_labels") == digit)
