"""The short way to a prediction: programs with a token do not pass all of Django for it.

A pure ASGI middleware in front of the site. It answers `POST /api/v1/predict` itself when all is
well. Whatever is not (no token, a wrong one, another host, a body that cannot be read, no model)
goes on to Django's route, body and all, which says what is wrong: there is one place for errors,
and the documentation of the route is Django's.
"""

import logging

from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host

from digitsite.accounts import tokens
from digitsite.accounts.roles import Capability
from digitsite.database_threads import in_database_thread
from inference.predict_call import predict_call

PATH = "/api/v1/predict"

logger = logging.getLogger(__name__)

_ONCE = {b"host", b"authorization", b"content-length", b"x-forwarded-proto"}


class QuickPredict:
    """ASGI middleware around the whole site."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        key = _token(scope)
        caller = None if key is None else await _caller(key)
        if caller is None:  # nothing of a stranger's body is read
            await self.app(scope, receive, send)
            return
        messages = await _read(receive)
        answer = None
        if messages[-1]["type"] == "http.request":
            body = b"".join(part.get("body", b"") for part in messages)
            answer = await _answer(body, caller)
        if answer is None:
            await self.app(scope, _replay(messages, receive), send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
            *_security_headers(),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _token(scope) -> str | None:
    """The token of a request that may go the short way."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return None
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in headers and name in _ONCE:
            return None
        headers[name] = value
    length = headers.get(b"content-length", b"")
    if (
        b"transfer-encoding" in headers
        or not length.isdigit()
        or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    ):
        return None
    if settings.HTTPS and headers.get(b"x-forwarded-proto") != b"https":
        return None
    domain, _port = split_domain_port(headers.get(b"host", b"").decode("latin-1"))
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return None
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return key if scheme.lower() == "bearer" else None


async def _read(receive) -> list[dict]:
    """All messages of the body, or up to the end of the connection."""
    messages = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: list[dict], receive):
    waiting = iter(messages)

    async def replay() -> dict:
        message = next(waiting, None)
        return await receive() if message is None else message

    return replay


async def _caller(key: str) -> int | None:
    """The primary key of the token's owner, if they may draw."""
    try:
        holder = await in_database_thread(tokens.holder_of_key, key)
    except DatabaseError as error:
        logger.debug("left to Django: %r", error)
        return None
    return holder.owner_id if Capability.DRAW in holder.capabilities else None


async def _answer(body: bytes, caller: int) -> bytes | None:
    """The answer of the model as JSON; None if there is anything to refuse."""
    try:
        return await predict_call(body, caller)
    except Exception as error:  # Django's route fails in the same way, and says it as it should
        logger.debug("left to Django: %r", error)
        return None


def _security_headers() -> list[tuple[bytes, bytes]]:
    """Those that Django's middleware gives; nothing here is a page that could load or be framed."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
        (b"cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
        (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
        (b"content-security-policy", b"default-src 'none'"),
    ]
    if settings.SECURE_HSTS_SECONDS:
        value = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
        headers.append((b"strict-transport-security", value.encode()))
    return headers
