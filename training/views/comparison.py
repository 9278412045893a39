"""The page that shows several runs side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from training.comparison import MOST_RUNS, compare


@require_GET
@requires(Capability.BROWSE)
def run_compare(request: HttpRequest) -> HttpResponse:
    """The runs of ?run=1&run=2; what is no run's number is left out and counted."""
    given = list(dict.fromkeys(request.GET.getlist("run")))
    ids = [int(text) for text in given if text.isascii() and text.isdigit() and len(text) < 19]
    found = compare(ids)
    shown = {
        "comparison": found,
        "ids": [column.run.pk for column in found.columns],
        "too_many": len(given) > MOST_RUNS,
        "most": MOST_RUNS,
        "unknown": len(given) <= MOST_RUNS and len(given) - len(found.columns),
    }
    return render(request, "training/run_compare.html", shown)
