"""The pages of share links: making one, listing, ending, and what a visitor sees."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from digitsite.accounts.roles import Role
from inference.models import ShareLink
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_share_link

pytestmark = pytest.mark.django_db
FORM = {"label": "Class 4b", "expiry": "day", "max_drawings": ""}


@pytest.fixture
def rita(client):
    rita = make_user(Role.RESEARCHER, "rita")
    client.force_login(rita)
    return rita


def address_on(response) -> str:
    return response.context["new_address"]


def test_a_new_links_address_is_shown_once(client, rita):
    response = client.post(reverse("share_create"), FORM)
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    address = address_on(response)
    assert address.startswith("http://testserver/s/")
    assert address in response.content.decode()
    page = client.get(reverse("sharing")).content.decode()
    assert address not in page
    assert "Class 4b" in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": ""}, "required"),
        ({"expiry": "never"}, "valid choice"),
        ({"max_drawings": "0"}, "greater than or equal to 1"),
        ({"max_drawings": "many"}, "whole number"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(client, rita, change, words):
    response = client.post(reverse("share_create"), FORM | change)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ShareLink.objects.exists()


def test_too_many_links_are_refused_on_the_form(client, rita, monkeypatch):
    monkeypatch.setattr("inference.services.share_links.LINKS_PER_PERSON", 0)
    response = client.post(reverse("share_create"), FORM)
    assert response.status_code == 422
    assert "revoke one" in response.content.decode()


def test_a_label_is_text_and_never_markup(client, rita):
    response = client.post(reverse("share_create"), FORM | {"label": "<script>x</script>"})
    assert "<script>x" not in response.content.decode()
    visited = client.get(address_on(response).removeprefix("http://testserver"))
    assert "&lt;script&gt;x" in visited.content.decode()


def test_the_list_tells_the_state_of_each_link_and_costs_the_same_for_many(
    client, rita, django_assert_max_num_queries
):
    make_share_link(rita, label="open", drawings_taken=3, max_drawings=20)
    with django_assert_max_num_queries(20) as few:
        client.get(reverse("sharing"))
    past = timezone.now() - timedelta(days=1)
    make_share_link(rita, label="late", expires_at=past)
    make_share_link(rita, label="ended", revoked_at=past)
    make_share_link(rita, label="done", drawings_taken=5, max_drawings=5)
    make_share_link(label="somebody else's")
    with django_assert_max_num_queries(len(few)):
        response = client.get(reverse("sharing"))
    states = {link.label: link.state for link in response.context["page"]}
    assert states == {"open": "live", "late": "expired", "ended": "revoked", "done": "full"}
    page = " ".join(response.content.decode().split())
    assert "<strong>3</strong> of 20" in page
    assert page.count("Revoke</button>") == 3


def test_administrators_see_and_end_everybodys(client):
    link = make_share_link(make_user(Role.RESEARCHER, "rita"))
    client.force_login(make_user(Role.ADMIN))
    assert not list(client.get(reverse("sharing")).context["page"])
    page = client.get(reverse("sharing") + "?all").content.decode()
    assert "Class 4b" in page
    assert "rita" in page
    assert client.get(reverse("share_drawings", args=[link.pk])).status_code == 200
    client.post(reverse("share_revoke", args=[link.pk]))
    link.refresh_from_db()
    assert link.state == "revoked"


def test_everybodys_links_are_not_for_others(client, rita):
    make_share_link(label="somebody else's")
    assert not list(client.get(reverse("sharing") + "?all").context["page"])


def test_the_owner_sees_what_was_drawn(client, rita):
    link = make_share_link(rita)
    drawing = make_drawing(4, 9, share_link=link)
    make_drawing(share_link=make_share_link())
    response = client.get(reverse("share_drawings", args=[link.pk]))
    assert list(response.context["page"]) == [drawing]
    assert reverse("drawing", args=[drawing.pk]) in response.content.decode()
    empty = make_share_link(rita)
    page = client.get(reverse("share_drawings", args=[empty.pk])).content.decode()
    assert "Nobody has drawn yet" in page


def test_a_visitor_sees_the_sheet_and_no_way_into_the_site(client, rita):
    path = address_on(client.post(reverse("share_create"), FORM)).removeprefix("http://testserver")
    client.logout()
    response = client.get(path)
    page = response.content.decode()
    assert f'src="{path}studio/"' in page
    assert "Nothing about you is" in page
    for name in ("dashboard", "draw", "my_drawings", "datasets", "runs", "models", "login"):
        assert f'href="{reverse(name)}' not in page
    assert response["X-Robots-Tag"] == "noindex"
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"


def test_a_member_who_opens_a_link_is_told_where_their_own_drawings_belong(client, rita):
    path = address_on(client.post(reverse("share_create"), FORM)).removeprefix("http://testserver")
    assert "see what visitors see" in client.get(path).content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"revoked_at": timezone.now()}, "has ended it"),
        ({"expires_at": timezone.now() - timedelta(1)}, "has run out"),
        ({"max_drawings": 1, "drawings_taken": 1}, "all the drawings it was made for"),
    ],
)
def test_a_link_that_is_over_says_why(client, rita, fields, words):
    path = address_on(client.post(reverse("share_create"), FORM)).removeprefix("http://testserver")
    ShareLink.objects.update(**fields)
    response = client.get(path)
    assert response.status_code == 410
    assert words in response.content.decode()


def test_a_link_that_never_was_is_not_there(client):
    response = client.get(reverse("shared", args=["unknown"]))
    assert response.status_code == 404
    assert "No such link" in response.content.decode()
