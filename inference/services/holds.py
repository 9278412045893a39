"""Two reviewers at work at the same time are never offered the same drawing."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from digitsite.accounts.models import User
from inference.models import Drawing, ReviewHold
from inference.selectors import next_for, review_queue

HOLD_SECONDS = 120
_ATTEMPTS = 10


def take_next(reviewer: User, *, preferred: int | None = None) -> Drawing | None:
    """The next drawing for this reviewer, kept from the others for HOLD_SECONDS.

    `preferred` is the number of a drawing to show if it waits, whoever else looks at it (after an
    undo). A reviewer holds one drawing at a time. None when nothing waits that others do not hold.
    """
    if preferred is not None:
        queue = review_queue(reviewer).select_related("author", "share_link", "model")
        drawing = queue.filter(pk=preferred).first()
        if drawing is not None:
            _hold(reviewer, drawing)
            return drawing
    for _ in range(_ATTEMPTS):
        drawing = next_for(reviewer)
        if drawing is None:
            ReviewHold.objects.filter(reviewer=reviewer).delete()
            return None
        if _hold(reviewer, drawing):
            return drawing
    return None


def _hold(reviewer: User, drawing: Drawing) -> bool:
    """False when another reviewer was quicker."""
    now = timezone.now()
    given_up = Q(reviewer=reviewer) | Q(drawing=drawing, until__lte=now)
    try:
        with transaction.atomic():
            ReviewHold.objects.filter(given_up).delete()
            ReviewHold.objects.create(
                reviewer=reviewer, drawing=drawing, until=now + timedelta(seconds=HOLD_SECONDS)
            )
    except IntegrityError:
        return False
    return True
