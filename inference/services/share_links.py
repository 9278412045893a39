"""Share links: made, found by their token, counted, ended.

A token is 192 random bits, so a plain SHA-256 is enough to store it by. A link also ends when its
owner's account is closed or loses the right to share.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference.models import ShareLink

TOKEN_BYTES = 24
HINT_CHARACTERS = 4
LINKS_PER_PERSON = 50
MAX_DRAWINGS = 100_000
USE_NOTED_EVERY = timedelta(minutes=1)

EXPIRIES: dict[str, tuple[str, timedelta]] = {
    "hour": ("One hour", timedelta(hours=1)),
    "day": ("One day", timedelta(days=1)),
    "week": ("One week", timedelta(days=7)),
    "month": ("30 days", timedelta(days=30)),
    "term": ("180 days", timedelta(days=180)),
}
"""How long a link may live; none lives for ever."""

DEFAULT_EXPIRY = "week"

WHY_OVER = {
    "unknown": "There is no such link. It may be mistyped: check it with whoever gave it to you.",
    "revoked": "Whoever made this link has ended it.",
    "expired": "This link has run out. Ask whoever gave it to you for a new one.",
    "full": "This link has taken all the drawings it was made for. Thank you for helping.",
}


class ShareLinkError(ValueError):
    """Why no link was made: one sentence, and the field it is about."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class LinkOver(Exception):
    """The link lets nobody draw (any more). `reason` is a key of WHY_OVER."""

    def __init__(self, reason: str) -> None:
        super().__init__(WHY_OVER[reason])
        self.reason = reason


def create_share_link(
    owner: User, *, label: str, expiry: str = DEFAULT_EXPIRY, max_drawings: int | None = None
) -> tuple[ShareLink, str]:
    """The row and the token, which cannot be read again. Raises ShareLinkError."""
    label = label.strip()
    if not 1 <= len(label) <= 60:
        raise ShareLinkError(
            "label", f"Say what it is for in 1 to 60 characters, not {len(label)}."
        )
    if expiry not in EXPIRIES:
        raise ShareLinkError("expiry", f"A link lives for one of: {', '.join(EXPIRIES)}.")
    if max_drawings is not None and not 1 <= max_drawings <= MAX_DRAWINGS:
        raise ShareLinkError(
            "max_drawings", f"The maximum is 1 to {MAX_DRAWINGS:,} drawings, or none."
        )
    now = timezone.now()
    if live_links(now).filter(owner=owner).count() >= LINKS_PER_PERSON:
        raise ShareLinkError(
            "label", f"You have {LINKS_PER_PERSON} open links: revoke one before you make another."
        )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    link = ShareLink.objects.create(
        owner=owner,
        label=label,
        digest=digest_of(token),
        hint=token[:HINT_CHARACTERS],
        expires_at=now + EXPIRIES[expiry][1],
        max_drawings=max_drawings,
    )
    return link, token


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def live_links(now: datetime):
    """Neither revoked nor run out; some may be full."""
    return ShareLink.objects.filter(revoked_at=None, expires_at__gt=now)


def revoke_share_link(link: ShareLink) -> bool:
    """Ends the link at once; False if it was revoked before."""
    now = timezone.now()
    return bool(ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now))


def open_link(token: str) -> ShareLink:
    """The live link of this token, its use noted. Asks the database every time; raises LinkOver."""
    link = ShareLink.objects.select_related("owner").filter(digest=digest_of(token)).first()
    if link is None:
        raise LinkOver("unknown")
    now = timezone.now()
    reason = link.reason_over(now)
    if not reason and not link.owner.can(Capability.SHARE):
        reason = "revoked"
    if reason:
        raise LinkOver(reason)
    if link.last_used_at is None or link.last_used_at < now - USE_NOTED_EVERY:
        ShareLink.objects.filter(pk=link.pk).update(last_used_at=now)
    return link


def count_drawing(link: ShareLink) -> None:
    """Take one of the link's drawings, in the transaction that stores it. Raises LinkOver.

    One conditional update: of two visitors who submit the last one, one is refused.
    """
    now = timezone.now()
    room = Q(max_drawings=None) | Q(drawings_taken__lt=F("max_drawings"))
    taken = (
        live_links(now)
        .filter(room, pk=link.pk)
        .update(drawings_taken=F("drawings_taken") + 1, last_used_at=now)
    )
    if not taken:
        link.refresh_from_db()
        raise LinkOver(link.reason_over(now) or "full")


# Gradio knows callers by name only. A space is in no username, so a visitor is never taken for
# a person.
_VISITOR = "visitor of link "


def visitor_name(link: ShareLink) -> str:
    return f"{_VISITOR}{link.pk}"


def link_of_visitor(name: str) -> ShareLink | None:
    """The link that `visitor_name` named; None for a person's name."""
    if not name.startswith(_VISITOR):
        return None
    return ShareLink.objects.get(pk=int(name.removeprefix(_VISITOR)))
