import pytest

from digitsite.accounts.roles import Role
from tests.api_calls import Caller
from tests.factories import make_dataset, make_run, make_succeeded_run, make_user
from training.ml.recipes import RECIPES
from training.models import Analysis, TrainingRun
from training.services import analyses

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return make_user(Role.RESEARCHER)


@pytest.fixture
def caller(person):
    return Caller(person)


def test_a_data_set_is_told_with_its_digest(caller):
    dataset = make_dataset()
    status, body = caller.get(f"/datasets/{dataset.pk}")
    assert (status, body["digest"], body["train_count"]) == (200, dataset.digest, 256)
    assert caller.get("/datasets")[1]["count"] == 1


def test_a_run_takes_from_the_recipe_what_is_not_given(caller, person):
    dataset = make_dataset()
    status, body = caller.post(
        "/runs", {"recipe": "fast", "dataset": dataset.pk, "hyperparameters": {"epochs": 7}}
    )
    assert status == 201, body
    run = TrainingRun.objects.get(pk=body["id"])
    expected = RECIPES["fast"].hyperparameters.model_dump() | {"epochs": 7}
    assert run.hyperparameters == expected
    assert (run.owner, run.status, body["queue_position"]) == (person, "queued", 1)


def test_a_value_out_of_range_is_refused_with_the_field_and_both_numbers(caller):
    make_dataset()
    status, body = caller.post("/runs", {"hyperparameters": {"epochs": 100_000}})
    assert status == 422
    [field] = body["error"]["fields"]
    assert field["field"] == "epochs"
    assert "100000" in field["message"]
    assert not TrainingRun.objects.exists()


def test_without_a_data_set_the_refusal_says_what_to_do(caller):
    assert caller.post("/runs", {})[1]["error"]["code"] == "no_dataset"


def test_runs_are_filtered_by_status(caller):
    make_run()
    done = make_succeeded_run()
    _, body = caller.get("/runs", status="succeeded")
    assert [run["id"] for run in body["items"]] == [done.pk]
    assert caller.get("/runs", status="nonsense")[0] == 422


def test_the_owner_cancels_and_resumes(caller, person):
    run = make_run(owner=person)
    assert caller.post(f"/runs/{run.pk}/cancel")[1]["status"] == "cancelled"
    assert caller.post(f"/runs/{run.pk}/resume")[1]["status"] == "queued"
    assert caller.post(f"/runs/{run.pk}/resume")[1]["error"]["code"] == "conflict"


def test_nobody_cancels_the_run_of_somebody_else(caller):
    run = make_run()
    assert caller.post(f"/runs/{run.pk}/cancel")[0] == 403


def test_epochs_and_log_are_told(caller):
    run = make_succeeded_run()
    assert [row["epoch"] for row in caller.get(f"/runs/{run.pk}/epochs")[1]] == [0, 1, 2]
    lines = caller.get(f"/runs/{run.pk}/events")[1]
    assert lines[-1]["message"] == "Succeeded."
    assert caller.get(f"/runs/{run.pk}/events", after=lines[-1]["id"])[1] == []


def test_an_evaluation_is_told(caller):
    run = make_succeeded_run(evaluated=True)
    _, body = caller.get("/evaluations", run=run.pk)
    [evaluation] = body["items"]
    assert evaluation["accuracy"] == 1.0
    assert caller.get(f"/evaluations/{evaluation['id']}")[1]["confusion"][3][3] > 0


def test_an_evaluation_on_another_dataset_is_asked_for(caller):
    run, other = make_succeeded_run(), make_dataset(3)
    status, body = caller.post("/evaluations", {"run": run.pk, "dataset": other.pk})
    assert (status, body["status"], body["dataset"]) == (201, "pending", other.pk)
    assert caller.post("/evaluations", {"run": run.pk, "dataset": other.pk})[1]["id"] == body["id"]


def test_an_evaluation_of_what_has_no_model_is_a_conflict(caller):
    status, body = caller.post("/evaluations", {"run": make_run().pk})
    assert status == 409
    assert "only a run that has succeeded" in body["error"]["message"]


def test_an_analysis_is_asked_for_and_told(caller):
    evaluation = make_succeeded_run(evaluated=True).evaluations.get()
    path = f"/evaluations/{evaluation.pk}/analysis"
    status, body = caller.get(path)
    assert status == 404
    assert "POST here" in body["error"]["message"]
    status, body = caller.post(path)
    assert (status, body["status"], body["slices"]) == (201, "pending", None)
    analyses.analyse(Analysis.objects.get().pk)
    status, body = caller.get(path)
    assert (status, body["status"], body["evaluation"]) == (200, "done", evaluation.pk)
    assert {"kind", "name", "count", "accuracy", "low", "high"} <= body["slices"][0].keys()
    assert len(body["corruptions"]["rows"]) == 8


def test_an_unfinished_evaluation_cannot_be_analysed(caller):
    evaluation = make_succeeded_run().evaluations.get()
    assert caller.post(f"/evaluations/{evaluation.pk}/analysis")[0] == 409
