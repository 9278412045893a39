"""Personal API tokens: made, checked, revoked.

A key is 256 random bits, so a plain SHA-256 is enough to store it by: there is nothing to guess.
"""

import hashlib
import secrets
import threading
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from digitsite.accounts.models import ApiToken, User
from digitsite.accounts.roles import Capability, capabilities_of

PREFIX = "digitsite_"
HINT_CHARACTERS = len(PREFIX) + 2
TOKENS_PER_PERSON = 20
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenError(ValueError):
    """Why no token was made, in one sentence."""


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def create_token(owner: User, name: str) -> tuple[ApiToken, str]:
    """The row and the key, which cannot be read again. Raises TokenError."""
    name = name.strip()
    if not 1 <= len(name) <= 60:
        raise TokenError(f"A token's name has 1 to 60 characters, got {len(name)}.")
    if live_tokens(owner).count() >= TOKENS_PER_PERSON:
        raise TokenError(
            f"You have {TOKENS_PER_PERSON} tokens: revoke one before you make another."
        )
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        owner=owner, name=name, digest=digest_of(key), hint=key[:HINT_CHARACTERS]
    )
    return token, key


def live_tokens(owner: User):
    return ApiToken.objects.filter(owner=owner, revoked_at=None)


def revoke_token(owner: User, pk: int) -> bool:
    """Ends a token of this person at once; False if there is none such."""
    return bool(live_tokens(owner).filter(pk=pk).update(revoked_at=timezone.now()))


class Holder(NamedTuple):
    """Who holds a key, and what it allows at this moment."""

    owner_id: int | None
    capabilities: frozenset[Capability]


NOBODY = Holder(None, frozenset())


def holder_of_key(key: str) -> Holder:
    """The owner of a live token; NOBODY for any other key.

    As `user_of(key)` and its capabilities, in one query. Notes its use as that does.
    """
    if not key.startswith(PREFIX):
        return NOBODY
    rows = list(
        ApiToken.objects.filter(digest=digest_of(key), revoked_at=None, owner__is_active=True)
        .order_by()
        .values_list("pk", "owner_id", "last_used_at", "owner__is_superuser", "owner__groups__name")
    )
    if not rows:
        return NOBODY
    pk, owner_id, last_used_at, is_superuser, _ = rows[0]
    _note_use(pk, last_used_at)
    if is_superuser:
        return Holder(owner_id, frozenset(Capability))
    return Holder(owner_id, capabilities_of([name for *_, name in rows if name is not None]))


def user_of(key: str) -> User | None:
    """The active owner of a live token. Notes its use, at most once a minute."""
    if not key.startswith(PREFIX):
        return None
    token = (
        ApiToken.objects.select_related("owner")
        .filter(digest=digest_of(key), revoked_at=None, owner__is_active=True)
        .first()
    )
    if token is None:
        return None
    _note_use(token.pk, token.last_used_at)
    return token.owner


_used: set[int] = set()
_noting = threading.Lock()


def _note_use(pk: int, last_used_at: datetime | None) -> None:
    """One thread at a time writes, for all: many programs that start together wait for no write.

    A use that comes just as the writer ends is noted by the next one.
    """
    now = timezone.now()
    if last_used_at is not None and last_used_at >= now - USE_NOTED_EVERY:
        return
    _used.add(pk)
    if not _noting.acquire(blocking=False):
        return
    try:
        while _used:
            used = set(_used)
            _used.difference_update(used)
            ApiToken.objects.filter(pk__in=used).update(last_used_at=now)
    finally:
        _noting.release()
