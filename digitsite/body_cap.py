"""How large the body of a request to Django may be: counted while it arrives, never collected.

A pure ASGI middleware. Django puts bodies on the disk before any view or permission is asked, so
what is too large for anything but an upload is stopped here; an upload of a dataset has a cap of
its own, on its own routes, and only from people who may upload.
"""

from collections import Counter

from django.conf import settings

from digitsite.accounts.limits import uploads
from digitsite.accounts.models import User
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from digitsite.database_threads import in_database_thread
from digitsite.gate_answers import Refusal, refuse
from digitsite.gate_callers import identify, identify_token

UPLOAD_PATHS = frozenset({"/datasets/upload/", "/api/v1/datasets"})
USUAL_BYTES = 12 * 1024 * 1024
"""Django itself refuses less than that where less is enough, in the words of its page or route."""

FORM_BYTES = 1024 * 1024
"""Room for the other fields of an upload."""

AT_ONCE = 2
"""Uploads of one person that may arrive at the same time in one web process."""


class BodyCap:
    """ASGI middleware around Django."""

    def __init__(self, app) -> None:
        self.app = app
        self._arriving: Counter[int] = Counter()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        try:
            declared = _declared(scope)
            is_upload = scope["path"] in UPLOAD_PATHS and (
                declared is None or declared > USUAL_BYTES
            )
            if not is_upload:
                await self._capped(scope, receive, send, USUAL_BYTES, declared)
                return
            user = await in_database_thread(_uploader, scope)
            if self._arriving[user.pk] >= AT_ONCE:
                message = f"{AT_ONCE} of your uploads are arriving already: wait for one of them."
                raise Refusal(429, "too_often", message, retry_after=30)
            self._arriving[user.pk] += 1
            try:
                most = settings.UPLOAD_MAX_BYTES + FORM_BYTES
                await self._capped(scope, receive, send, most, declared)
            finally:
                self._arriving[user.pk] -= 1
        except Refusal as refusal:
            await refuse(refusal, scope, send)

    async def _capped(self, scope, receive, send, most: int, declared: int | None) -> None:
        too_large = Refusal(413, "too_large", f"A request here has at most {most:,} bytes.")
        if declared is not None and declared > most:
            raise too_large
        size, is_over, started = 0, False, False

        async def counting() -> dict:
            nonlocal size, is_over
            message = await receive()
            size += len(message.get("body", b""))
            if size <= most:
                return message
            is_over = True
            return {"type": "http.disconnect"}

        async def noting(message) -> None:
            nonlocal started
            started = True
            await send(message)

        await self.app(scope, counting, noting)
        if is_over and not started:
            raise too_large


def _declared(scope) -> int | None:
    """The content length, None where the body comes in chunks."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise Refusal(400, "bad_request", "The header content-length is not a number.")
    return int(length)


def _uploader(scope) -> User:
    """Who uploads. Raises Refusal for whoever may not, before their bytes are taken."""
    headers = dict(scope["headers"])
    if (authorization := headers.get(b"authorization")) is not None:
        user = identify_token(authorization.decode("latin-1"))
    else:
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        user = identify(b"; ".join(cookies).decode("latin-1"))
    if user is None:
        raise Refusal(401, "not_signed_in", "Send `Authorization: Bearer TOKEN`, or sign in.")
    if not user.can(Capability.LAUNCH_RUNS):
        message = f"Your roles do not include the right to {Capability.LAUNCH_RUNS}."
        raise Refusal(403, "forbidden", message)
    try:
        uploads.check(user.pk)
    except TooOften as error:
        retry_after = error.retry_after_seconds
        raise Refusal(429, "too_often", str(error), retry_after=retry_after) from None
    return user
