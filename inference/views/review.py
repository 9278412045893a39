"""The review queue: one item at a time, and the next one in the same answer."""

from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference import review_filter, review_queue, review_request
from inference.models import Drawing
from inference.review_filter import KIND_NAMES, QueueFilter
from inference.review_item import is_blind, item_of
from inference.services import holds, reviews
from inference.services.review_state import Subject, waits


@requires(Capability.REVIEW)
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    wanted = review_filter.parse(request.GET, request.user)
    context = _stage(request.user, wanted) | _filters(request.user, wanted)
    if request.user.can(Capability.ADMINISTER):
        context["decisions"] = review_queue.count_decisions(request.user)
    return render(request, "inference/review.html", context)


@requires(Capability.REVIEW)
@require_POST
def review_verdict(request: HttpRequest) -> HttpResponse:
    """POST `drawing` or `image` (its number) and `verdict`: a digit, confirm, ambiguous, reject."""
    try:
        # The verdict and the hold on the next item are one commit: half the wait for the disk.
        with transaction.atomic():
            row = review_request.record(request.POST, request.user)
            return _answer(request, review_request.in_words(row), can_undo=True)
    except review_request.NotAVerdict as error:
        return HttpResponseBadRequest(str(error))
    except reviews.ReviewError as error:
        return _answer(request, str(error), refused=True)


@requires(Capability.REVIEW)
@require_POST
def review_undo(request: HttpRequest) -> HttpResponse:
    """Withdraw one's newest verdict and show its item again, unless somebody else looks at it."""
    row = reviews.undo(request.user)
    if row is None:
        return _answer(request, "There is nothing to undo.", refused=True)
    subject = row.drawing or row.misclassification
    subject.refresh_from_db()
    return _answer(request, review_request.in_words(row), show=subject if waits(subject) else None)


@requires(Capability.REVIEW)
@require_POST
def review_hold(request: HttpRequest) -> HttpResponse:
    """A page that is still looked at keeps its item: 204, or 409 when it has lost it."""
    return HttpResponse(status=204 if holds.renew(request.user) else 409)


def _answer(
    request: HttpRequest,
    said: str,
    *,
    refused: bool = False,
    show: Subject | None = None,
    can_undo: bool | None = None,
) -> HttpResponse:
    """The next item for htmx; for a browser without scripts a redirect to it."""
    wanted = review_filter.parse(request.GET, request.user)
    if request.htmx:
        context = _stage(request.user, wanted, show=show, can_undo=can_undo)
        context |= {"said": said, "refused": refused}
        return render(request, "inference/_review_stage.html", context)
    (messages.warning if refused else messages.success)(request, said)
    return redirect(_address("review", wanted))


def _stage(
    reviewer: User,
    wanted: QueueFilter,
    *,
    show: Subject | None = None,
    can_undo: bool | None = None,  # None: it is looked up
) -> dict[str, object]:
    subject = (show and holds.take(reviewer, show)) or holds.take_next(reviewer, wanted)
    blind = is_blind()
    return {
        "item": item_of(subject, blind=blind),
        "left": review_queue.count_left(reviewer, wanted),
        "count_cap": review_queue.COUNT_CAP,
        "digits": range(10),
        "can_undo": can_undo or review_queue.newest_standing_review(reviewer) is not None,
        "blind": blind,
        "wanted": wanted,
        "review_url": _address("review", wanted),
        "verdict_url": _address("review_verdict", wanted),
        "undo_url": _address("review_undo", wanted),
    }


def _filters(reviewer: User, wanted: QueueFilter) -> dict[str, object]:
    """What the form of filters offers, and the chips of those that are set."""
    chips = [(name, text) for name, text in _in_words(wanted) if text]
    return {
        "kinds": [(kind.value, name) for kind, name in KIND_NAMES.items()],
        "origins": Drawing.Origin.choices,
        "devices": Drawing.Device.choices,
        "authors": _authors() if review_filter.may_choose_author(reviewer) else None,
        "chips": [
            {"text": text, "without": _address("review", wanted.without(name))}
            for name, text in chips
        ],
    }


def _in_words(wanted: QueueFilter) -> list[tuple[str, str]]:
    author = User.objects.filter(pk=wanted.author).first() if wanted.author else None
    return [
        ("kind", KIND_NAMES[wanted.kind] if wanted.kind else ""),
        ("label", "" if wanted.label is None else f"Labelled {wanted.label}"),
        ("read", "" if wanted.read is None else f"Read as {wanted.read}"),
        ("disagreeing", "Author and model differ" if wanted.disagreeing else ""),
        ("origin", Drawing.Origin(wanted.origin).label if wanted.origin else ""),
        ("device", Drawing.Device(wanted.device).label if wanted.device else ""),
        ("author", f"By {author or 'nobody known'}" if wanted.author else ""),
        ("evaluation", f"Evaluation {wanted.evaluation}" if wanted.evaluation else ""),
    ]


def _authors() -> list[User]:
    """People who have drawn something."""
    drew = Exists(Drawing.objects.filter(author=OuterRef("pk")))
    return list(User.objects.filter(drew).only("username").order_by("username")[:500])


def _address(name: str, wanted: QueueFilter) -> str:
    query = wanted.query()
    return reverse(name) + (f"?{query}" if query else "")
