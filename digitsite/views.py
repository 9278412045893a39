from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability


def landing(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("dashboard")
    return render(request, "landing.html")


@requires(Capability.BROWSE)
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard.html")
