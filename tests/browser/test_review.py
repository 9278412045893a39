"""The review queue in a real browser: keys, buttons and what a screen reader hears."""

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from digitsite.accounts.roles import Role
from inference.models import Drawing, ReviewHold
from tests.factories import TEST_PASSWORD, make_user
from tests.inference.rows import make_drawing, make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def rosa():
    return make_user(Role.REVIEWER, "rosa")


@pytest.fixture
def queue() -> list[Drawing]:
    """Five drawings in the order in which they are shown; each is labelled 3."""
    version = make_version()
    author = make_user(Role.DRAWER)
    return [make_drawing(model=version, author=author, margin=step / 10) for step in range(1, 6)]


def shown(page, drawing: Drawing) -> None:
    expect(page.locator("[name=drawing]")).to_have_value(str(drawing.pk))


def test_the_whole_queue_by_keyboard(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    for drawing, key in zip(queue, ("Enter", "8", "a", "x", "0"), strict=True):
        shown(page, drawing)
        page.keyboard.press(key)
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    states = [(row.status, row.settled_label) for row in Drawing.objects.order_by("margin")]
    assert states == [
        ("confirmed", 3),
        ("corrected", 8),
        ("ambiguous", None),
        ("rejected", None),
        ("corrected", 0),
    ]


def test_u_brings_the_last_one_back_from_an_empty_queue_too(live_server, open_page, rosa, queue):
    Drawing.objects.exclude(pk=queue[0].pk).update(status="confirmed")
    page = open_page(live_server.url + reverse("review"), rosa)
    shown(page, queue[0])
    page.keyboard.press("x")
    expect(page.get_by_text("Everything is reviewed")).to_be_visible()
    page.keyboard.press("u")
    shown(page, queue[0])
    queue[0].refresh_from_db()
    assert queue[0].status == "pending"


def test_a_key_held_down_judges_one_drawing(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    shown(page, queue[0])
    page.keyboard.down("a")
    for _ in range(5):
        page.keyboard.down("a")  # Playwright marks these as repeats, as a held key does
    shown(page, queue[1])
    page.keyboard.up("a")
    assert Drawing.objects.filter(status="ambiguous").count() == 1


def test_keys_with_modifiers_belong_to_the_browser(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+x")
    page.reload()
    shown(page, queue[0])
    assert not Drawing.objects.exclude(status="pending").exists()


def test_enter_on_a_focused_button_presses_that_button(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    page.get_by_role("button", name="It is a 5").focus()
    page.keyboard.press("Enter")
    shown(page, queue[1])
    queue[0].refresh_from_db()
    assert (queue[0].status, queue[0].settled_label) == ("corrected", 5)


def test_verdict_and_next_drawing_are_announced(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    page.keyboard.press("Enter")
    status = page.get_by_role("status").filter(has_text="confirmed as 3")
    expect(status).to_contain_text(f"Drawing {queue[1].pk}: the author says 3")
    expect(status).to_contain_text("4 left")


def test_the_list_of_keys_opens_and_any_key_closes_it_judging_nothing(
    live_server, open_page, rosa, queue
):
    page = open_page(live_server.url + reverse("review"), rosa)
    page.keyboard.press("?")
    keys = page.get_by_text("The label is right", exact=True)
    expect(keys).to_be_visible()
    page.keyboard.press("x")
    expect(keys).to_be_hidden()
    shown(page, queue[0])
    page.keyboard.press("x")
    shown(page, queue[1])
    assert Drawing.objects.exclude(status="pending").count() == 1


def test_a_chosen_filter_acts_at_once_and_stays_through_verdicts(
    live_server, open_page, rosa, queue
):
    fives = [make_drawing(5, 5, model=queue[0].model, author=rosa, margin=m) for m in (0.2, 0.4)]
    page = open_page(live_server.url + reverse("review"), rosa)
    shown(page, queue[0])
    page.get_by_text("Filters").click()
    page.get_by_label("Labelled").select_option("5")
    shown(page, fives[0])
    assert page.url.endswith("?label=5")
    page.keyboard.press("Enter")
    shown(page, fives[1])
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing like that waits")).to_be_visible()
    page.get_by_label("Remove the filter").click()
    shown(page, queue[0])


def test_two_people_settle_a_drawing_by_keyboard_each_blind_to_the_other(
    live_server, open_page, rosa, queue, settings
):
    settings.REVIEWS_REQUIRED = 2
    author = queue[0].author
    for reviewer in (rosa, make_user(Role.REVIEWER, "vera")):
        page = open_page(live_server.url + reverse("review"), reviewer)
        shown(page, queue[0])
        words = page.locator("main").inner_text()
        assert author.username not in words
        assert "rosa" not in words
        page.keyboard.press("8")
        shown(page, queue[1])
        ReviewHold.objects.all().delete()  # as if that person had gone home
        queue[0].refresh_from_db()
        assert queue[0].status == ("pending" if reviewer == rosa else "corrected")
    assert queue[0].settled_label == 8


def test_touch_on_a_narrow_screen_needs_no_sideways_scrolling(live_server, open_page, rosa, queue):
    page = open_page(
        live_server.url + reverse("review"),
        rosa,
        viewport={"width": 390, "height": 844},
        has_touch=True,
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reject = page.get_by_role("button", name="Reject")
    expect(reject).to_be_in_viewport()  # the verdict is on the first screen
    reject.tap()
    shown(page, queue[1])
    queue[0].refresh_from_db()
    assert queue[0].status == "rejected"


def test_after_a_lost_sign_in_one_signs_in_and_comes_back(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    Session.objects.all().delete()
    page.keyboard.press("Enter")
    page.get_by_label("Username").fill("rosa")
    page.get_by_label("Password").fill(TEST_PASSWORD)
    page.keyboard.press("Enter")
    shown(page, queue[0])
    assert not Drawing.objects.exclude(status="pending").exists()


def test_a_server_that_does_not_answer_is_told(live_server, open_page, rosa, queue):
    page = open_page(live_server.url + reverse("review"), rosa)
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator(".review-bar__said--refused")).to_contain_text("does not answer")
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    shown(page, queue[1])


def test_the_pages_ask_no_other_host_and_log_no_error(live_server, open_page, queue):
    ada = make_user(Role.ADMIN)
    page = open_page(live_server.url + reverse("models"), ada)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for name, arguments in (
        ("models", []),
        ("model", [1]),
        ("my_drawings", []),
        ("drawing", [queue[0].pk]),
        ("review", []),
        ("admin:inference_drawing_changelist", []),
    ):
        page.goto(live_server.url + reverse(name, args=arguments))
        page.wait_for_load_state("networkidle")
    assert asked
    assert [url for url in asked if not url.startswith((live_server.url, "data:"))] == []
    assert complaints == []
