"""Rounds: what every promotion brought."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import rounds as reading
from inference.services import judging


@requires(Capability.BROWSE)
@require_safe
def rounds(request: HttpRequest) -> HttpResponse:
    found = reading.rounds()
    context = {
        "found": found,
        "newest_first": found.rounds[::-1],
        "figure": reading.figure(found),
        "summary": reading.summary(found),
    }
    return render(request, "inference/rounds.html", context)


@requires(Capability.LAUNCH_RUNS)
@require_POST
def rounds_judge(request: HttpRequest) -> HttpResponse:
    """Ask for the evaluations that the chart lacks."""
    judging.request_for_rounds(by=request.user)
    messages.success(request, "A worker judges what is missing. The chart follows by itself.")
    return redirect("rounds")
