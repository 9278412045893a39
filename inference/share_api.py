"""REST: share links."""

from datetime import datetime

from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from digitsite.accounts.api_access import ApiError, may
from digitsite.accounts.roles import Capability
from inference import selectors
from inference.models import ShareLink
from inference.services import share_links

router = Router()


class ShareLinkIn(Schema):
    """`label` says what it is for; `expiry` is hour, day, week, month or term."""

    label: str
    expiry: str = share_links.DEFAULT_EXPIRY
    max_drawings: int | None = None


class ShareLinkOut(Schema):
    """`state` is live, revoked, expired or full."""

    id: int
    owner: str
    label: str
    hint: str
    state: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    drawings: int
    max_drawings: int | None

    @staticmethod
    def resolve_owner(link: ShareLink) -> str:
        return link.owner.get_username()

    @staticmethod
    def resolve_state(link: ShareLink) -> str:
        return link.state

    @staticmethod
    def resolve_drawings(link: ShareLink) -> int:
        return link.drawings_taken


class NewShareLinkOut(ShareLinkOut):
    """`address` is told here only: it is not stored."""

    address: str


@router.get("/share-links", response=list[ShareLinkOut], auth=may(Capability.SHARE), tags=["share"])
@paginate(LimitOffsetPagination)
def list_share_links(request: HttpRequest):
    """One's own, newest first; administrators get everybody's."""
    is_admin = request.auth.can(Capability.ADMINISTER)
    return selectors.share_links(None if is_admin else request.auth)


@router.post(
    "/share-links", response={201: NewShareLinkOut}, auth=may(Capability.SHARE), tags=["share"]
)
def create_share_link(request: HttpRequest, body: ShareLinkIn):
    """Make a link by which people without an account draw and submit."""
    try:
        link, token = share_links.create_share_link(
            request.auth, label=body.label, expiry=body.expiry, max_drawings=body.max_drawings
        )
    except share_links.ShareLinkError as error:
        raise ApiError(422, "invalid", str(error), field=error.field) from error
    link.address = request.build_absolute_uri(reverse("shared", args=[token]))
    return Status(201, link)


@router.post(
    "/share-links/{int:pk}/revoke",
    response=ShareLinkOut,
    auth=may(Capability.SHARE),
    tags=["share"],
)
def revoke_share_link(request: HttpRequest, pk: int):
    """End a link at once, also for those who have it open."""
    link = selectors.share_links(None).filter(pk=pk).first()
    # Somebody else's link is not told from one that does not exist.
    if link is None or (
        link.owner_id != request.auth.pk and not request.auth.can(Capability.ADMINISTER)
    ):
        raise Http404(f"You have no share link {pk}.")
    share_links.revoke_share_link(link)
    link.refresh_from_db()
    return link
