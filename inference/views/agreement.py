"""How far reviewers agree, for reviewers and administrators."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import agreement_page as page
from inference.agreement import FEW
from inference.agreement import agreement as measured


@requires(Capability.REVIEW)
@require_safe
def agreement(request: HttpRequest) -> HttpResponse:
    """`?pair=3-5` shows the classes of one pair instead of all."""
    found = page.compared()
    pairs = page.pair_rows(found)
    asked = page.pair_of(request.GET.get("pair", ""))
    chosen = asked if asked in found.answers else None
    answers = found.pooled(chosen)
    context = {
        "pairs": pairs,
        "pair": next((row for row in pairs if row.pair == request.GET.get("pair")), None),
        "classes": page.class_rows(answers),
        "overall": measured(answers),
        "is_cut": found.is_cut,
        "rows_read": page.ROWS_READ,
        "few": FEW,
        "required": settings.REVIEWS_REQUIRED,
    }
    return render(request, "inference/agreement.html", context)
