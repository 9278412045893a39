"""Where enough reviewers answered without agreeing: an administrator sees all and settles."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference import review_queue, review_request
from inference.review_item import item_of
from inference.services import holds, reviews
from inference.services.review_state import Subject, is_disputed
from inference.settlement import standing


@requires(Capability.ADMINISTER)
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    return render(request, "inference/decisions.html", _stage(request.user))


@requires(Capability.ADMINISTER)
@require_POST
def decision_verdict(request: HttpRequest) -> HttpResponse:
    """The same form as in the queue; the verdict decides, whatever the others say."""
    try:
        row = review_request.record(request.POST, request.user, decide=True)
    except review_request.NotAVerdict as error:
        return HttpResponseBadRequest(str(error))
    except reviews.ReviewError as error:
        said, refused = str(error), True
    else:
        said, refused = f"Decided. {review_request.in_words(row)}", False
    return _answer(request, said, refused=refused)


@requires(Capability.ADMINISTER)
@require_POST
def decision_undo(request: HttpRequest) -> HttpResponse:
    """Withdraw one's newest verdict; if it decided something, that is shown again."""
    row = reviews.undo(request.user)
    if row is None:
        return _answer(request, "There is nothing to undo.", refused=True)
    subject = row.drawing or row.misclassification
    subject.refresh_from_db()
    return _answer(
        request, review_request.in_words(row), show=subject if is_disputed(subject) else None
    )


def _answer(
    request: HttpRequest, said: str, *, refused: bool = False, show: Subject | None = None
) -> HttpResponse:
    if request.htmx:
        context = _stage(request.user, show=show) | {"said": said, "refused": refused}
        return render(request, "inference/_review_stage.html", context)
    (messages.warning if refused else messages.success)(request, said)
    return redirect("decisions")


def _stage(admin: User, show: Subject | None = None) -> dict[str, object]:
    subject = (show and holds.take(admin, show)) or holds.take_decision(admin)
    given = subject.reviews.select_related("reviewer").order_by("id") if subject else []
    return {
        "item": item_of(subject, blind=False),
        "deciding": True,
        "verdicts": standing(given),
        "left": review_queue.count_decisions(admin),
        "count_cap": review_queue.COUNT_CAP,
        "digits": range(10),
        "can_undo": review_queue.newest_standing_review(admin) is not None,
        "review_url": reverse("decisions"),
        "verdict_url": reverse("decision_verdict"),
        "undo_url": reverse("decision_undo"),
    }
