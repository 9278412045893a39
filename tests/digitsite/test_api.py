"""What every route of the API has in common: who is let in, and the one shape of errors."""

import pytest
from django.test import Client

from digitsite.accounts import tokens
from digitsite.accounts.roles import Role
from tests.api_calls import Caller
from tests.factories import make_user

# Tokens of `predict` are looked up in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)


def is_error(body) -> bool:
    return body.keys() == {"error"} and {"code", "message"} <= body["error"].keys()


def test_without_a_token_or_session_the_answer_is_401():
    status, body = Caller(None).get("/datasets")
    assert (status, body["error"]["code"]) == (401, "not_signed_in")


def test_an_unknown_token_is_refused():
    caller = Caller(None)
    caller.headers = {"Authorization": "Bearer digitsite_nonsense"}
    assert caller.get("/datasets")[1]["error"]["code"] == "bad_token"


def test_a_revoked_token_is_refused_at_once():
    person = make_user(Role.DRAWER)
    caller = Caller(person)
    assert caller.get("/datasets")[0] == 200
    assert tokens.revoke_token(person, tokens.live_tokens(person).get().pk)
    assert caller.get("/datasets")[0] == 401


def test_a_token_of_somebody_who_was_switched_off_is_refused():
    person = make_user(Role.DRAWER)
    caller = Caller(person)
    person.is_active = False
    person.save()
    assert caller.get("/datasets")[0] == 401


def test_a_session_may_read_but_must_prove_itself_to_write():
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        make_user(Role.RESEARCHER), backend="digitsite.accounts.backends.RoleBackend"
    )
    assert client.get("/api/v1/runs").status_code == 200
    refused = client.post("/api/v1/runs", "{}", content_type="application/json")
    assert refused.status_code == 403
    assert is_error(refused.json())


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/runs", {"recipe": "magic"}, 422, "unknown_recipe"),
        ("/runs", b"{", 400, "bad_request"),
        ("/runs", {"note": 7}, 422, "invalid"),
        ("/runs/999/cancel", {}, 404, "not_found"),
        ("/predict", b"{", 400, "bad_json"),
    ],
)
def test_every_refusal_has_the_one_shape(path, body, status, code):
    answer_status, answer = Caller(make_user(Role.RESEARCHER)).post(path, body)
    assert is_error(answer), answer
    assert (answer_status, answer["error"]["code"]) == (status, code)


def test_a_body_over_the_cap_is_refused(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    status, body = Caller(make_user(Role.DRAWER)).post("/predict", b"x" * 1001)
    assert (status, body["error"]["code"]) == (413, "too_large")


def test_the_documentation_asks_no_other_host():
    client = Client()
    client.force_login(make_user(Role.DRAWER), backend="digitsite.accounts.backends.RoleBackend")
    page = client.get("/api/v1/docs").content.decode()
    assert "swagger-ui-bundle.js" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_description_names_every_route():
    client = Client()
    client.force_login(make_user(Role.DRAWER), backend="digitsite.accounts.backends.RoleBackend")
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {"/api/v1/predict", "/api/v1/runs", "/api/v1/models", "/api/v1/drawings"} <= set(paths)
    assert all(operation["summary"] for methods in paths.values() for operation in methods.values())
