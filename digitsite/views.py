from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from digitsite.dashboard import dashboard as dashboard_context
from digitsite.dashboard import queue


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("dashboard")
    return render(request, "landing.html")


@require_safe
@requires(Capability.BROWSE)
def dashboard(request: HttpRequest) -> HttpResponse:
    """The whole page, or only its queue when htmx asks again."""
    if request.htmx:
        return render(request, "_dashboard_queue.html", {"queue": queue()})
    return render(request, "dashboard.html", dashboard_context(request.user))
