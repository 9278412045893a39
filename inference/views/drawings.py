"""A person's drawings, and the page of one drawing."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from digitsite.too_often import too_often
from inference import drawing_life, selectors
from inference.drawing_export import export_all, export_own
from inference.drawing_pictures import digit_png
from inference.models import Drawing
from inference.services import readings
from training.dataset_files import FORMATS

PER_PAGE = 60

# ?show=... -> (label of the tab, what it keeps)
FILTERS: dict[str, tuple[str, dict[str, object]]] = {
    "": ("All", {}),
    "misread": ("Read differently", {"disagrees": True}),
    "pending": ("Waiting", {"status__in": Drawing.UNSETTLED}),
    "confirmed": ("Confirmed", {"status": Drawing.Status.CONFIRMED}),
    "corrected": ("Corrected", {"status": Drawing.Status.CORRECTED}),
    "set_aside": (
        "Set aside",
        {"status__in": (Drawing.Status.AMBIGUOUS, Drawing.Status.REJECTED)},
    ),
}


@requires(Capability.DRAW)
@require_safe
def my_drawings(request: HttpRequest) -> HttpResponse:
    show = request.GET.get("show", "")
    if show not in FILTERS:
        show = ""
    mine = selectors.drawings_of(request.user)
    page = Paginator(mine.filter(**FILTERS[show][1]), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "show": show,
        "tabs": [(key, label) for key, (label, _) in FILTERS.items()],
        "tally": selectors.tally(mine),
        "formats": FORMATS,
    }
    return render(request, "inference/drawings.html", context)


@requires(Capability.DRAW)
@require_safe
def drawing(request: HttpRequest, pk: int) -> HttpResponse:
    subject = _visible(request, pk)
    life = drawing_life.life_of(subject, readings.readings_of(subject), request.user)
    context = {
        "drawing": subject,
        "life": life,
        "mine": subject.author_id == request.user.pk,
        "blind": selectors.is_blind_to(request.user, subject),
    }
    return render(request, "inference/drawing.html", context)


@requires(Capability.DRAW)
@require_safe
def drawing_image(request: HttpRequest, pk: int) -> HttpResponse:
    """What the model saw, 28 x 28 PNG. It never changes."""
    image = digit_png(_visible(request, pk).image)
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return HttpResponse(image, content_type="image/png", headers=headers)


@requires(Capability.DRAW)
@require_safe
def drawings_export(request: HttpRequest, format: str) -> HttpResponse:
    """One's own drawings as a file."""
    return _exported(export_own, request, format)


@requires(Capability.ADMINISTER)
@require_safe
def all_drawings_export(request: HttpRequest, format: str) -> HttpResponse:
    """Everybody's."""
    return _exported(export_all, request, format)


def _exported(export: Callable, request: HttpRequest, format: str) -> HttpResponse:
    try:
        return export(format, by=request.user)
    except TooOften as error:
        return too_often(request, error)


def _visible(request: HttpRequest, pk: int) -> Drawing:
    subject = get_object_or_404(selectors.drawings_with_authors(), pk=pk)
    if not selectors.may_see(request.user, subject):
        raise PermissionDenied("This drawing belongs to somebody else.")
    return subject
