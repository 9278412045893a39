"""The gate in front of the studio: Gradio's routes do not know Django's sign-in.

A pure ASGI middleware. Whatever is under the studio's prefix passes here, in this order: Host, who
asks (a session, the personal token of a program, or a share link in the path) and whether they may
draw, a list of the routes that they need (every other one is refused), same origin, how often, and
the size of the body. Streams end soon after their caller lost the right. Live readings are
answered here; everything else goes straight to the inner application.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from digitsite.accounts.open_streams import OpenStreams
from digitsite.database_threads import in_database_thread
from digitsite.gate_answers import Refusal, refuse, with_headers
from digitsite.gate_callers import Caller, count, person, visitor
from digitsite.gate_routes import ALLOWED_ROUTES, VISITOR_ROUTES, is_allowed, is_stream
from inference.studio import quick

MAX_BODY_BYTES = 12 * 1024 * 1024
"""Room for the largest picture (8 MiB) in base64."""

BODY_SECONDS = 30
LOOK_SECONDS = 2.0
"""How often the caller of an open stream is asked for again."""

SAFE_METHODS = {"GET", "HEAD"}
CALLER_KEY = "digitsite.caller"
"""Where the Caller is found in the ASGI scope of a request that passed."""

studio_streams = OpenStreams()

_ONCE = {b"host", b"origin", b"content-length", b"authorization"}
_NOT_FOR_GRADIO = {
    b"x-forwarded-host",
    b"x-forwarded-prefix",
    b"x-gradio-server",
    b"forwarded",
    b"authorization",
}


class Gate:
    """ASGI middleware: guards `prefix`, e.g. "/studio", of the inner application.

    The same studio is there for visitors of a share link, under "/s/TOKEN" + `prefix`.
    """

    def __init__(self, app, prefix: str) -> None:
        self.app = app
        self.prefix = prefix
        self._shared = re.compile(rf"(/s/([A-Za-z0-9_-]{{1,100}})){re.escape(prefix)}(?:/.*)?")

    async def __call__(self, scope, receive, send) -> None:
        path = scope.get("path", "")
        shared = self._shared.fullmatch(path)
        own = path == self.prefix or path.startswith(self.prefix + "/")
        if scope["type"] == "lifespan" or not (own or shared):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            root, token = shared.groups() if shared else ("", "")
            await self._http(scope, receive, send, root, token)

    async def _http(self, scope, receive, send, root: str, token: str) -> None:
        path = scope["path"][len(root) + len(self.prefix) :]
        try:
            headers = _headers(scope)
            _check_host(headers)
            if not path:
                moved = root + self.prefix + "/"
                raise Refusal(308, "moved", "The studio has moved.", location=moved)

            def who() -> Caller:
                if root:
                    return visitor(scope, headers, token, path)
                return person(scope, headers)

            caller = await in_database_thread(who)
            if not is_allowed(scope["method"], path, VISITOR_ROUTES if root else ALLOWED_ROUTES):
                raise Refusal(404, "not_found", "There is no such thing here.")
            if scope["method"] not in SAFE_METHODS:
                _check_origin(scope, headers)
                count(caller, scope, path)
            body = await _body(headers, receive)
            if root and scope["method"] not in SAFE_METHODS:
                _check_names_no_other_endpoint(body)
            if is_stream(scope["method"], path):
                _check_streams(caller)
        except Refusal as refusal:
            await refuse(refusal, scope, send)
            return
        inner = {**scope, "headers": _trusted(scope["headers"]), CALLER_KEY: caller}
        if root:  # Gradio builds its addresses from this, and its mount is found behind it
            inner["root_path"] = scope.get("root_path", "") + root
        send = with_headers(scope, send)
        if path in quick.PATHS and scope["method"] == "POST":
            reading = await quick.quick_reading(body)
            if reading is not None:
                await _send_json(reading, send)
                return
        if is_stream(scope["method"], path):
            with studio_streams.one_more(caller.name):
                await _while_welcome(who, self.app, inner, _replay(body, receive), send)
        else:
            await self.app(inner, _replay(body, receive), send)


async def _while_welcome(who: Callable[[], Caller], app, scope, receive, send) -> None:
    """Answer with a stream, and end it soon after its caller may no longer ask."""
    started = False

    async def noting_send(message) -> None:
        nonlocal started
        started = True
        await send(message)

    work = asyncio.ensure_future(app(scope, receive, noting_send))
    try:
        while not (await asyncio.wait({work}, timeout=LOOK_SECONDS))[0]:
            try:
                await in_database_thread(who)
            except Refusal:
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                if started:
                    await send({"type": "http.response.body", "body": b""})
                return
        await work
    finally:
        work.cancel()


def _headers(scope) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        name = name.lower()
        if name == b"cookie" and name in headers:  # HTTP/2 may split it
            value = headers[name] + b"; " + value
        elif name in _ONCE and name in headers:
            raise Refusal(400, "bad_request", f"The header {name.decode()} is there twice.")
        headers[name] = value
    return headers


def _check_host(headers: dict[bytes, bytes]) -> None:
    host = headers.get(b"host", b"").decode("latin-1")
    domain, _port = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        message = "This site does not answer to that host name; see DIGITSITE_HOSTS."
        raise Refusal(400, "bad_request", message)


def _check_origin(scope, headers: dict[bytes, bytes]) -> None:
    """Browsers name the origin of every unsafe request; programs outside a browser do not."""
    refusal = Refusal(403, "foreign_origin", "Requests from other sites are refused.")
    origin = headers.get(b"origin")
    if origin is None:
        if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
            raise refusal
        return
    scheme = "https" if settings.HTTPS else scope.get("scheme", "http")
    own = f"{scheme}://{headers[b'host'].decode('latin-1')}"
    if origin.decode("latin-1").lower() != own.lower():
        raise refusal


def _check_streams(caller: Caller) -> None:
    most = settings.STUDIO_STREAMS_PER_PERSON
    if studio_streams.of(caller.name) >= most:
        message = f"You have {most} streams of the studio open. Close some, then try again."
        raise Refusal(429, "too_many_streams", message, retry_after=10)


def _check_names_no_other_endpoint(body: bytes) -> None:
    """Gradio follows a `fn_index` in the body rather than the name in the path, by which visitors
    are let through and counted. Their page sends `data` and nothing else."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or given.keys() != {"data"}:
        message = "The body of a call is a JSON object with `data` and nothing else."
        raise Refusal(422, "invalid", message)


async def _send_json(content: bytes, send) -> None:
    length = str(len(content)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _trusted(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without the headers from which Gradio would build addresses of another host, and without
    the token, which has done its work."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_FOR_GRADIO]


async def _body(headers: dict[bytes, bytes], receive) -> bytes:
    """The whole body, so that a too large one is refused before anybody reads it."""
    too_large = Refusal(
        413, "too_large", f"At most {MAX_BODY_BYTES // 1024 // 1024} MB are accepted."
    )
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise Refusal(400, "bad_request", "The header content-length is not a number.")
    if int(declared) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "bad_request", "The connection ended early.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY_BYTES:
                    raise too_large
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(408, "too_slow", "The request took too long to arrive.") from None


def _replay(body: bytes, receive):
    sent = False

    async def replay():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
