"""Share links over REST, and what a visitor does through the whole web application."""

import pytest
from django.test import Client
from starlette.testclient import TestClient

from digitsite.accounts.roles import Role
from inference.models import Drawing, ShareLink
from inference.services.promotion import promote
from inference.services.share_links import create_share_link
from tests.api_calls import Caller
from tests.factories import make_user
from tests.inference.rows import DIAGONAL, make_share_link, make_version

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rita():
    return make_user(Role.RESEARCHER, "rita")


def test_a_link_is_made_listed_and_ended(rita):
    caller = Caller(rita)
    status, made = caller.post("/share-links", {"label": "Class 4b", "max_drawings": 5})
    assert status == 201, made
    assert (made["state"], made["drawings"], made["max_drawings"]) == ("live", 0, 5)
    path = made.pop("address").removeprefix("http://testserver")
    assert Client().get(path).status_code == 200
    assert caller.get("/share-links")[1]["items"][0] == made | {
        "last_used_at": caller.get("/share-links")[1]["items"][0]["last_used_at"]
    }
    status, ended = caller.post(f"/share-links/{made['id']}/revoke", {})
    assert (status, ended["state"]) == (200, "revoked")
    assert Client().get(path).status_code == 410


def test_a_field_that_is_wrong_is_named(rita):
    for body, field in (
        ({"label": ""}, "label"),
        ({"label": "x", "expiry": "never"}, "expiry"),
        ({"label": "x", "max_drawings": -1}, "max_drawings"),
    ):
        status, answer = Caller(rita).post("/share-links", body)
        assert (status, answer["error"]["code"], answer["error"]["field"]) == (
            422,
            "invalid",
            field,
        )


def test_links_of_others_do_not_exist_but_for_administrators(rita):
    link = make_share_link(make_user(Role.REVIEWER))
    assert Caller(rita).get("/share-links")[1]["count"] == 0
    assert Caller(rita).post(f"/share-links/{link.pk}/revoke", {})[0] == 404
    admin = Caller(make_user(Role.ADMIN))
    assert admin.get("/share-links")[1]["count"] == 1
    assert admin.post(f"/share-links/{link.pk}/revoke", {})[1]["state"] == "revoked"


def test_a_visitor_draws_and_hands_in_through_the_real_studio(rita):
    from digitsite.asgi import application

    promote(make_version(), by=None, reason="for the test")
    link, token = create_share_link(rita, label="Class 4b", max_drawings=1)
    with TestClient(application, base_url="http://localhost") as site:

        def call(name, *data):
            path = f"/s/{token}/studio/gradio_api/run/{name}"
            headers = {"X-Digitsite-Device": "touch"}
            return site.post(path, json={"data": list(data)}, headers=headers)

        page = site.get(f"/s/{token}/studio/").text
        assert f"http://localhost/s/{token}/studio" in page
        assert "rita" not in page
        (answer,) = call("predict", DIAGONAL).json()["data"]
        assert len(answer["probabilities"]) == 10
        for name in ("replay", "status"):
            assert call(name, *([DIAGONAL] if name == "replay" else [])).status_code == 200
        assert call("explain", answer["image"]).status_code == 200
        assert call("predict_picture", "AAAA").status_code == 404

        (saved,) = call("submit", DIAGONAL, 3).json()["data"]
        assert saved["url"] is None
        refused = call("submit", DIAGONAL, 3)
        assert (refused.status_code, refused.json()["error"]["code"]) == (410, "link_full")
        assert site.get(f"/drawings/{saved['drawing']}/", follow_redirects=False).status_code == 302
    drawing = Drawing.objects.get()
    assert (drawing.share_link, drawing.author, drawing.device) == (link, None, "touch")
    assert ShareLink.objects.get().drawings_taken == 1
