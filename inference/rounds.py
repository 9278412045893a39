"""Rounds: every promotion, with how well its model reads people's pens and MNIST."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from inference.models import DatasetDrawing, Promotion
from inference.promotion_gate import frozen_drawings, mnist
from training.models import Dataset, Evaluation

SHOWN = 60

PEOPLE, KNOWN, LEARNED = "accent", "ink-2", "margin-line"


@dataclass(frozen=True)
class Round:
    """One promotion. An evaluation is None when there is nothing to judge by or nobody asked."""

    number: int
    promotion: Promotion
    drawings: int  # different drawings that the model learned from
    people: Evaluation | None
    known: Evaluation | None

    @property
    def label(self) -> str:
        return f"{self.number}: {self.promotion.model}"


@dataclass(frozen=True)
class Rounds:
    """The newest SHOWN rounds, the oldest of them first; all judged on the same images."""

    rounds: list[Round]
    people: Dataset | None
    known: Dataset | None

    @property
    def missing(self) -> int:
        """Rounds that lack an evaluation nobody works on."""
        return sum(
            any(dataset and _is_missing(row) for dataset, row in self._judged(round_))
            for round_ in self.rounds
        )

    @property
    def is_pending(self) -> bool:
        pending = Evaluation.Status.PENDING
        return any(
            row is not None and row.status == pending
            for round_ in self.rounds
            for _, row in self._judged(round_)
        )

    @property
    def has_points(self) -> bool:
        return any(_is_done(row) for round_ in self.rounds for _, row in self._judged(round_))

    @property
    def first_on_people(self) -> Round | None:
        return next((round_ for round_ in self.rounds if _is_done(round_.people)), None)

    @property
    def newest(self) -> Round | None:
        return self.rounds[-1] if self.rounds else None

    def _judged(self, round_: Round) -> tuple[tuple[Dataset | None, Evaluation | None], ...]:
        return (self.people, round_.people), (self.known, round_.known)


def rounds() -> Rounds:
    """A handful of queries, however many promotions there are."""
    newest = list(
        Promotion.objects.select_related("model__run", "promoted_by")
        .defer("gate_report", "model__run__hyperparameters", "model__run__environment")
        .order_by("-id")[:SHOWN]
    )
    first = Promotion.objects.count() - len(newest) + 1
    people, known = frozen_drawings(), mnist()
    evaluations = {
        (row.run_id, row.dataset_id): row
        for row in Evaluation.objects.filter(
            run__in={promotion.model.run_id for promotion in newest},
            dataset__in=[dataset for dataset in (people, known) if dataset],
            split="test",
        ).defer("confusion", "per_class", "calibration")
    }
    learned = dict(
        DatasetDrawing.objects.filter(
            dataset__in={promotion.model.run.dataset_id for promotion in newest},
            split=DatasetDrawing.Split.TRAIN,
        )
        .order_by()
        .values_list("dataset")
        .annotate(Count("drawing", distinct=True))
    )
    return Rounds(
        [
            Round(
                number=number,
                promotion=promotion,
                drawings=learned.get(promotion.model.run.dataset_id, 0),
                people=people and evaluations.get((promotion.model.run_id, people.pk)),
                known=known and evaluations.get((promotion.model.run_id, known.pk)),
            )
            for number, promotion in enumerate(reversed(newest), start=first)
        ],
        people,
        known,
    )


def _is_done(row: Evaluation | None) -> bool:
    return row is not None and row.status == Evaluation.Status.DONE


def _is_missing(row: Evaluation | None) -> bool:
    return row is None or row.status == Evaluation.Status.FAILED


def figure(found: Rounds, *, small: bool = False) -> dict[str, Any]:
    """Accuracies with their intervals above, what was learned from below; plain plotly JSON."""
    rows = found.rounds
    x = [row.number for row in rows]
    data = [
        _accuracy("People's drawings", x, [row.people for row in rows], PEOPLE, "solid"),
        _accuracy("MNIST", x, [row.known for row in rows], KNOWN, "dot"),
    ]
    learned = any(row.drawings for row in rows) and not small
    if learned:
        data.append(
            {
                "type": "bar",
                "name": "Drawings learned from",
                "x": x,
                "y": [row.drawings for row in rows],
                "yaxis": "y2",
                "meta": {"ink": LEARNED},
                "hovertemplate": "%{y:,} drawings",
            }
        )
    every = max(1, -(-len(rows) // (6 if small else 12)))
    ticks = rows[::-1][::every][::-1]
    return {
        "data": [trace for trace in data if any(value is not None for value in trace["y"])],
        "layout": {
            "xaxis": {
                "title": {"text": "" if small else "Round and model"},
                "tickvals": [row.number for row in ticks],
                "ticktext": [row.label for row in ticks],
                "range": [x[0] - 0.5, x[-1] + 0.5] if x else [0.5, 1.5],
                **({"anchor": "y2"} if learned else {}),
            },
            "yaxis": {
                "title": {"text": "" if small else "Read right"},
                "ticksuffix": " %",
                **({"domain": [0.34, 1]} if learned else {}),
                **({"nticks": 4} if small else {}),
            },
            **(
                {
                    "yaxis2": {
                        "title": {"text": "Drawings"},
                        "domain": [0, 0.24],
                        "rangemode": "tozero",
                        "nticks": 3,
                    }
                }
                if learned
                else {}
            ),
            "bargap": 0.6,
        },
    }


def _accuracy(
    name: str, x: list[int], judged: list[Evaluation | None], ink: str, dash: str
) -> dict[str, Any]:
    done = [row if _is_done(row) else None for row in judged]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": [row and _points(row.accuracy) for row in done],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [row and round(100 * (row.accuracy_high - row.accuracy), 3) for row in done],
            "arrayminus": [
                row and round(100 * (row.accuracy - row.accuracy_low), 3) for row in done
            ],
            "thickness": 1.5,
            "width": 5,
        },
        "line": {"dash": dash, "width": 2},
        "marker": {"size": 8},
        "connectgaps": True,
        "meta": {"ink": ink},
        "hovertemplate": "%{y:.2f} %",
    }


def _points(share: float) -> float:
    return round(100 * share, 3)


def summary(found: Rounds) -> str:
    """The chart in words, for people who do not see it."""
    newest = found.newest
    if newest is None:
        return "No round yet."
    parts = [f"{newest.number} round{'s' * (newest.number != 1)}."]
    first = found.first_on_people
    if first is not None and _is_done(newest.people):
        parts.append(
            f"People's drawings read right: {first.people.accuracy:.1%} in round {first.number}, "
            f"{newest.people.accuracy:.1%} in round {newest.number}."
        )
    if _is_done(newest.known):
        parts.append(f"MNIST in round {newest.number}: {newest.known.accuracy:.2%}.")
    return " ".join(parts)
