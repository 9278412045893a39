"""What every page shares: the rail of links, error pages, filters, the security of the shell."""

import re

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from digitsite.accounts.roles import Role
from digitsite.navigation import SECTIONS
from digitsite.templatetags.digitsite import duration, percent
from tests.factories import make_user

LINKS = [link for _, links in SECTIONS for link in links]


def links_in_rail(page: str) -> set[str]:
    return set(re.findall(r'class="rail__link" href="([^"]+)"', page))


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.url_name)
def test_every_link_of_the_rail_leads_somewhere(link):
    assert reverse(link.url_name)


@pytest.mark.django_db
@pytest.mark.parametrize("role", [*Role, None])
def test_the_rail_has_the_links_a_person_may_follow_and_no_other(client, role):
    user = make_user(role)
    client.force_login(user)
    shown = links_in_rail(client.get(reverse("account")).content.decode())
    assert shown == {reverse(link.url_name) for link in LINKS if user.can(link.capability)}
    for url in shown:
        assert client.get(url).status_code == 200, url


@pytest.mark.django_db
def test_the_rail_marks_the_current_page(client):
    client.force_login(make_user(Role.DRAWER))
    page = client.get(reverse("datasets")).content.decode()
    assert re.findall(r'href="([^"]+)" aria-current="page"', page) == [reverse("datasets")]


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.DRAWER, None])
def test_a_refusal_says_what_to_do(client, role):
    client.force_login(make_user(role))
    response = client.get(reverse("review"))
    assert response.status_code == 403
    page = response.content.decode()
    assert "administrator" in page
    assert reverse("account") in page


@pytest.mark.django_db
def test_an_unknown_address_is_a_page_of_the_site_for_everybody(client):
    for _ in range(2):
        response = client.get("/no/such/page/")
        assert response.status_code == 404
        assert "nothing at this address" in response.content.decode()
        client.force_login(make_user(Role.DRAWER))


@pytest.mark.django_db
def test_a_crash_shows_a_page_without_its_traceback(monkeypatch):
    def broken(*args):
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("digitsite.views.dashboard_context", broken)
    client = Client(raise_request_exception=False)
    client.force_login(make_user(Role.DRAWER))
    response = client.get(reverse("dashboard"))
    assert response.status_code == 500
    page = response.content.decode()
    assert "Something broke" in page
    assert "the secret reason" not in page


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_with_a_page_of_the_site():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(Role.DRAWER))
    response = client.post(reverse("logout"))
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["landing", "login", "dashboard", "account", "datasets"])
def test_pages_carry_no_inline_script_and_name_no_other_host(client, name):
    if name not in ("landing", "login"):
        client.force_login(make_user(Role.ADMIN))
    page = client.get(reverse(name)).content.decode()
    for script in re.findall(r"<script\b[^>]*>", page):
        assert "src=" in script or 'type="application/json"' in script, script
    assert not re.findall(r"""\son[a-z]+=["']""", page)
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page)


@pytest.mark.parametrize(
    ("share", "places", "text"),
    [
        (0.98765, 1, "98.8\u00a0%"),
        (0.98765, 2, "98.77\u00a0%"),
        (1, 0, "100\u00a0%"),
        (None, 1, "–"),
    ],
)
def test_percent(share, places, text):
    assert percent(share, places) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (42, "42 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (11 * 60 + 5, "11 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (-3, "0 s"),
        (None, "–"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds).replace("\u00a0", " ") == text


def test_an_icon_is_hidden_from_screen_readers_and_its_name_is_escaped():
    shown = Template("{% load digitsite %}{% icon name %}").render(Context({"name": '"><b>'}))
    assert 'aria-hidden="true"' in shown
    assert "<b>" not in shown
