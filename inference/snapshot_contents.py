"""Which drawings a dataset would be made of: reading only.

Drawings of `pool` people are learned from, those of `holdout` people judge. A drawing that has once
been in a test split judges for ever and is never learned from, whatever becomes of its author's
fold; one that has been learned from never judges.
"""

from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from inference.drawing_images import Undrawable, image_now, is_current
from inference.models import DatasetDrawing, Drawing
from training.ml.preprocess import CONTRACT_ID
from training.models import Dataset

Split = DatasetDrawing.Split
_FETCHED = 2000


def settled() -> QuerySet[Drawing]:
    """Drawings on whose digit the reviewers agree."""
    return Drawing.objects.filter(
        status__in=(Drawing.Status.CONFIRMED, Drawing.Status.CORRECTED),
        settled_label__isnull=False,
    )


def for_training() -> QuerySet[Drawing]:
    return settled().filter(~_has_been(Split.TEST), fold=Drawing.Fold.POOL)


def for_judging() -> QuerySet[Drawing]:
    """Those of holdout people, and all that have judged before."""
    return settled().filter(
        ~_has_been(Split.TRAIN), Q(fold=Drawing.Fold.HOLDOUT) | _has_been(Split.TEST)
    )


def _has_been(split: Split) -> Exists:
    return Exists(DatasetDrawing.objects.filter(drawing=OuterRef("pk"), split=split))


@dataclass(frozen=True)
class Amount:
    """Drawings and the people who drew them (all visitors of a share link count as one); `new` are
    not in the newest dataset of drawings."""

    drawings: int
    people: int
    new: int


@dataclass(frozen=True)
class Contents:
    """What a dataset would be made of now."""

    training: Amount
    judging: Amount
    waiting: int
    newest: Dataset | None
    digits: list[dict[str, int]]
    """[{"digit", "training", "judging"}], ten rows."""

    @property
    def is_empty(self) -> bool:
        return not self.training.drawings and not self.judging.drawings

    @property
    def has_news(self) -> bool:
        return bool(self.training.new or self.judging.new)


def contents(name: str) -> Contents:
    """Counts for the page; `name` is that of the datasets of drawings so far."""
    newest = newest_drawings(name)
    training, judging = for_training(), for_judging()
    per_digit = [_per_digit(drawings) for drawings in (training, judging)]
    return Contents(
        training=_amount(training, newest),
        judging=_amount(judging, newest),
        waiting=Drawing.objects.filter(status=Drawing.Status.PENDING).count(),
        newest=newest,
        digits=[
            {
                "digit": digit,
                "training": per_digit[0].get(digit, 0),
                "judging": per_digit[1].get(digit, 0),
            }
            for digit in range(10)
        ],
    )


def newest_drawings(name: str) -> Dataset | None:
    """The newest version of the datasets of drawings of this name."""
    return (
        Dataset.objects.filter(kind=Dataset.Kind.DRAWINGS, name=name).order_by("-version").first()
    )


def _amount(drawings: QuerySet[Drawing], newest: Dataset | None) -> Amount:
    counted = drawings.aggregate(
        drawings=Count("pk"),
        people=Count("author", distinct=True) + Count("share_link", distinct=True),
    )
    known = DatasetDrawing.objects.filter(drawing=OuterRef("pk"), dataset=newest)
    new = drawings.filter(~Exists(known)).count() if newest else counted["drawings"]
    return Amount(**counted, new=new)


def _per_digit(drawings: QuerySet[Drawing]) -> dict[int, int]:
    rows = drawings.order_by().values_list("settled_label").annotate(Count("pk"))
    return dict(rows)


@dataclass(frozen=True)
class Images:
    """drawings: (N,) their numbers, ascending; images (N, 28, 28) and labels (N,) uint8.

    redrawn: how many were drawn anew from their strokes. unreadable: number -> why it is left out.
    """

    drawings: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    redrawn: int
    unreadable: dict[int, str]

    def without(self, places: np.ndarray) -> "Images":
        """The same without the images at these positions."""
        kept = np.setdiff1d(np.arange(len(self.drawings)), places)
        return Images(
            self.drawings[kept],
            self.images[kept],
            self.labels[kept],
            self.redrawn,
            self.unreadable,
        )


def read_images(drawings: QuerySet[Drawing]) -> Images:
    """What a model of today sees of each drawing.

    Strokes are read only where the image was made under an older contract: they are ten times as
    large.
    """
    current = drawings.filter(contract_id=CONTRACT_ID)
    found = {
        pk: (bytes(image), label)
        for pk, image, label in current.values_list("pk", "image", "settled_label").iterator(
            chunk_size=_FETCHED
        )
    }
    redrawn, unreadable = 0, {}
    older = drawings.exclude(contract_id=CONTRACT_ID)
    for pk, image, label, contract_id, strokes in older.values_list(
        "pk", "image", "settled_label", "contract_id", "strokes"
    ).iterator(chunk_size=_FETCHED):
        try:
            found[pk] = (image_now(contract_id, image, strokes).tobytes(), label)
        except Undrawable as error:
            unreadable[pk] = str(error)
        else:
            redrawn += not is_current(contract_id, strokes)
    numbers = sorted(found)
    pixels = b"".join(found[pk][0] for pk in numbers)
    return Images(
        drawings=np.array(numbers, dtype=np.int64),
        images=np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28),
        labels=np.array([found[pk][1] for pk in numbers], dtype=np.uint8),
        redrawn=redrawn,
        unreadable=unreadable,
    )
