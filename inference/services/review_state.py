"""The stored state of what is reviewed: always what its rows amount to, and rebuilt from them."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from inference.models import Drawing, Review
from inference.settlement import STATUS_OF, settle
from training.models import Misclassification

Subject = Drawing | Misclassification
_CHUNK = 1000


def locked(subject: Subject) -> Subject:
    """The row as it is now, kept from others until the transaction ends."""
    return type(subject).objects.select_for_update().get(pk=subject.pk)


def waits(subject: Subject) -> bool:
    """Whether reviewers may still judge it."""
    if isinstance(subject, Drawing):
        return subject.status == Drawing.Status.PENDING
    return subject.verdict == Misclassification.Verdict.OPEN


def is_disputed(subject: Subject) -> bool:
    """Whether it waits for an administrator's decision."""
    if isinstance(subject, Drawing):
        return subject.status == Drawing.Status.DISPUTED
    return subject.verdict == Misclassification.Verdict.DISPUTED


def settle_subject(subject: Subject, rows: Iterable[Review]) -> None:
    """Store what all its rows, oldest first, amount to. The caller holds the lock."""
    for field, value in _state(subject, rows).items():
        setattr(subject, field, value)
    subject.save(update_fields=_fields(type(subject)))


def rebuild_status(subject: Subject) -> None:
    """Derive the state from the rows again, e.g. after REVIEWS_REQUIRED was changed."""
    with transaction.atomic():
        now = locked(subject)
        settle_subject(now, now.reviews.order_by("id"))
    subject.refresh_from_db()


def out_of_step() -> Iterator[Subject]:
    """Every drawing and misclassified image whose stored state is not what its rows amount to.

    Reads the tables once, in the order of their keys; the changed fields of what it yields are the
    stored ones. Only what has a row or a state is looked at.
    """
    for model, key, open_state in (
        (Drawing, "drawing_id", Q(status=Drawing.Status.PENDING, settled_label=None)),
        (
            Misclassification,
            "misclassification_id",
            Q(verdict=Misclassification.Verdict.OPEN, right_label=None),
        ),
    ):
        rows = Review.objects.filter(**{f"{key}__isnull": False})
        judged = rows.values(key)
        suspects = model.objects.filter(Q(pk__in=judged) | ~open_state)
        yield from _compared(suspects, rows, key)


def _compared(suspects: QuerySet, rows: QuerySet[Review], key: str) -> Iterator[Subject]:
    fields = _fields(suspects.model)
    last = 0
    while True:
        chunk = list(suspects.filter(pk__gt=last).order_by("pk").only("pk", *fields)[:_CHUNK])
        if not chunk:
            return
        last = chunk[-1].pk
        ordered = rows.filter(**{f"{key}__gte": chunk[0].pk, f"{key}__lte": last}).order_by(
            key, "id"
        )
        by_subject = {
            pk: list(group) for pk, group in groupby(ordered, lambda row: getattr(row, key))
        }
        for subject in chunk:
            derived = _state(subject, by_subject.get(subject.pk, []))
            if any(getattr(subject, field) != value for field, value in derived.items()):
                yield subject


def _fields(model: type[Subject]) -> tuple[str, str]:
    return ("status", "settled_label") if model is Drawing else ("verdict", "right_label")


def _state(subject: Subject, rows: Iterable[Review]) -> dict[str, object]:
    settlement = settle(rows, settings.REVIEWS_REQUIRED)
    if isinstance(subject, Drawing):
        status = STATUS_OF[settlement.outcome] if settlement else Drawing.Status.PENDING
        label = settlement.label if settlement else None
    else:
        status = settlement.outcome if settlement else Misclassification.Verdict.OPEN
        label = settlement.label if settlement else None
    return dict(zip(_fields(type(subject)), (status, label), strict=True))
