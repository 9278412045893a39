"""A share link between two people: whoever made it, and somebody without an account."""

from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from digitsite.accounts.roles import Role
from inference.models import Drawing
from tests.browser.test_studio import READ_AS_SIX, SEVEN, WIDE, draw, part
from tests.factories import make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_visitor_draws_through_a_members_link_sees_nothing_else_and_is_out_when_it_ends(
    production, site, open_page
):
    rita = make_user(Role.RESEARCHER, "rita")
    member = open_page(site + reverse("sharing"), rita, **WIDE)
    member.get_by_label("What is it for?").fill("Class 4b")
    member.get_by_role("button", name="Make the link").click()
    address = member.get_by_label("Its address").input_value()

    visitor = open_page(address, None, **WIDE)
    assert "sessionid" not in {cookie["name"] for cookie in visitor.context.cookies()}
    expect(visitor.get_by_text("Class 4b")).to_be_visible()
    studio = visitor.frame_locator("[data-studio-frame][data-state=ready] iframe")
    expect(studio.get_by_text("Draw a digit here")).to_be_visible(timeout=20_000)
    expect(studio.get_by_role("tab", name="Upload")).to_be_hidden()
    draw(visitor, studio, SEVEN)
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)
    expect(part(studio, "bars").locator(".is-top span")).to_have_text(READ_AS_SIX)
    visitor.keyboard.press("7")
    part(studio, "send").click()
    expect(part(studio, "notice")).to_contain_text("Thank you.")
    drawing = Drawing.objects.get()
    assert (drawing.author, drawing.share_link.label, drawing.label) == (None, "Class 4b", 7)

    # Nothing else of the site is theirs to see, and the pages name no way to it.
    own = urlsplit(address).path
    links = visitor.locator("a[href]").evaluate_all("all => all.map(a => new URL(a.href).pathname)")
    assert {link for link in links if not link.startswith(own)} <= {"/", reverse("login")}
    for path in (reverse("drawing", args=[drawing.pk]), reverse("draw"), reverse("sharing")):
        answer = visitor.request.get(site + path, max_redirects=0)
        assert (answer.status, answer.headers["location"].split("?")[0]) == (302, reverse("login"))
    assert visitor.request.get(f"{site}/studio/").status == 401
    assert visitor.request.get(f"{site}/api/v1/drawings").status == 401

    member.goto(site + reverse("sharing"))
    member.get_by_role("button", name="Revoke").click()
    expect(member.get_by_text("Revoked", exact=True)).to_be_visible()
    draw(visitor, studio, SEVEN)
    expect(studio.get_by_role("heading", name="This link has ended")).to_be_visible()
    answer = visitor.request.post(
        f"{address}studio/gradio_api/run/submit", data={"data": [[[[0.1, 0.1]]], 1]}
    )
    assert answer.status == 410
    assert Drawing.objects.count() == 1
    visitor.reload()
    expect(visitor.get_by_text("has ended it")).to_be_visible()
