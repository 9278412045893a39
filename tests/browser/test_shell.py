"""The shell of every page in a real browser: phones, themes, keyboard, no other host."""

import re
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from digitsite.accounts.roles import Role
from tests.factories import TEST_PASSWORD, make_dataset, make_run, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
WIDE = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def ada():
    return make_user(Role.ADMIN, "ada")


@pytest.fixture
def pages() -> list[str]:
    dataset = make_dataset()
    make_run(dataset=dataset)
    return [
        *map(reverse, ("dashboard", "datasets", "account", "password_change")),
        reverse("dataset", args=[dataset.pk]),
        "/no/such/page/",
    ]


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_pages_fit_load_without_errors_and_ask_no_other_host(
    live_server, open_page, ada, pages, size
):
    page = open_page(live_server.url + reverse("account"), ada, **size)
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    for path in pages:
        page.goto(live_server.url + path, wait_until="networkidle")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["viewport"]["width"], f"{path} is {width} px wide"
    ours = urlsplit(live_server.url).netloc
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {ours}
    # The browser itself logs the one status that was asked for.
    assert [text for text in problems if "404" not in text] == []


def test_on_a_phone_the_menu_opens_and_closes_by_keyboard(live_server, open_page, ada):
    page = open_page(live_server.url + reverse("account"), ada, **PHONE)
    link = page.get_by_role("link", name="Datasets")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").focus()
    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()


def test_on_a_wide_screen_the_links_are_always_there(live_server, open_page, ada):
    page = open_page(live_server.url + reverse("account"), ada, **WIDE)
    expect(page.get_by_role("link", name="Datasets")).to_be_visible()
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()


@pytest.mark.parametrize(("system", "other"), [("light", "dark"), ("dark", "light")])
def test_the_theme_follows_the_system_until_somebody_chooses(
    live_server, open_page, ada, system, other
):
    def theme() -> str:
        return page.evaluate("getComputedStyle(document.documentElement).colorScheme")

    page = open_page(live_server.url + reverse("account"), ada, color_scheme=system, **WIDE)
    assert theme() == system
    page.locator("[data-theme-toggle]").click()
    assert theme() == other
    page.goto(live_server.url + reverse("datasets"))
    assert theme() == other
    expect(page.locator("[data-theme-toggle]")).to_have_attribute(
        "aria-pressed", str(other == "dark").lower()
    )


def test_the_first_tab_stop_leads_past_the_links(live_server, open_page, ada):
    page = open_page(live_server.url + reverse("account"), ada, **WIDE)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_signing_in_and_out_with_the_keyboard_alone(live_server, open_page, ada):
    page = open_page(live_server.url + reverse("login"), **WIDE)
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(TEST_PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(reverse("dashboard") + "$"))
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page).to_have_url(live_server.url + "/")


def test_the_histogram_is_drawn_and_redrawn_in_the_other_theme(live_server, open_page, ada):
    url = live_server.url + reverse("dataset", args=[make_dataset().pk])
    page = open_page(url, ada, color_scheme="light", **WIDE)
    bar = page.locator(".chart .bars .point path").first
    expect(bar).to_be_visible()
    by_day = bar.evaluate("bar => getComputedStyle(bar).fill")
    page.locator("[data-theme-toggle]").click()
    expect(bar).not_to_have_css("fill", by_day)


def test_the_queue_on_the_dashboard_follows_without_a_reload(live_server, open_page, ada):
    first = make_run()
    page = open_page(live_server.url + reverse("dashboard"), ada, **WIDE)
    queue = page.locator("#queue")
    expect(queue.get_by_role("link", name=f"Run {first.pk}")).to_be_visible()
    second = make_run(dataset=first.dataset)
    expect(queue.get_by_role("link", name=f"Run {second.pk}")).to_be_visible(timeout=10_000)
