"""The gate in front of the studio: Gradio's routes do not know Django's sign-in.

A pure ASGI middleware. Whatever is under the studio's prefix passes here, in this order: Host,
sign-in (a session, or the personal token of a program) and capability, a list of the routes that
the studio needs (every other one is refused), same origin, and the size of the body. Everything
else goes straight to the inner application.
"""

import asyncio
import re
from http.cookies import CookieError
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.urls import reverse

from digitsite.accounts import tokens
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from digitsite.database_threads import in_database_thread

MAX_BODY_BYTES = 12 * 1024 * 1024
"""Room for the largest picture (8 MiB) in base64."""

BODY_SECONDS = 30
SAFE_METHODS = {"GET", "HEAD"}
USER_KEY = "digitsite.user"
"""Where the signed-in User is found in the ASGI scope of a request that passed."""

_ONCE = {b"host", b"origin", b"content-length", b"authorization"}
_NOT_FOR_GRADIO = {b"x-forwarded-host", b"x-forwarded-prefix", b"forwarded", b"authorization"}

_NAME = r"[A-Za-z0-9_-]+"

ALLOWED_ROUTES: tuple[tuple[frozenset[str], re.Pattern[str]], ...] = tuple(
    (frozenset(methods.split()), re.compile(pattern))
    for methods, pattern in (
        ("GET HEAD", r"/"),
        ("GET", r"/config/?"),
        ("GET", r"/theme\.css"),
        ("GET", r"/gradio_api/theme\.css"),
        ("GET", r"/assets/[A-Za-z0-9_./@-]+"),
        ("GET", r"/static/[A-Za-z0-9_./@-]+"),
        ("GET", r"/gradio_api/info/?"),
        ("GET", r"/gradio_api/startup-events"),
        ("GET", rf"/gradio_api/heartbeat/{_NAME}"),
        ("POST", rf"/gradio_api/(?:run|api)/{_NAME}/?"),
        ("POST", r"/gradio_api/queue/join"),
        ("GET", r"/gradio_api/queue/data"),
        ("POST", rf"/gradio_api/call/(?:v2/)?{_NAME}/?"),
        ("GET", rf"/gradio_api/call/(?:v2/)?{_NAME}/{_NAME}"),
    )
)
"""All that the studio's page, its API page and `gradio_client` ask for; the path is whole."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # gr.HTML compiles its template
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'none'",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)

_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Refusal(Exception):
    """An answer that the gate gives itself."""

    def __init__(self, status: int, message: str, location: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.location = location


class Gate:
    """ASGI middleware: guards `prefix`, e.g. "/studio", of the inner application."""

    def __init__(self, app, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope, receive, send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "lifespan" or not (
            path == self.prefix or path.startswith(self.prefix + "/")
        ):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope, receive, send) -> None:
        try:
            scope, body = await self._admit(scope, receive)
        except Refusal as refusal:
            await _refuse(refusal, scope, send)
            return
        await self.app(scope, _replay(body, receive), _with_headers(scope, send))

    async def _admit(self, scope, receive) -> tuple[dict, bytes]:
        """The scope to hand on, which holds the user, and the body. Raises Refusal."""
        headers = _headers(scope)
        _check_host(headers)
        path = scope["path"][len(self.prefix) :]
        if not path:
            raise Refusal(308, "The studio has moved.", location=self.prefix + "/")
        user = await in_database_thread(_who, scope, headers)
        if not user.can(Capability.DRAW):
            raise Refusal(403, "Your roles do not include the right to draw.")
        if not is_allowed(scope["method"], path):
            raise Refusal(404, "Not found.")
        if scope["method"] not in SAFE_METHODS:
            _check_origin(scope, headers)
        body = await _body(headers, receive)
        return {**scope, "headers": _trusted(scope["headers"]), USER_KEY: user}, body


def is_allowed(method: str, path: str) -> bool:
    """Whether the studio needs this route; `path` is what follows the prefix."""
    if ".." in path:
        return False
    return any(method in methods and pattern.fullmatch(path) for methods, pattern in ALLOWED_ROUTES)


def _who(scope, headers: dict[bytes, bytes]) -> User:
    """Who asks. A program that sends a token is judged by the token alone. Raises Refusal."""
    authorization = headers.get(b"authorization")
    if authorization is None:
        user = identify(headers.get(b"cookie", b"").decode("latin-1"))
        if user is None:
            raise _sign_in(scope, headers)
        return user
    user = identify_token(authorization.decode("latin-1"))
    if user is None:
        raise Refusal(401, "This token is unknown or revoked.")
    return user


def identify_token(authorization: str) -> User | None:
    """The active owner of the live token in `Bearer TOKEN`; asks the database every time."""
    scheme, _, key = authorization.partition(" ")
    user = tokens.user_of(key.strip()) if scheme.lower() == "bearer" else None
    if user is not None:
        _ = user.capabilities  # read here, where the database may be asked
    return user


def identify(cookie_header: str) -> User | None:
    """The active user whose session the cookies name; asks the database every time."""
    try:
        cookies = parse_cookie(cookie_header)
    except CookieError:
        return None
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated:
        return None
    _ = user.capabilities  # read here, where the database may be asked
    return user


def _headers(scope) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        name = name.lower()
        if name == b"cookie" and name in headers:  # HTTP/2 may split it
            value = headers[name] + b"; " + value
        elif name in _ONCE and name in headers:
            raise Refusal(400, f"The header {name.decode()} is there twice.")
        headers[name] = value
    return headers


def _check_host(headers: dict[bytes, bytes]) -> None:
    host = headers.get(b"host", b"").decode("latin-1")
    domain, _port = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Refusal(400, "This site does not answer to that host name; see DIGITSITE_HOSTS.")


def _check_origin(scope, headers: dict[bytes, bytes]) -> None:
    """Browsers name the origin of every unsafe request; programs outside a browser do not."""
    origin = headers.get(b"origin")
    if origin is None:
        if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
            raise Refusal(403, "Requests from other sites are refused.")
        return
    scheme = "https" if settings.HTTPS else scope.get("scheme", "http")
    own = f"{scheme}://{headers[b'host'].decode('latin-1')}"
    if origin.decode("latin-1").lower() != own.lower():
        raise Refusal(403, "Requests from other sites are refused.")


def _sign_in(scope, headers: dict[bytes, bytes]) -> Refusal:
    """People who open the page are led to the sign-in page, programs and scripts get a 401."""
    opens_page = headers.get(b"sec-fetch-dest", b"document") == b"document"
    if scope["method"] == "GET" and opens_page and b"text/html" in headers.get(b"accept", b""):
        target = quote(scope["path"])
        return Refusal(302, "Sign in first.", location=f"{reverse('login')}?next={target}")
    return Refusal(401, "Sign in first.")


def _trusted(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without the headers from which Gradio would build addresses of another host, and without
    the token, which has done its work."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_FOR_GRADIO]


async def _body(headers: dict[bytes, bytes], receive) -> bytes:
    """The whole body, so that a too large one is refused before anybody reads it."""
    too_large = Refusal(413, f"At most {MAX_BODY_BYTES // 1024 // 1024} MB are accepted.")
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise Refusal(400, "The header content-length is not a number.")
    if int(declared) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "The connection ended early.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY_BYTES:
                    raise too_large
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(408, "The request took too long to arrive.") from None


def _replay(body: bytes, receive):
    sent = False

    async def replay():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(scope, send):
    """Adds the site's headers; Gradio's files carry a hash in their name and may be kept."""
    keep = b"/assets/" in scope["path"].encode()
    cache = b"private, max-age=31536000, immutable" if keep else b"no-store"

    async def guarded_send(message) -> None:
        if message["type"] == "http.response.start":
            ours = {name for name, _ in _HEADERS} | {b"cache-control"}
            if b"/static/" in scope["path"].encode():
                ours.discard(b"cache-control")
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
            added = [*_HEADERS, (b"cache-control", cache)]
            headers += [pair for pair in added if pair[0] in ours]
            message = {**message, "headers": headers}
        await send(message)

    return guarded_send


async def _refuse(refusal: Refusal, scope, send) -> None:
    body = b"" if scope["method"] == "HEAD" else refusal.message.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(refusal.message.encode())).encode()),
        (b"cache-control", b"no-store"),
        *_HEADERS,
    ]
    if refusal.location:
        headers.append((b"location", refusal.location.encode()))
    if refusal.status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
