"""The review queue: one drawing at a time, and the next one in the same answer."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference import selectors
from inference.models import Drawing, Review
from inference.services import reviews
from inference.services.holds import take_next

Verdict = Review.Verdict
_WORDS = {"confirm": Verdict.CONFIRM, "ambiguous": Verdict.AMBIGUOUS, "reject": Verdict.REJECT}


@requires(Capability.REVIEW)
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    return render(request, "inference/review.html", _stage(request.user))


@requires(Capability.REVIEW)
@require_POST
def review_verdict(request: HttpRequest) -> HttpResponse:
    """POST `drawing` (its number) and `verdict`: a digit, or confirm, ambiguous or reject."""
    number, word = request.POST.get("drawing", ""), request.POST.get("verdict", "")
    if not number.isdecimal() or (word not in _WORDS and word not in set("0123456789")):
        return HttpResponseBadRequest("Expected a drawing's number and a verdict.")
    drawing = get_object_or_404(Drawing, pk=number)
    try:
        row = reviews.record_verdict(
            drawing,
            reviewer=request.user,
            verdict=_WORDS.get(word, Verdict.RELABEL),
            label=int(word) if word.isdecimal() else None,
        )
    except reviews.ReviewError as error:
        return _answer(request, str(error), refused=True)
    return _answer(request, _in_words(row))


@requires(Capability.REVIEW)
@require_POST
def review_undo(request: HttpRequest) -> HttpResponse:
    """Withdraw one's newest verdict and show its drawing again."""
    row = reviews.undo(request.user)
    if row is None:
        return _answer(request, "There is nothing to undo.", refused=True)
    if row.drawing_id is None:
        return _answer(request, f"Verdict on image {row.misclassification.index} withdrawn.")
    return _answer(request, f"Verdict on drawing {row.drawing_id} withdrawn.", show=row.drawing_id)


def _answer(
    request: HttpRequest, said: str, *, refused: bool = False, show: int | None = None
) -> HttpResponse:
    """The next drawing for htmx; for a browser without scripts a redirect to it."""
    if request.htmx:
        context = _stage(request.user, show=show) | {"said": said, "refused": refused}
        return render(request, "inference/_review_stage.html", context)
    (messages.warning if refused else messages.success)(request, said)
    return redirect("review")


def _stage(reviewer: User, show: int | None = None) -> dict[str, object]:
    return {
        "drawing": take_next(reviewer, preferred=show),
        "left": selectors.count_left(reviewer),
        "digits": range(10),
        "can_undo": selectors.newest_standing_review(reviewer) is not None,
    }


def _in_words(row: Review) -> str:
    what = {
        Verdict.CONFIRM: f"confirmed as {row.label}",
        Verdict.RELABEL: f"relabelled to {row.label}",
        Verdict.AMBIGUOUS: "set aside as ambiguous",
        Verdict.REJECT: "rejected",
    }[Verdict(row.verdict)]
    return f"Drawing {row.drawing_id} {what}."
