"""Verdicts on drawings and on misclassified images. Rows are only ever added."""

from django.conf import settings
from django.db import transaction

from digitsite.accounts.models import User
from inference.models import Drawing, Review
from inference.selectors import newest_standing_review
from inference.settlement import STATUS_OF, settle, standing
from training.models import Misclassification

Verdict = Review.Verdict

DRAWING_VERDICTS = (Verdict.CONFIRM, Verdict.RELABEL, Verdict.AMBIGUOUS, Verdict.REJECT)
MISCLASSIFICATION_VERDICTS = (Verdict.MODEL_ERROR, Verdict.AMBIGUOUS, Verdict.LABEL_WRONG)


class ReviewError(Exception):
    """The verdict is refused. The message is a sentence for people."""


class AlreadySettled(ReviewError):
    """Somebody else was quicker."""


def record_verdict(
    drawing: Drawing,
    *,
    reviewer: User,
    verdict: str,
    label: int | None = None,
    revise: bool = False,
) -> Review:
    """Add one verdict and settle the drawing if enough reviewers agree.

    `label` is needed for `relabel`; a relabel to the author's own label is a confirmation.
    `revise` also admits a verdict on a drawing that is settled or that the reviewer has judged
    (the admin does); the queue does not, so a double press counts once.
    Raises ReviewError; AlreadySettled when the drawing no longer waits.
    """
    if verdict not in DRAWING_VERDICTS:
        raise ReviewError(f"{verdict!r} is not a verdict on a drawing.")
    if verdict == Verdict.RELABEL and label not in range(10):
        raise ReviewError(f"A new label is a digit from 0 to 9, not {label!r}.")
    with transaction.atomic():
        drawing = Drawing.objects.select_for_update().get(pk=drawing.pk)
        if settings.REVIEWS_REQUIRED > 1 and drawing.author_id == reviewer.pk:
            raise ReviewError("This is your own drawing: others review it.")
        if not revise:
            _check_waiting(drawing, reviewer)
        if verdict == Verdict.RELABEL and label == drawing.label:
            verdict = Verdict.CONFIRM
        if verdict == Verdict.CONFIRM:
            label = drawing.label
        elif verdict != Verdict.RELABEL:
            label = None
        review = Review.objects.create(
            drawing=drawing, reviewer=reviewer, verdict=verdict, label=label
        )
        _settle_drawing(drawing)
    return review


def record_misclassification_verdict(
    misclassification: Misclassification, *, reviewer: User, verdict: str, label: int | None = None
) -> Review:
    """Add one verdict on an image of a test split that the model got wrong.

    `label` may say which digit it is where the stored label is wrong. Raises ReviewError.
    """
    if verdict not in MISCLASSIFICATION_VERDICTS:
        raise ReviewError(f"{verdict!r} is not a verdict on a misclassified image.")
    if label is not None and (verdict != Verdict.LABEL_WRONG or label not in range(10)):
        raise ReviewError(f"A right label is a digit from 0 to 9, not {label!r}.")
    with transaction.atomic():
        subject = Misclassification.objects.select_for_update().get(pk=misclassification.pk)
        review = Review.objects.create(
            misclassification=subject, reviewer=reviewer, verdict=verdict, label=label
        )
        _settle_misclassification(subject)
    return review


def undo(reviewer: User) -> Review | None:
    """Withdraw the reviewer's newest standing verdict, on whatever it was.

    Returns the row that says so (its subject is what waits again), or None if nothing is left.
    """
    with transaction.atomic():
        former = newest_standing_review(reviewer)
        if former is None:
            return None
        review = Review.objects.create(
            drawing_id=former.drawing_id,
            misclassification_id=former.misclassification_id,
            reviewer=reviewer,
            verdict=Verdict.UNDO,
        )
        if former.drawing_id:
            _settle_drawing(Drawing.objects.select_for_update().get(pk=former.drawing_id))
        else:
            _settle_misclassification(
                Misclassification.objects.select_for_update().get(pk=former.misclassification_id)
            )
    return review


def rebuild_status(drawing: Drawing) -> None:
    """Derive the drawing's state from its rows again, e.g. after REVIEWS_REQUIRED was changed."""
    with transaction.atomic():
        _settle_drawing(Drawing.objects.select_for_update().get(pk=drawing.pk))
    drawing.refresh_from_db()


def _check_waiting(drawing: Drawing, reviewer: User) -> None:
    if drawing.status != Drawing.Status.PENDING:
        raise AlreadySettled(f"Drawing {drawing.pk} was settled meanwhile.")
    if any(row.reviewer_id == reviewer.pk for row in standing(drawing.reviews.order_by("id"))):
        raise AlreadySettled(f"You have judged drawing {drawing.pk} already.")


def _settle_drawing(drawing: Drawing) -> None:
    settlement = settle(drawing.reviews.order_by("id"), settings.REVIEWS_REQUIRED)
    drawing.status = STATUS_OF[settlement.outcome] if settlement else Drawing.Status.PENDING
    drawing.settled_label = settlement.label if settlement else None
    drawing.save(update_fields=["status", "settled_label"])


def _settle_misclassification(subject: Misclassification) -> None:
    settlement = settle(subject.reviews.order_by("id"), settings.REVIEWS_REQUIRED)
    subject.verdict = settlement.outcome if settlement else Misclassification.Verdict.OPEN
    subject.save(update_fields=["verdict"])
