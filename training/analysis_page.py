"""What the pages of an analysis show, read from what a worker has stored; nothing is computed."""

import base64
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from training.confusion import Answers, answers_of
from training.dataset_pictures import png
from training.ml.digits import CLASSES
from training.ml.slices import SMALL
from training.models import Analysis, Evaluation
from training.slice_providers import PERSONAL

PARTS = {
    "slices": "Slices",
    "robustness": "Robustness",
    "labels": "Labels",
    "map": "Map",
}
SUSPICIOUS, DOUBTFUL = 0.1, 0.5
_LEAST_ERROR = 1e-4  # the right end of the drawing of an interval


class AnalysisGone(Exception):
    """The file of an analysis cannot be read; the message is a sentence for people."""


@dataclass(frozen=True)
class LabelVerdict:
    """How suspicious the label of one image is.

    quality: self-confidence in 0..1. rank: 1 is the most suspicious of `of` labels.
    """

    quality: float
    rank: int
    of: int

    @property
    def word(self) -> str:
        if self.quality < SUSPICIOUS:
            return "Suspicious"
        return "Doubtful" if self.quality < DOUBTFUL else "Credible"


@dataclass(frozen=True)
class Neighbour:
    """A training image that the network takes for alike. distance: in its features."""

    index: int
    label: int
    distance: float
    agrees: bool


def analysis_of(evaluation: Evaluation) -> Analysis | None:
    return Analysis.objects.filter(evaluation=evaluation).first()


def visible_slices(analysis: Analysis, user: User) -> list[dict[str, Any]] | None:
    """All slices but those that name people, for who may not see everybody's drawings."""
    if analysis.slices is None or user.can(Capability.REVIEW):
        return analysis.slices
    return [row for row in analysis.slices if row["kind"] not in PERSONAL]


def slice_rows(slices: list[dict[str, Any]], kind: str = "") -> list[dict[str, Any]]:
    """Rows of the table, worst first, with the places of the interval's drawing in percent.

    Places go by the logarithm of the error, so that 99.5 % and 99.9 % are apart.
    """
    rows = [row for row in slices if not kind or row["kind"] == kind]
    most = max((1 - row["low"] for row in rows), default=1.0)
    room = log(most / _LEAST_ERROR)

    def place(share: float) -> str:
        error = max(1 - share, _LEAST_ERROR)
        return f"{100 * log(most / error) / room:.2f}%"

    return [
        row
        | {
            "small": row["count"] < SMALL,
            "from": place(row["low"]),
            "to": place(row["high"]),
            "at": place(row["accuracy"]),
        }
        for row in rows
    ]


def slice_kinds(slices: list[dict[str, Any]]) -> list[str]:
    """In the order of their worst slices."""
    return list(dict.fromkeys(row["kind"] for row in slices))


def robustness_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """The table of damage, what costs most first, with a damaged image in each cell."""
    samples = arrays(analysis)["samples"]
    rows = []
    for row, pictures in zip(analysis.corruptions["rows"], samples, strict=True):
        cells = [
            cell
            | {
                "picture": _data_uri(picture),
                "heat": round(100 * max(0.0, cell["drop"])),
                "change": -cell["drop"],
            }
            for cell, picture in zip(row["cells"], pictures, strict=True)
        ]
        mean = sum(cell["drop"] for cell in cells) / len(cells)
        rows.append(row | {"cells": cells, "mean_drop": mean})
    return sorted(rows, key=lambda row: -row["mean_drop"])


def label_verdict(analysis: Analysis, index: int) -> LabelVerdict:
    quality = arrays(analysis)["quality"]
    own = quality[index]
    return LabelVerdict(float(own), int((quality < own).sum()) + 1, len(quality))


def neighbours(analysis: Analysis, index: int, label: int) -> list[Neighbour]:
    """The nearest training images, nearest first."""
    found = arrays(analysis)
    return [
        Neighbour(int(place), int(of), float(distance), int(of) == label)
        for place, of, distance in zip(
            found["neighbours"][index],
            found["neighbour_labels"][index],
            found["distances"][index],
            strict=True,
        )
    ]


def map_figure(analysis: Analysis, answers: Answers) -> dict[str, Any]:
    """Right answers as dots, misread images as their digit, one colour a digit; plotly JSON."""
    stored = arrays(analysis)
    indices, places = stored["map_indices"], stored["map_places"].round(4)
    true, read = answers.true[indices], answers.predicted[indices]
    sure = (100 * answers.confidence[indices]).round(1)
    told = np.stack([indices, true, read], axis=1).tolist()
    traces = []
    for wrong in (False, True):
        for digit in range(CLASSES):
            inside = np.flatnonzero((true == digit) & ((true != read) == wrong))
            if not len(inside):
                continue
            traces.append(
                {
                    "type": "scatter",
                    "name": str(digit),
                    "legendgroup": str(digit),
                    "showlegend": not wrong or not _any(true, read, digit),
                    "x": places[inside, 0].tolist(),
                    "y": places[inside, 1].tolist(),
                    "customdata": [[*told[i], float(sure[i])] for i in inside],
                    "hovertemplate": "#%{customdata[0]}: %{customdata[1]} read as "
                    "%{customdata[2]}, %{customdata[3]} % sure<extra></extra>",
                    "meta": {"ink": f"class-{digit}"},
                    **(
                        {"mode": "text", "text": [str(digit)] * len(inside)}
                        if wrong
                        else {"mode": "markers", "marker": {"size": 5, "opacity": 0.5}}
                    ),
                }
            )
    axis = {"visible": False, "showgrid": False}
    return {
        "data": traces,
        "layout": {
            "hovermode": "closest",
            "xaxis": axis,
            "yaxis": axis | {"scaleanchor": "x"},
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "itemsizing": "constant",
            },
        },
    }


def map_list(analysis: Analysis, answers: Answers) -> list[dict[str, Any]]:
    """The misread images of the map by digit: [{digit, images: [{index, read, sure}]}]."""
    indices = arrays(analysis)["map_indices"]
    misread = indices[answers.true[indices] != answers.predicted[indices]]
    return [
        {
            "digit": digit,
            "images": [
                {
                    "index": int(index),
                    "read": int(answers.predicted[index]),
                    "sure": float(answers.confidence[index]),
                }
                for index in misread[answers.true[misread] == digit]
            ],
        }
        for digit in range(CLASSES)
        if (answers.true[misread] == digit).any()
    ]


def map_of(evaluation: Evaluation, analysis: Analysis) -> dict[str, Any]:
    """The figure, the list beside it, and where its points lead. Raises AnalysisGone."""
    answers = answers_of(evaluation)
    if answers is None:
        raise AnalysisGone("The stored probabilities of this evaluation cannot be read.")
    return {
        "figure": map_figure(analysis, answers),
        "misread": map_list(analysis, answers),
        "opens": reverse("evaluation_image", args=[evaluation.pk, 0]).removesuffix("0/"),
    }


def arrays(analysis: Analysis) -> dict[str, np.ndarray]:
    """Everything in the file; do not change it, it is shared. Raises AnalysisGone."""
    try:
        return _load(analysis.file.name)
    except (OSError, ValueError, KeyError) as error:
        raise AnalysisGone(
            "The file of this analysis cannot be read. An administrator finds the reason with "
            "`manage.py doctor`."
        ) from error


@lru_cache(maxsize=4)
def _load(name: str) -> dict[str, np.ndarray]:
    """The name is the digest of the content, so that what was read stays true."""
    with default_storage.open(name, "rb") as file, np.load(file, allow_pickle=False) as stored:
        return dict(stored.items())


def _any(true: np.ndarray, read: np.ndarray, digit: int) -> bool:
    """Whether some image of the digit was read right."""
    return bool(((true == digit) & (read == digit)).any())


def _data_uri(picture: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode("ascii")
