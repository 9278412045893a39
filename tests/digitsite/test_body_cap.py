"""Bodies are counted before Django keeps them: what is too large, and from whom, is stopped."""

import asyncio
import json

import pytest

from digitsite import body_cap
from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from digitsite.body_cap import BodyCap
from tests.factories import make_user

MIB = 1024 * 1024


class Django:
    """What is behind the cap: reads everything, and answers how much it was."""

    def __init__(self):
        self.read = 0

    async def __call__(self, scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.read += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})


def ask(path, size, *, key="", declared=True, method="POST"):
    """(status, answer, bytes that Django read) of a body of `size` in pieces of 1 MiB."""
    django = Django()
    headers = [(b"content-length", str(size).encode())] if declared else []
    if not declared:
        headers.append((b"transfer-encoding", b"chunked"))
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    left, sent = size, []

    async def receive():
        nonlocal left
        piece = min(left, MIB)
        left -= piece
        return {"type": "http.request", "body": bytes(piece), "more_body": left > 0}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(BodyCap(django)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], django.read


@pytest.fixture
def key(transactional_db):
    return create_token(make_user(Role.RESEARCHER), "test")[1]


@pytest.mark.parametrize("declared", [True, False])
def test_no_other_route_takes_more_than_the_usual(declared):
    assert ask("/api/v1/runs", 12 * MIB, declared=declared)[0] == 200
    status, answer, read = ask("/api/v1/runs", 200 * MIB, declared=declared)
    assert (status, json.loads(answer)["error"]["code"]) == (413, "too_large")
    assert read <= 12 * MIB


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", sorted(body_cap.UPLOAD_PATHS))
def test_an_upload_may_be_as_large_as_the_settings_say(path, declared, key, settings):
    settings.UPLOAD_MAX_BYTES = 30 * MIB
    assert ask(path, 30 * MIB, key=key, declared=declared) == (200, b"read", 30 * MIB)
    status, answer, read = ask(path, 40 * MIB, key=key, declared=declared)
    assert (status, json.loads(answer)["error"]["code"]) == (413, "too_large")
    assert read <= 31 * MIB


@pytest.mark.parametrize(
    ("role", "expected"), [(None, 401), (Role.DRAWER, 403), (Role.REVIEWER, 403)]
)
def test_nothing_large_is_read_from_who_may_not_upload(role, expected, transactional_db):
    key = create_token(make_user(role), "test")[1] if role else ""
    status, _, read = ask("/api/v1/datasets", 20 * MIB, key=key)
    assert (status, read) == (expected, 0)


def test_whoever_uploads_too_often_is_stopped_before_their_bytes(key, monkeypatch):
    from digitsite.accounts.rate import Rate
    from digitsite.accounts.tokens import user_of

    rate = Rate("uploads", per_second=0.01, burst=1)
    monkeypatch.setattr(body_cap, "uploads", rate)
    rate.take(user_of(key).pk)
    status, answer, read = ask("/api/v1/datasets", 20 * MIB, key=key)
    assert (status, read) == (429, 0)
    assert b"Too many uploads" in answer


def test_the_site_has_the_cap_in_front_of_django():
    from digitsite import asgi

    mounted = [route.app for route in _parents(asgi.application) if hasattr(route, "app")]
    assert any(isinstance(app, BodyCap) for app in mounted)


def _parents(app):
    """The routes of the site inside its middlewares."""
    while not hasattr(app, "routes"):
        app = app.app
    return app.routes
