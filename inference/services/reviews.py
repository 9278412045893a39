"""Verdicts on drawings and on misclassified images. Rows are only ever added."""

from django.conf import settings
from django.db import transaction

from digitsite.accounts.models import User
from inference.models import Drawing, Review
from inference.review_queue import newest_standing_review
from inference.services.review_state import Subject, locked, settle_subject, waits
from inference.settlement import standing
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
    decide: bool = False,
) -> Review:
    """Add one verdict and settle the drawing if enough reviewers agree.

    `label` is needed for `relabel`; a relabel to the author's own label is a confirmation.
    `decide` makes it an administrator's decision: it also admits what is settled, disputed or
    judged by the same person, and outweighs all verdicts. Without it a double press counts once.
    Raises ReviewError; AlreadySettled when the drawing no longer waits.
    """
    if verdict not in DRAWING_VERDICTS:
        raise ReviewError(f"{verdict!r} is not a verdict on a drawing.")
    if verdict == Verdict.RELABEL and label not in range(10):
        raise ReviewError(f"A new label is a digit from 0 to 9, not {label!r}.")
    with transaction.atomic():
        drawing = locked(drawing)
        if settings.REVIEWS_REQUIRED > 1 and drawing.author_id == reviewer.pk:
            raise ReviewError("This is your own drawing: others review it.")
        given = list(drawing.reviews.order_by("id"))
        if not decide:
            _check_waiting(drawing, given, reviewer, f"drawing {drawing.pk}")
        if verdict == Verdict.RELABEL and label == drawing.label:
            verdict = Verdict.CONFIRM
        if verdict == Verdict.CONFIRM:
            label = drawing.label
        elif verdict != Verdict.RELABEL:
            label = None
        review = Review.objects.create(
            drawing=drawing, reviewer=reviewer, verdict=verdict, label=label, decides=decide
        )
        settle_subject(drawing, [*given, review])
    return review


def record_misclassification_verdict(
    misclassification: Misclassification,
    *,
    reviewer: User,
    verdict: str,
    label: int | None = None,
    decide: bool = False,
) -> Review:
    """Add one verdict on an image of a test split that the model got wrong.

    `label` says which digit it is where the stored label is wrong, if one can tell; the stored
    label itself is a model error. `decide` as for drawings. Raises ReviewError.
    """
    if verdict not in MISCLASSIFICATION_VERDICTS:
        raise ReviewError(f"{verdict!r} is not a verdict on a misclassified image.")
    if label is not None and (verdict != Verdict.LABEL_WRONG or label not in range(10)):
        raise ReviewError(f"A right label is a digit from 0 to 9, not {label!r}.")
    with transaction.atomic():
        subject = locked(misclassification)
        given = list(subject.reviews.order_by("id"))
        if not decide:
            _check_waiting(subject, given, reviewer, f"image {subject.index}")
        if label is not None and label == subject.true_label:
            verdict, label = Verdict.MODEL_ERROR, None
        review = Review.objects.create(
            misclassification=subject,
            reviewer=reviewer,
            verdict=verdict,
            label=label,
            decides=decide,
        )
        settle_subject(subject, [*given, review])
    return review


def undo(reviewer: User) -> Review | None:
    """Withdraw the reviewer's newest standing verdict, on whatever it was.

    Returns the row that says so (its subject is what waits again), or None if nothing is left.
    """
    with transaction.atomic():
        # Two presses at once take back two verdicts, not the same one twice.
        User.objects.select_for_update().get(pk=reviewer.pk)
        former = newest_standing_review(reviewer)
        if former is None:
            return None
        subject = locked(former.drawing or former.misclassification)
        review = Review.objects.create(
            drawing_id=former.drawing_id,
            misclassification_id=former.misclassification_id,
            reviewer=reviewer,
            verdict=Verdict.UNDO,
        )
        settle_subject(subject, subject.reviews.order_by("id"))
    return review


def _check_waiting(subject: Subject, given: list[Review], reviewer: User, name: str) -> None:
    if not waits(subject):
        raise AlreadySettled(f"{name[0].upper()}{name[1:]} was settled meanwhile.")
    if any(row.reviewer_id == reviewer.pk for row in standing(given)):
        raise AlreadySettled(f"You have judged {name} already.")
