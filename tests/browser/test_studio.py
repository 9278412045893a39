"""Drawing in a real browser, on the whole site: Gradio behind its gate, Django beside it."""

import re
from itertools import pairwise

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image
from playwright.sync_api import FrameLocator, Page, expect

from digitsite.accounts.roles import Role
from inference.models import Drawing
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 3}
WIDE = {"viewport": {"width": 1280, "height": 900}}

# The tests' model looks for ink in places of its own; this is what it reads in these strokes.
SEVEN, READ_AS_SIX = [(0.2, 0.2), (0.8, 0.2), (0.4, 0.9)], "6"
ZED, READ_AS_NINE = [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)], "9"
LINE = [(0.5, 0.2), (0.5, 0.8)]  # not sure


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def open_studio(production, site, open_page, ada):
    """`open_studio(**viewport)`: Ada's Draw page and the studio in it, ready to draw."""

    def open_studio(**options) -> tuple[Page, FrameLocator]:
        page = open_page(site + reverse("draw"), ada, **options)
        studio = page.frame_locator("[data-studio-frame][data-state=ready] iframe")
        expect(studio.get_by_text("Draw a digit here")).to_be_visible(timeout=20_000)
        return page, studio

    return open_studio


def part(studio: FrameLocator, name: str):
    return studio.locator(f"[data-part={name}]")


def on_page(studio: FrameLocator, points):
    canvas = studio.locator(".studio__canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw(page: Page, studio: FrameLocator, points) -> None:
    first, *others = on_page(studio, points)
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def ink(studio: FrameLocator) -> int:
    """How much of the sheet is inked in full, in pixels."""
    return studio.locator(".studio__canvas").evaluate(
        """(canvas) => new Promise((resolve) => requestAnimationFrame(() => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          resolve(pixels.data.filter((value, at) => at % 4 === 3 && value > 200).length);
        }))"""
    )


def test_a_digit_is_read_while_it_is_drawn_and_handed_in(open_studio, ada, production):
    page, studio = open_studio(**WIDE)
    first, second, third = on_page(studio, SEVEN)
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*second, steps=8)
    expect(part(studio, "sure")).not_to_have_text("No ink yet")  # the pen is still down
    page.mouse.move(*third, steps=8)
    page.mouse.up()
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)
    expect(part(studio, "bars").locator(".is-top span")).to_have_text(READ_AS_SIX)
    expect(part(studio, "model")).to_contain_text(f"Model {production}")
    seen = part(studio, "seen").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )[::4]

    expect(part(studio, "send")).to_be_disabled()  # nobody has said what it is
    studio.get_by_role("radio", name="7").check()
    part(studio, "send").click()
    expect(part(studio, "notice")).to_contain_text("You say 7, the model read 6")
    expect(studio.get_by_text("Draw a digit here")).to_be_visible()
    expect(part(studio, "send")).to_be_disabled()

    drawing = Drawing.objects.get()
    assert (drawing.author, drawing.label, drawing.predicted_label) == (ada, 7, 6)
    assert drawing.device == "mouse"
    assert list(drawing.image) == seen
    (stroke,) = drawing.strokes
    assert np.allclose([stroke[0][:2], stroke[-1][:2]], [SEVEN[0], SEVEN[-1]], atol=0.01)
    times = [point[2] for point in stroke]
    assert times[0] == 0
    assert times == sorted(times)

    studio.get_by_role("link", name="See it").click()
    page.wait_for_url(f"**{reverse('drawing', args=[drawing.pk])}")


def test_one_tap_on_the_answer_says_that_it_is_right(open_studio):
    page, studio = open_studio(**WIDE)
    draw(page, studio, SEVEN)
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)
    part(studio, "answer").click()
    expect(studio.get_by_role("radio", name="6")).to_be_checked()


def test_below_the_stated_confidence_two_candidates_are_named(open_studio):
    page, studio = open_studio(**WIDE)
    draw(page, studio, LINE)
    expect(part(studio, "answer-digit")).to_have_text("?")
    expect(part(studio, "sure")).to_contain_text("Not sure: ")
    expect(part(studio, "answer")).to_be_disabled()


def test_a_replay_shows_the_drawing_grow_and_where_the_answer_changed(open_studio):
    page, studio = open_studio(**WIDE)
    slider = studio.get_by_role("slider")
    expect(slider).to_be_disabled()
    draw(page, studio, SEVEN)
    expect(slider).to_be_enabled()
    page.keyboard.press("r")
    expect(part(studio, "replay-text")).to_contain_text(f"A {READ_AS_SIX} from")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^100 % of the ink: a 6, "))
    assert part(studio, "replay-marks").locator("li").count() > 0
    whole = ink(studio)

    slider.fill("0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d % of the ink: a [^6],"))
    expect(part(studio, "bars").locator(".is-top span")).not_to_have_text(READ_AS_SIX)
    assert ink(studio) < whole / 2
    slider.press("End")
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)

    draw(page, studio, LINE)
    expect(part(studio, "replay-text")).to_contain_text("Which stroke did it?")
    assert part(studio, "replay-marks").locator("li").count() == 0


def test_why_paints_what_the_answer_rests_on_and_says_it(open_studio):
    page, studio = open_studio(**WIDE)
    why = studio.get_by_role("button", name="Why?")
    expect(why).to_be_disabled()
    draw(page, studio, SEVEN)
    why.click()
    sentence = part(studio, "why-text")
    expect(sentence).to_contain_text(re.compile("decides: "))
    expect(part(studio, "why-label")).to_have_text(READ_AS_SIX)
    painted = "(c) => c.getContext('2d').getImageData(0, 0, 28, 28).data.some((v) => v)"
    assert part(studio, "heat").evaluate(painted)

    draw(page, studio, ZED)
    expect(part(studio, "why-label")).not_to_have_text(READ_AS_SIX)
    page.keyboard.press("w")
    expect(sentence).to_be_hidden()
    assert not part(studio, "heat").evaluate(painted)


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
def test_several_digits_are_shown_each_and_are_not_handed_in_as_one(open_studio, viewport):
    page, studio = open_studio(**viewport)
    for x in (0.1, 0.35, 0.6, 0.85):
        draw(page, studio, [(x, 0.3), (x, 0.6)])
    expect(part(studio, "number")).to_be_visible()
    expect(studio.get_by_role("list", name="4 digits").get_by_role("listitem")).to_have_count(4)
    expect(part(studio, "answer-digit")).to_be_hidden()
    assert not studio.locator("body").evaluate(
        "() => document.documentElement.scrollWidth > innerWidth"
    )
    studio.get_by_role("radio", name="7").check()
    expect(part(studio, "send")).to_be_disabled()
    studio.get_by_role("button", name="It is one digit").click()
    expect(part(studio, "number")).to_be_hidden()
    expect(part(studio, "answer-digit")).to_be_visible()
    part(studio, "send").click()
    expect(part(studio, "notice")).to_contain_text("Saved.")


def test_a_pens_pressure_is_kept(open_studio):
    page, studio = open_studio(**WIDE)
    points = on_page(studio, SEVEN)
    hand = page.context.new_cdp_session(page)

    def pen(kind: str, at, force: float):
        hand.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": at[0], "y": at[1], "pointerType": "pen", "force": force}
            | {"button": "left", "buttons": 1, "clickCount": 1},
        )

    pen("mousePressed", points[0], 0.25)
    pen("mouseMoved", points[1], 0.75)
    pen("mouseMoved", points[2], 0.5)
    pen("mouseReleased", points[2], 0)
    studio.get_by_role("radio", name="7").check()
    part(studio, "send").click()
    expect(part(studio, "notice")).to_contain_text("Saved.")
    drawing = Drawing.objects.get()
    (stroke,) = drawing.strokes
    assert [point[3] for point in stroke] == [0.25, 0.75, 0.5]
    assert drawing.device == "pen"


def test_undo_redo_and_clear_by_button(open_studio):
    page, studio = open_studio(**WIDE)
    tool = {name: studio.get_by_role("button", name=name) for name in ("Undo", "Redo", "Clear")}
    for button in tool.values():
        expect(button).to_be_disabled()
    draw(page, studio, ZED)
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_NINE)
    tool["Undo"].click()
    expect(part(studio, "answer-digit")).to_have_text("–")
    tool["Redo"].click()
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_NINE)
    tool["Clear"].click()
    expect(part(studio, "answer-digit")).to_have_text("–")
    expect(tool["Clear"]).to_be_disabled()
    tool["Undo"].click()
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_NINE)


def test_the_keyboard_labels_submits_undoes_and_clears(open_studio):
    page, studio = open_studio(**WIDE)
    draw(page, studio, ZED)
    draw(page, studio, LINE)
    page.keyboard.press("z")
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_NINE)
    redo = studio.get_by_role("button", name="Redo")
    expect(redo).to_be_enabled()
    page.keyboard.press("Shift+Z")
    expect(redo).to_be_disabled()
    page.keyboard.press("Escape")
    expect(part(studio, "answer-digit")).to_have_text("–")
    draw(page, studio, ZED)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(part(studio, "notice")).to_contain_text("Saved.")
    assert Drawing.objects.get().label == 2


def test_keys_pressed_beside_the_studio_reach_it(open_studio):
    page, studio = open_studio(**WIDE)
    draw(page, studio, ZED)
    page.get_by_role("heading", name="Draw").click()
    page.keyboard.press("4")
    expect(studio.get_by_role("radio", name="4")).to_be_checked()


def test_a_finger_draws_on_a_phone_without_moving_the_page(open_studio):
    page, studio = open_studio(**PHONE)
    points = on_page(studio, [(0.2, 0.2), (0.8, 0.2), (0.6, 0.55), (0.4, 0.9)])
    before = page.evaluate("scrollY")
    hand = page.context.new_cdp_session(page)

    def touch(kind: str, *at):
        touches = [{"x": x, "y": y} for x, y in at]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", points[0])
    for (x0, y0), (x1, y1) in pairwise(points):
        for share in (0.25, 0.5, 0.75, 1):
            touch("touchMove", (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
    touch("touchEnd")
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)
    assert page.evaluate("scrollY") == before
    studio.get_by_role("radio", name="7").check()
    part(studio, "send").click()
    expect(part(studio, "notice")).to_contain_text("You say 7")
    expect(part(studio, "notice")).to_be_in_viewport()
    assert len(Drawing.objects.get().strokes) == 1


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
def test_nothing_is_wider_than_the_screen_and_the_sheet_is_as_dense(open_studio, viewport):
    page, studio = open_studio(**viewport)
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(wide)
    canvas = studio.locator(".studio__canvas")
    assert not canvas.evaluate(f"() => {wide}")
    pixels, size, density = canvas.evaluate(
        "(canvas) => [canvas.width, canvas.clientWidth, devicePixelRatio]"
    )
    assert pixels == pytest.approx(size * density, abs=1)
    assert density == viewport.get("device_scale_factor", 1)


def test_the_theme_of_the_site_is_the_studios(open_studio):
    page, studio = open_studio(color_scheme="light", **WIDE)
    paper = "getComputedStyle(document.querySelector('.studio__reading')).backgroundColor"
    reading = studio.locator(".studio__reading")
    light = reading.evaluate(f"() => {paper}")
    page.locator("[data-theme-toggle]").first.click()
    expect(studio.locator("html")).to_have_attribute("data-theme", "dark")
    assert reading.evaluate(f"() => {paper}") != light


def test_a_picture_is_read_and_handed_in(open_studio, tmp_path):
    paper = np.full((120, 90), 245, np.uint8)
    paper[20:100, 40:50] = 30
    Image.fromarray(paper).save(tmp_path / "one.png")
    (tmp_path / "notes.txt").write_text("1")
    page, studio = open_studio(**WIDE)
    studio.get_by_role("tab", name="Upload").click()
    part(studio, "file").set_input_files(tmp_path / "notes.txt")
    expect(part(studio, "notice")).to_have_text("Only PNG and JPEG pictures are read.")
    part(studio, "file").set_input_files(tmp_path / "one.png")
    expect(part(studio, "sure")).not_to_have_text("No ink yet")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(part(studio, "notice")).to_contain_text("Saved.")
    drawing = Drawing.objects.get()
    assert (drawing.origin, drawing.label, drawing.strokes) == (Drawing.Origin.UPLOAD, 1, [])


def test_without_a_model_the_studio_says_so_and_opens_by_itself(site, open_page, ada):
    page = open_page(site + reverse("draw"), ada, **WIDE)
    studio = page.frame_locator("iframe")
    expect(studio.get_by_role("heading", name="No model yet")).to_be_visible(timeout=20_000)
    expect(studio.get_by_text("promote it under Models")).to_be_visible()
    promote(make_version(), by=None, reason="first")
    expect(studio.get_by_role("heading", name="No model yet")).to_be_hidden(timeout=15_000)
    draw(page, studio, SEVEN)
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)


def test_who_was_signed_out_is_told_and_the_drawing_stays(open_studio):
    page, studio = open_studio(**WIDE)
    page.context.clear_cookies()
    draw(page, studio, SEVEN)
    expect(part(studio, "notice")).to_contain_text("You are signed out. Sign in again")
    expect(studio.get_by_role("button", name="Undo")).to_be_enabled()


def test_no_other_host_is_asked_and_the_console_stays_silent(production, site, open_page, ada):
    page = open_page(site + reverse("account"), ada, **WIDE)
    asked, complaints = set(), []
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(site + reverse("draw"))
    studio = page.frame_locator("[data-studio-frame][data-state=ready] iframe")
    expect(studio.get_by_text("Draw a digit here")).to_be_visible(timeout=20_000)
    draw(page, studio, SEVEN)
    expect(part(studio, "answer-digit")).to_have_text(READ_AS_SIX)
    assert complaints == []
    assert {url for url in asked if not url.startswith(site + "/")} == set()


def test_the_page_about_the_endpoints_opens(production, site, open_page, ada):
    page = open_page(site + "/studio/#api", ada, **WIDE)
    expect(page.get_by_text("API documentation")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("/submit_picture").first).to_be_visible()
