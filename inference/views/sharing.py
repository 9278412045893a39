"""Share links: the page on which members make them, and the page that their visitors see."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability
from inference import selectors
from inference.models import ShareLink
from inference.services import share_links
from inference.share_form import ShareLinkForm
from inference.views.drawings import PER_PAGE

LINKS_PER_PAGE = 30


@requires(Capability.SHARE)
@require_safe
def sharing(request: HttpRequest) -> HttpResponse:
    return _sharing(request, ShareLinkForm())


@requires(Capability.SHARE)
@never_cache
@require_POST
def share_create(request: HttpRequest) -> HttpResponse:
    """Makes a link and shows its address, on this answer only."""
    form = ShareLinkForm(request.POST)
    if not form.is_valid():
        return _sharing(request, form, status=422)
    try:
        link, token = share_links.create_share_link(request.user, **form.cleaned_data)
    except share_links.ShareLinkError as error:
        form.add_error(error.field, str(error))
        return _sharing(request, form, status=422)
    address = request.build_absolute_uri(reverse("shared", args=[token]))
    return _sharing(request, ShareLinkForm(), status=201, new_link=link, new_address=address)


@requires(Capability.SHARE)
@require_POST
def share_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    link = _own_link(request, pk)
    if share_links.revoke_share_link(link):
        messages.success(request, f"“{link.label}” is revoked: whoever has it open is out.")
    else:
        messages.warning(request, f"“{link.label}” was revoked before.")
    return redirect("sharing")


@requires(Capability.SHARE)
@require_safe
def share_drawings(request: HttpRequest, pk: int) -> HttpResponse:
    """What was drawn through one link."""
    link = _own_link(request, pk)
    drawn = selectors.drawings_through(link)
    page = Paginator(drawn, PER_PAGE).get_page(request.GET.get("page"))
    context = {"link": link, "page": page, "tally": selectors.tally(drawn)}
    return render(request, "inference/share_drawings.html", context)


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The page that a visitor without account sees; the gate guards the studio in it."""
    try:
        link = share_links.open_link(token)
    except share_links.LinkOver as over:
        status = 404 if over.reason == "unknown" else 410
        return render(request, "inference/shared_over.html", {"over": over}, status=status)
    context = {
        "link": link,
        "studio": f"/s/{token}/studio/",
        "has_account": request.user.is_authenticated and request.user.can(Capability.DRAW),
    }
    response = render(request, "inference/shared.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


def _sharing(
    request: HttpRequest, form: ShareLinkForm, status: int = 200, **context
) -> HttpResponse:
    is_admin = request.user.can(Capability.ADMINISTER)
    everybody = is_admin and "all" in request.GET
    found = selectors.share_links(None if everybody else request.user)
    page = Paginator(found, LINKS_PER_PAGE).get_page(request.GET.get("page"))
    context |= {"form": form, "page": page, "is_admin": is_admin, "everybody": everybody}
    return render(request, "inference/sharing.html", context, status=status)


def _own_link(request: HttpRequest, pk: int) -> ShareLink:
    """One's own links, and for administrators everybody's."""
    link = get_object_or_404(selectors.share_links(None), pk=pk)
    if link.owner_id != request.user.pk and not request.user.can(Capability.ADMINISTER):
        raise PermissionDenied("This link belongs to somebody else.")
    return link
