"""Pages on which people compare what was learned: sweeps, runs, rounds, the images of a mistake."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from digitsite.accounts.roles import Role
from inference.services.promotion import promote
from tests.factories import make_dataset, make_run, make_succeeded_run, make_user
from tests.inference.rows import make_evaluation, make_version
from training.models import Sweep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture
def rosa():
    return make_user(Role.RESEARCHER, "rosa")


def expect_drawn(page: Page, figure: str) -> None:
    """The chart of that data is on the page as lines, not as an empty box."""
    lines = page.locator(f"[data-chart={figure}] .scatterlayer .trace .point")
    expect(lines.first).to_be_attached()


def test_a_sweep_is_planned_while_it_is_typed_and_launched(live_server, open_page, rosa):
    make_dataset()
    page = open_page(live_server.url + reverse("sweep_new"), rosa, **PHONE)
    names = page.locator(".sweep-line select")
    values = page.locator(".sweep-line input")
    for line in range(names.count()):
        names.nth(line).select_option("")
        values.nth(line).fill("")
    names.nth(0).select_option("dropout")
    expect(page.locator(".sweep-line .field__help").first).to_contain_text("0 to")
    values.nth(0).fill("0, 0.2, 0.4")
    plan = page.locator("#sweep-plan")
    expect(plan.get_by_text("The 3 runs one by one")).to_be_visible()
    values.nth(0).fill("0, 7")
    expect(plan.get_by_text("Not ready to launch")).to_be_visible()
    values.nth(0).fill("0, 0.2")
    expect(plan.get_by_text("The 2 runs one by one")).to_be_visible()
    page.get_by_role("button", name="Launch the sweep").tap()
    expect(page.get_by_role("heading", name="0 of 2 runs done")).to_be_visible()
    runs = Sweep.objects.get().runs.all()
    assert sorted(run.hyperparameters["dropout"] for run in runs) == [0, 0.2]


def test_runs_that_are_ticked_are_shown_side_by_side(live_server, open_page, rosa):
    first = make_succeeded_run(owner=rosa, evaluated=True)
    second = make_succeeded_run(owner=rosa, dataset=first.dataset)
    make_run(owner=rosa, dataset=first.dataset)
    page = open_page(live_server.url + reverse("runs"), rosa, **WIDE)
    problems = []
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    page.get_by_label(f"Compare run {first.pk}").check()
    expect(button).to_be_disabled()
    page.get_by_label(f"Compare run {second.pk}").check()
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        pass  # the list asks again every three seconds, and keeps the ticks
    button.click()
    expect(page.get_by_role("heading", name="2 runs side by side")).to_be_visible()
    expect_drawn(page, "figure-accuracy")
    assert problems == []
    heads = page.locator(".compare thead th")
    expect(heads).to_have_text([re.compile(f"Run {run.pk}") for run in (second, first)])


def test_every_promotion_is_a_round_in_the_chart_and_in_the_table(live_server, open_page, rosa):
    dataset = make_dataset(seed=1, test=300, name="MNIST", kind="mnist")
    versions = [make_version(owner=rosa, dataset=dataset) for _ in range(2)]
    for version, wrong in zip(versions, (30, 6), strict=True):
        make_evaluation(version, dataset, range(wrong))
        promote(version, by=None, reason=f"{version} is better")
    page = open_page(live_server.url + reverse("rounds"), rosa, **WIDE)
    expect_drawn(page, "figure-rounds")
    rows = page.locator(".rounds-table tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("98.00")
    rows.first.get_by_role("link", name="v2").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("v2")


def test_from_a_cell_of_the_matrix_to_the_page_of_one_image(live_server, open_page, rosa):
    version = make_version(owner=rosa)
    evaluation = make_evaluation(version, version.run.dataset, range(3))
    mistake = evaluation.misclassifications.earliest("index")
    url = live_server.url + reverse("evaluation", args=[evaluation.pk])
    page = open_page(url, rosa, **WIDE)
    read = f"{mistake.true_label} read as {mistake.predicted_label}"
    page.get_by_role("link", name=re.compile(f"images of {read}")).first.click()
    expect(page.get_by_role("heading", name=read, exact=True)).to_be_visible()
    page.get_by_role("link", name=f"Image {mistake.index}").click()
    expect(page.get_by_role("heading", name=f"Image {mistake.index}", exact=True)).to_be_visible()
    seen = page.locator("section").filter(has_text="What the model sees")
    expect(seen.locator("img")).to_have_count(3)  # the image, and under its map of occlusion
    following = evaluation.misclassifications.filter(index__gt=mistake.index).earliest("index")
    page.get_by_role("link", name="Next misread").click()
    expect(page.get_by_role("heading", name=f"Image {following.index}")).to_be_visible()
