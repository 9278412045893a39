"""Two reviewers at work at the same time are never offered the same item."""

from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from digitsite.accounts.models import User
from inference.models import Drawing, ReviewHold
from inference.review_filter import QueueFilter
from inference.review_queue import EVERYTHING, next_decision, next_for, with_what_is_shown
from inference.services.review_state import Subject

HOLD_SECONDS = 120
_ATTEMPTS = 10


def take_next(reviewer: User, wanted: QueueFilter = EVERYTHING) -> Subject | None:
    """The next item for this reviewer, kept from the others for HOLD_SECONDS.

    A reviewer holds one item at a time. None when nothing waits that others do not hold.
    """
    return _take(reviewer, lambda: next_for(reviewer, wanted))


def take_decision(admin: User) -> Subject | None:
    """The next disagreement for this administrator, kept from the others likewise."""
    return _take(admin, lambda: next_decision(admin))


def take(reviewer: User, subject: Subject) -> Subject | None:
    """This very item, e.g. after an undo; None while somebody else looks at it."""
    if not _hold(reviewer, subject):
        return None
    return with_what_is_shown(type(subject).objects.filter(pk=subject.pk)).get()


def renew(reviewer: User) -> bool:
    """Keep what the reviewer still looks at for another HOLD_SECONDS; False if nothing is held."""
    now = timezone.now()
    held = ReviewHold.objects.filter(reviewer=reviewer, until__gt=now)
    return held.update(until=now + timedelta(seconds=HOLD_SECONDS)) == 1


def _take(reviewer: User, find: Callable[[], Subject | None]) -> Subject | None:
    for _ in range(_ATTEMPTS):
        subject = find()
        if subject is None:
            ReviewHold.objects.filter(reviewer=reviewer).delete()
            return None
        if _hold(reviewer, subject):
            return subject
    return None


def _hold(reviewer: User, subject: Subject) -> bool:
    """False when another reviewer was quicker."""
    now = timezone.now()
    held = {"drawing" if isinstance(subject, Drawing) else "misclassification": subject}
    given_up = Q(reviewer=reviewer) | Q(**held, until__lte=now)
    try:
        with transaction.atomic():
            ReviewHold.objects.filter(given_up).delete()
            ReviewHold.objects.create(
                reviewer=reviewer, **held, until=now + timedelta(seconds=HOLD_SECONDS)
            )
    except IntegrityError:
        return False
    return True
