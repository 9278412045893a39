"""The short way to a prediction says what Django's route says, or leaves it to that."""

import asyncio
import json

import httpx
import pytest
from django.core.asgi import get_asgi_application

from digitsite.accounts import tokens
from digitsite.accounts.roles import Capability, Role
from digitsite.quick_predict import QuickPredict
from inference.predictor import predictor
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_version

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/v1/predict"
BODY = {"strokes": [[[0.2, 0.2], [0.5, 0.4], [0.8, 0.8]]]}


@pytest.fixture(autouse=True)
def _nothing_in_production_is_remembered():
    predictor.forget()
    yield
    predictor.forget()


@pytest.fixture
def production():
    version = make_version()
    promote(version, by=None, reason="for the test")
    return version


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def key(ada):
    return tokens.create_token(ada, "test")[1]


async def marker(scope, receive, send):
    """Stands for Django: tells how much of the body reached it."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(key: str, body=None, *, app=marker, method="POST", path=PATH, headers=None, quick=True):
    async def request():
        asked = QuickPredict(app) if quick else app
        transport = httpx.ASGITransport(app=asked)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            content = body if isinstance(body, bytes) else json.dumps(body or BODY).encode()
            sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            return await client.request(
                method, path, content=content, headers=sent | (headers or {})
            )

    return asyncio.run(request())


@pytest.mark.parametrize(
    "body", [BODY, BODY | {"with_image": True}, {"batch": [BODY, BODY]}, {"image": [[9] * 28] * 28}]
)
def test_the_answer_is_that_of_the_documented_route(production, key, body):
    quick = ask(key, body)
    django = ask(key, body, app=get_asgi_application(), quick=False)
    assert (quick.status_code, django.status_code) == (200, 200)
    assert quick.json() | {"milliseconds": 0} == django.json() | {"milliseconds": 0}
    # Django's answer to a session may differ by cookie; a page's policy is longer than an answer's.
    names = set(django.headers) - {"content-security-policy", "content-length", "vary"}
    assert "x-content-type-options" in names
    for name in names:
        assert quick.headers.get(name) == django.headers[name], name
    assert quick.headers["content-security-policy"] == "default-src 'none'"


@pytest.mark.parametrize("body", [b"{", {"strokes": []}, {"batch": []}, {"picture": "AAAA"}])
def test_what_is_wrong_is_left_to_django_with_its_body(production, key, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    left = ask(key, content)
    assert (left.status_code, left.text) == (299, str(len(content)))
    refused = ask(key, content, app=get_asgi_application())
    assert refused.status_code in (400, 422)
    assert refused.json()["error"]["code"]


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/api/v1/predict/"},
        {"headers": {"Authorization": ""}},
        {"headers": {"Authorization": "Basic YTpi"}},
        {"headers": {"Authorization": "Bearer digitsite_wrong"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"Content-Length": "5000000"}},
        {"headers": {"Content-Length": "x"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
    ],
)
def test_every_other_request_is_left_to_django(production, key, change):
    assert ask(key).status_code == 200
    assert ask(key, **change).status_code == 299


def test_behind_a_proxy_only_https_takes_the_short_way(production, key, settings):
    settings.HTTPS, settings.SECURE_HSTS_SECONDS = True, 60
    assert ask(key).status_code == 299
    answer = ask(key, headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["strict-transport-security"].startswith("max-age=60")


def test_the_site_has_the_short_way():
    from digitsite.asgi import application

    assert isinstance(application, QuickPredict)


def test_a_revoked_token_ends_access_at_once(production, key, ada):
    assert ask(key).status_code == 200
    tokens.revoke_token(ada, tokens.live_tokens(ada).get().pk)
    assert ask(key).status_code == 299


def test_nothing_of_a_strangers_body_is_read_before_django():
    read = []

    async def unread(scope, receive, send):
        read.append(scope["path"])
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        pass

    headers = [
        (b"host", b"localhost"),
        (b"content-length", b"10"),
        (b"authorization", b"Bearer digitsite_wrong"),
    ]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers}
    asyncio.run(QuickPredict(unread)(scope, receive, send))
    assert read == [PATH]


def test_without_a_model_django_says_so(key):
    answer = ask(key, app=get_asgi_application())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_model")


def test_a_key_allows_what_its_owner_may_do_now(ada, key):
    reviewer = make_user(Role.REVIEWER)
    for person in (ada, reviewer, make_user(Role.ADMIN), make_user(None)):
        _, own = tokens.create_token(person, "own")
        assert tokens.holder_of_key(own) == (person.pk, person.capabilities)
    ada.is_superuser = True
    ada.save()
    assert tokens.holder_of_key(key) == (ada.pk, frozenset(Capability))
    ada.is_active = False
    ada.save()
    assert tokens.holder_of_key(key) == tokens.NOBODY
    assert tokens.holder_of_key("digitsite_" + "x" * 43) == tokens.NOBODY


def test_a_key_is_known_by_one_query_and_its_use_noted(key, ada, django_assert_num_queries):
    with django_assert_num_queries(2):
        tokens.holder_of_key(key)
    assert tokens.live_tokens(ada).get().last_used_at is not None
    with django_assert_num_queries(1):
        tokens.holder_of_key(key)
