"""Runs and evaluations in a real browser, served by a real ASGI server: streams need one."""

import mimetypes
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from django.contrib.staticfiles import finders
from django.core.asgi import get_asgi_application
from django.urls import reverse
from playwright.sync_api import Page, expect

from digitsite.accounts.roles import Role
from tests.conftest import free_port
from tests.factories import (
    make_dataset,
    make_run,
    make_running_run,
    make_user,
    record_epochs,
)
from training import progress
from training.ml.recipes import RECIPES
from training.models import TrainingRun

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE = {"viewport": {"width": 1280, "height": 800}}
BATCH = {"kind": "batch", "epoch": 1, "batch": 7, "batches": 9, "loss": 0.5, "accuracy": 0.75}


def _with_static_files(application):
    """Django's own handler leaves a file open when the browser leaves before it is read."""

    async def serve(scope, receive, send):
        name = scope.get("path", "").removeprefix("/static/")
        found = finders.find(name) if name != scope.get("path") else None
        if not found:
            return await application(scope, receive, send)
        kind = mimetypes.guess_type(name)[0].encode()
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": Path(found).read_bytes()})

    return serve


@pytest.fixture
def site(transactional_db) -> Iterator[str]:
    """The address of Django alone behind uvicorn, in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            _with_static_files(get_asgi_application()),
            port=port,
            log_level="warning",
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def rosa():
    return make_user(Role.RESEARCHER, "rosa")


def points(page: Page) -> list[list[float]]:
    """What the accuracy chart draws."""
    return page.evaluate(
        "document.querySelector('[data-chart=figure-accuracy]').data.map((trace) => trace.y)"
    )


def test_the_stream_moves_the_page_and_the_chart_without_a_reload(site, open_page, rosa, redis_url):
    run, claim = make_running_run(owner=rosa)
    page = open_page(site + reverse("run", args=[run.pk]), rosa, **WIDE)
    expect(page.get_by_role("heading", name="Starting")).to_be_visible()
    expect(page.locator("[data-chart=figure-accuracy] .main-svg").first).to_be_visible()
    page.evaluate("window.before = document.querySelector('[data-chart] .main-svg')")

    record_epochs(claim, 1)
    expect(page.locator("#run-epochs tbody tr")).to_have_count(1)
    deadline = time.monotonic() + 20
    while not progress.publish(run.pk, BATCH) or "batch 7 of 9" not in page.inner_text(
        "#run-status"
    ):
        assert time.monotonic() < deadline, "no batch arrived"
    assert points(page) == [[90.0], [89.0]]
    assert page.evaluate("window.before === document.querySelector('[data-chart] .main-svg')")

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Stopping")).to_be_visible()
    TrainingRun.objects.filter(pk=run.pk).update(status=TrainingRun.Status.CANCELLED)
    expect(page.locator("#run-head .badge")).to_have_text("Cancelled")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_without_the_stream_the_page_asks_again_by_itself(site, open_page, rosa):
    run, claim = make_running_run(owner=rosa)
    page = open_page(site + reverse("runs"), rosa)
    page.context.route("**/events/", lambda route: route.abort())
    page.goto(site + reverse("run", args=[run.pk]))
    record_epochs(claim, 2)
    expect(page.locator("#run-epochs tbody tr")).to_have_count(2)
    assert points(page) == [[90.0, 91.0], [89.0, 90.0]]


def test_a_page_that_lost_the_server_says_so_and_recovers(site, open_page, rosa):
    run = make_run(owner=rosa)
    page = open_page(site + reverse("run", args=[run.pk]), rosa)
    expect(page.locator("#run-connection")).to_be_hidden()
    page.context.route("**/events/", lambda route: route.abort())
    page.context.route("**/live/", lambda route: route.abort())
    page.reload()
    expect(page.locator("#run-connection")).to_be_visible()
    page.context.unroute("**/live/")
    expect(page.locator("#run-connection")).to_be_hidden()


def test_a_recipe_fills_the_form_and_leaves_the_note_alone(site, open_page, rosa):
    make_dataset()
    page = open_page(site + reverse("run_new"), rosa, **WIDE)
    page.get_by_label("Note").fill("my note")
    page.get_by_role("link", name="Baseline").click()
    expect(page.locator("#id_epochs")).to_have_value(
        str(RECIPES["baseline"].hyperparameters.epochs)
    )
    assert page.evaluate("document.activeElement.id") == "recipe-baseline"
    page.locator("#id_epochs").fill("1")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("baseline")
    run = TrainingRun.objects.get()
    assert (run.recipe, run.note, run.epochs) == ("baseline", "my note", 1)


def test_an_error_in_a_folded_group_is_reached_by_keyboard(site, open_page, rosa):
    make_dataset()
    page = open_page(site + reverse("run_new"), rosa, **WIDE)
    page.get_by_text("Augmentation").click()
    page.get_by_label("Rotation").fill("90")
    page.get_by_role("button", name="Launch").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Must be at most 45, got 90.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Rotation")).to_be_focused()
    expect(page.get_by_label("Rotation")).to_have_attribute("aria-invalid", "true")
