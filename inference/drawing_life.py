"""The life of a drawing, as moments in the order in which they happened: reading only.

drawn -> read -> reviewed -> in datasets -> learned from, or kept for judging -> read again
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Subquery

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference.models import DatasetDrawing, Drawing, DrawingReading, Promotion, Review
from inference.selectors import is_blind_to
from training.models import Dataset, TrainingRun

RUNS_SHOWN = 4
Split = DatasetDrawing.Split
Status = Drawing.Status


@dataclass(frozen=True)
class Moment:
    """kind: what happened, a branch of `inference/_life.html`; what: the rest of what it shows."""

    kind: str
    at: datetime | None
    what: dict[str, Any]


def life_of(drawing: Drawing, readings: dict[int, DrawingReading], viewer: User) -> list[Moment]:
    """Everything up to now, then what it waits for, if for anything.

    readings: of the models that were promoted, by model id. Reviewers are named to those who may
    review, and to themselves; to others they are "a reviewer".
    """
    places = list(_places(drawing))
    moments = [
        Moment("drawn", drawing.created_at, {}),
        Moment("read", drawing.created_at, {"right": _is_right(drawing, drawing.predicted_label)}),
        *_reviews(drawing, viewer),
        *_datasets(places),
        *_runs(places),
        *_readings(drawing, readings),
    ]
    moments.sort(key=lambda moment: moment.at)  # stable: at the same time, in this order
    return [*moments, *_ahead(drawing, places)]


def truth_of(drawing: Drawing) -> int | None:
    """Which digit it is as far as is known: the reviewers' word, before it the author's."""
    if drawing.status in (Status.AMBIGUOUS, Status.REJECTED):
        return None
    return drawing.label if drawing.settled_label is None else drawing.settled_label


def _is_right(drawing: Drawing, label: int) -> bool | None:
    truth = truth_of(drawing)
    return None if truth is None else label == truth


def _reviews(drawing: Drawing, viewer: User) -> Iterator[Moment]:
    if is_blind_to(viewer, drawing):
        return
    names = viewer.can(Capability.REVIEW)
    for review in drawing.reviews.select_related("reviewer").order_by("id"):
        own = review.reviewer_id == viewer.pk
        who = "you" if own else review.reviewer.get_username() if names else "a reviewer"
        kind = "undone" if review.verdict == Review.Verdict.UNDO else "reviewed"
        yield Moment(kind, review.created_at, {"review": review, "who": who})


@dataclass(frozen=True)
class _Place:
    dataset: Dataset
    split: str
    copies: int


def _places(drawing: Drawing) -> Iterator[_Place]:
    """The datasets it is in, oldest first."""
    rows = (
        DatasetDrawing.objects.filter(drawing=drawing)
        .order_by()
        .values("dataset", "split")
        .annotate(copies=Count("pk"))
    )
    rows = {row["dataset"]: row for row in rows}
    for dataset in Dataset.objects.filter(pk__in=rows).order_by("created_at", "pk"):
        row = rows[dataset.pk]
        yield _Place(dataset, row["split"], row["copies"])


def _datasets(places: Iterable[_Place]) -> Iterator[Moment]:
    """The first version of each name it came into; later ones are only counted."""
    by_name: dict[str, list[_Place]] = {}
    for place in places:
        by_name.setdefault(place.dataset.name, []).append(place)
    for first, *later in by_name.values():
        shown = {
            "place": first,
            "later": len(later),
            "newest": later[-1].dataset if later else None,
        }
        kind = "learned_in" if first.split == Split.TRAIN else "judges_in"
        yield Moment(kind, first.dataset.created_at, shown)


def _runs(places: Iterable[_Place]) -> Iterator[Moment]:
    """Finished trainings on it: the first, then those whose models served; others are counted."""
    learned = [place.dataset.pk for place in places if place.split == Split.TRAIN]
    if not learned:
        return
    runs = (
        TrainingRun.objects.filter(dataset__in=learned, status=TrainingRun.Status.SUCCEEDED)
        .select_related("model_version", "dataset")
        .annotate(served=Min("model_version__promotions__promoted_at"))
        .order_by("finished_at", "pk")
    )
    runs = list(runs)
    chosen = [run for place, run in enumerate(runs) if not place or run.served][:RUNS_SHOWN]
    for run in chosen:
        others = len(runs) - len(chosen) if run == chosen[-1] else 0
        yield Moment("trained", run.finished_at, {"run": run, "others": others})


def _readings(drawing: Drawing, readings: dict[int, DrawingReading]) -> Iterator[Moment]:
    """What the models that served later read; the one that read it first was said already."""
    first = Promotion.objects.filter(model=OuterRef("model")).order_by("id").values("pk")[:1]
    promotions = (
        Promotion.objects.filter(pk=Subquery(first))
        .exclude(model=drawing.model_id)
        .select_related("model")
        .order_by("id")
    )
    for promotion in promotions:
        reading = readings.get(promotion.model_id)
        if reading is None:
            continue
        # A model that served before the drawing was made has read it only for this page.
        at = max(promotion.promoted_at, drawing.created_at)
        yield Moment(
            "read_again",
            at,
            {
                "reading": reading,
                "model": promotion.model,
                "right": _is_right(drawing, reading.label),
            },
        )


def _ahead(drawing: Drawing, places: list[_Place]) -> Iterator[Moment]:
    if drawing.status == Status.PENDING:
        yield Moment("waits_for_review", None, {})
    elif drawing.status == Status.DISPUTED:
        yield Moment("waits_for_decision", None, {})
    elif drawing.status in (Status.AMBIGUOUS, Status.REJECTED):
        yield Moment("set_aside", None, {})
    elif not places:
        yield Moment("waits_for_dataset", None, {})
