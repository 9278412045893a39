import json
import re

import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from tests.factories import make_dataset, make_run, make_running_run, make_user, record_epochs
from tests.training.test_forms import posted
from training import run_page
from training.forms import LaunchForm
from training.ml.recipes import RECIPES
from training.models import TrainingRun

pytestmark = pytest.mark.django_db
Status = TrainingRun.Status


@pytest.fixture
def rosa(client):
    person = make_user(Role.RESEARCHER, "rosa")
    client.force_login(person)
    return person


# --- the list -----------------------------------------------------------------------------------


def test_without_runs_the_list_says_what_to_do(client, rosa):
    page = client.get(reverse("runs")).content.decode()
    assert "No run yet" in page
    assert reverse("run_new") in page


def test_a_drawer_is_not_offered_what_a_drawer_may_not_do(client):
    client.force_login(make_user(Role.DRAWER))
    assert reverse("run_new") not in client.get(reverse("runs")).content.decode()
    assert client.get(reverse("run_new")).status_code == 403


def test_the_list_is_filtered_by_status_and_owner(client, rosa):
    mine = make_run(owner=rosa)
    failed = make_run(owner=rosa, status=Status.FAILED)
    other = make_run(status=Status.FAILED)

    def shown(**query):
        return {run.pk for run in client.get(reverse("runs"), query).context["page"]}

    assert shown() == {mine.pk, failed.pk, other.pk}
    assert shown(status="failed") == {failed.pk, other.pk}
    assert shown(owner="me") == {mine.pk, failed.pk}
    assert shown(owner=other.owner_id, status="failed") == {other.pk}
    assert shown(owner=other.owner_id, status="queued") == set()
    assert shown(owner="²", status="nonsense") == {mine.pk, failed.pk, other.pk}


def test_the_list_has_pages_that_keep_the_filter(client, rosa, monkeypatch):
    monkeypatch.setattr("training.views.runs.RUNS_PER_PAGE", 1)
    older, newer = (make_run(owner=rosa, status=Status.CANCELLED) for _ in range(2))
    first = client.get(reverse("runs"), {"status": "cancelled"})
    assert [run.pk for run in first.context["page"]] == [newer.pk]
    assert "?status=cancelled&amp;page=2" in first.content.decode()
    second = client.get(reverse("runs"), {"status": "cancelled", "page": "2"})
    assert [run.pk for run in second.context["page"]] == [older.pk]


def test_the_list_asks_again_only_while_something_can_change(client, rosa):
    run = make_run(owner=rosa)
    assert 'hx-trigger="every 3s"' in client.get(reverse("runs")).content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(status=Status.CANCELLED)
    assert "hx-trigger" not in client.get(reverse("runs")).content.decode()


def test_the_answer_to_htmx_is_the_rows_alone(client, rosa):
    make_run(owner=rosa)
    page = client.get(reverse("runs"), headers={"HX-Request": "true"}).content.decode()
    assert page.strip().startswith('<div id="run-rows"')
    assert "<html" not in page


# --- launching ----------------------------------------------------------------------------------


def test_without_data_the_launch_page_says_so(client, rosa):
    assert "nothing to learn from" in client.get(reverse("run_new")).content.decode()


def test_a_launch_makes_a_queued_run_with_the_values_of_the_form(client, rosa):
    dataset = make_dataset()
    form = LaunchForm.prefilled(recipe="balanced", dataset=dataset)
    answer = client.post(reverse("run_new"), posted(form, epochs="3", note="why not"))
    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    assert (run.owner, run.dataset, run.recipe) == (rosa, dataset, "balanced")
    assert (run.status, run.note, run.epochs) == (Status.QUEUED, "why not", 3)


def test_a_bad_launch_comes_back_with_the_error_and_what_was_typed(client, rosa):
    form = LaunchForm.prefilled(dataset=make_dataset())
    answer = client.post(reverse("run_new"), posted(form, epochs="1000", note="kept"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert not TrainingRun.objects.exists()
    assert "Must be at most 200, got 1000." in page
    assert 'value="1000"' in page
    assert 'value="kept"' in page
    field = re.search(r'<input[^>]*name="epochs"[^>]*>', page)[0]
    assert 'aria-invalid="true"' in field
    assert "id_epochs_error" in field
    assert 'id="id_epochs_error"' in page


def test_a_recipe_chosen_with_htmx_answers_the_fields_alone(client, rosa):
    make_dataset()
    answer = client.get(
        reverse("run_new"), {"recipe": "baseline"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in answer
    epochs = RECIPES["baseline"].hyperparameters.epochs
    assert f'name="epochs" value="{epochs}"' in answer
    assert 'name="recipe" value="baseline"' in answer


def test_a_clone_remembers_its_parent(client, rosa):
    parent = make_run()
    page = client.get(reverse("run_new"), {"clone": parent.pk})
    assert f"Clone run {parent.pk}" in page.content.decode()
    client.post(reverse("run_new"), posted(page.context["form"]))
    assert TrainingRun.objects.get(parent=parent).owner == rosa


@pytest.mark.parametrize("query", [{"recipe": "none"}, {"clone": "99"}, {"clone": "x"}])
def test_what_does_not_exist_cannot_be_a_start(client, rosa, query):
    make_dataset()
    assert client.get(reverse("run_new"), query).status_code == 404


# --- one run ------------------------------------------------------------------------------------


def detail(client, run) -> str:
    return client.get(reverse("run", args=[run.pk])).content.decode()


def test_a_missing_run_is_not_found(client, rosa):
    for name in ("run", "run_live", "run_events"):
        assert client.get(reverse(name, args=[99])).status_code == 404


def test_a_queued_run_shows_its_place_and_that_nobody_trains(client, rosa, redis_url):
    make_run(owner=rosa)
    second = make_run(owner=rosa)
    page = detail(client, second)
    assert "2nd in the queue" in page
    assert "No training worker is alive" in page
    assert run_page.START_A_WORKER in page


def test_a_queued_run_without_redis_says_that_it_is_safe(client, rosa):
    assert "Redis does not answer" in detail(client, make_run(owner=rosa))


def test_a_running_run_shows_batches_epochs_and_both_curves(client, rosa):
    run, claim = make_running_run(owner=rosa)
    record_epochs(claim, 2)
    progress = {"epoch": 2, "batch": 3, "batches": 6, "loss": 0.25, "accuracy": 0.9321}
    TrainingRun.objects.filter(pk=run.pk).update(progress=progress)
    page = detail(client, run)
    assert "Epoch 3 of 3" in page
    assert "batch 3 of 6 · loss 0.2500 · accuracy 93.21\N{NO-BREAK SPACE}%" in page
    assert 'value="83.3"' in page
    curves = json.loads(
        re.search(r'<script id="figure-accuracy" type="application/json">(.*?)</script>', page)[1]
    )
    assert [trace["y"] for trace in curves["data"]] == [[90.0, 91.0], [89.0, 90.0]]


def test_a_failed_run_says_what_happened_and_keeps_the_traceback_for_managers(client, rosa):
    run = make_run(
        owner=rosa, status=Status.FAILED, error="The disk is full.", traceback="Traceback: ENOSPC"
    )
    page = detail(client, run)
    assert "The disk is full." in page
    assert "Try again" in page
    assert "ENOSPC" not in page
    client.force_login(make_user(Role.ADMIN))
    assert "ENOSPC" in detail(client, run)


def test_text_of_people_is_escaped_in_every_region(client, rosa):
    run = make_run(owner=rosa, note="<script>alert(1)</script>", error="<b>", status="failed")
    run.events.create(fence=0, message="<img src=x>")
    for name in ("run", "run_live"):
        page = client.get(reverse(name, args=[run.pk])).content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "&lt;img src=x&gt;" in page
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


def test_hyperparameters_that_differ_from_the_recipe_are_marked(client, rosa):
    usual = RECIPES["baseline"].hyperparameters
    run = make_run(
        owner=rosa, recipe="baseline", hyperparameters=usual.model_copy(update={"epochs": 3})
    )
    rows = {row["title"]: row for row in run_page.hyperparameter_rows(run)}
    assert rows["Epochs"]["value"] == "3"
    assert rows["Epochs"]["changed_from"] == str(usual.epochs)
    assert [row["title"] for row in rows.values() if row["changed_from"]] == ["Epochs"]


def test_the_polled_page_has_every_region_and_says_when_it_is_over(client, rosa):
    run = make_run(owner=rosa)
    page = client.get(reverse("run_live", args=[run.pk]))
    assert page.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    regions = re.findall(r'<template data-region="run-(\w+)">', page.content.decode())
    assert regions == list(run_page.REGIONS)
    assert "data-over" not in page.content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(status=Status.CANCELLED)
    assert "data-over" in client.get(reverse("run_live", args=[run.pk])).content.decode()


def test_every_region_has_its_place_on_the_page(client, rosa):
    page = detail(client, make_run(owner=rosa))
    for region in run_page.REGIONS:
        assert re.search(rf'id="run-{region}"[^>]* sse-swap="{region}"', page), region


def test_regions_do_not_change_by_being_read_again(client, rosa, rf):
    """Else the stream would send, and the browser swap, everything every second."""
    run = make_run(owner=rosa, status=Status.FAILED)
    request = rf.get("/")
    request.user = rosa
    first, second = (
        run_page.render(request, run_page.context(rosa, run_page.get_run(run.pk))) for _ in range(2)
    )
    assert first == second


# --- cancel and resume --------------------------------------------------------------------------


def test_the_owner_cancels_and_resumes(client, rosa):
    run = make_run(owner=rosa)
    assert 'form="run-cancel"' in detail(client, run)
    client.post(reverse("run_cancel", args=[run.pk]))
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    assert 'form="run-resume"' in detail(client, run)
    client.post(reverse("run_resume", args=[run.pk]))
    run.refresh_from_db()
    assert run.status == Status.QUEUED


@pytest.mark.parametrize("name", ["run_cancel", "run_resume"])
def test_strangers_cannot_steer_but_managers_can(client, rosa, name):
    status = Status.QUEUED if name == "run_cancel" else Status.FAILED
    run = make_run(status=status)
    assert 'form="run-' not in detail(client, run)
    assert client.post(reverse(name, args=[run.pk])).status_code == 403
    run.refresh_from_db()
    assert run.status == status
    client.force_login(make_user(Role.ADMIN))
    assert client.post(reverse(name, args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.status != status


def test_a_move_that_the_state_forbids_is_answered_with_a_sentence(client, rosa):
    run = make_run(owner=rosa, status=Status.SUCCEEDED)
    page = client.post(reverse("run_resume", args=[run.pk]), follow=True).content.decode()
    assert "Only a cancelled or failed run can be resumed" in page


@pytest.mark.parametrize("name", ["run_cancel", "run_resume"])
def test_a_link_cannot_steer(client, rosa, name):
    assert client.get(reverse(name, args=[make_run(owner=rosa).pk])).status_code == 405
