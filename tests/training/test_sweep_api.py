import pytest

from digitsite.accounts.roles import Role
from tests.api_calls import Caller
from tests.factories import make_dataset, make_succeeded_run, make_user
from training.models import Sweep, TrainingRun

pytestmark = pytest.mark.django_db
BODY = {"space": {"dropout": [0, 0.2], "filters": {"low": 8, "high": 32, "log": True, "steps": 3}}}


@pytest.fixture
def caller():
    return Caller(make_user(Role.RESEARCHER, "rosa"))


def test_a_sweep_is_planned_launched_listed_and_cancelled(caller):
    make_dataset()
    status, plan = caller.post("/sweeps/plan", BODY)
    assert (status, plan["runs"], plan["epochs"]) == (200, 6, 12)
    assert plan["choices"][1] == {"dropout": 0, "filters": 16}
    assert not Sweep.objects.exists()

    status, sweep = caller.post("/sweeps", BODY | {"note": "width"})
    assert status == 201, sweep
    assert (sweep["owner"], sweep["note"], sweep["counts"]["queued"]) == ("rosa", "width", 6)
    assert [run["values"] for run in sweep["runs"]] == [
        {"filters": choice["filters"], "dropout": choice["dropout"]} for choice in plan["choices"]
    ]
    assert caller.get("/sweeps")[1]["items"][0]["total"] == 6
    assert caller.get(f"/runs/{sweep['runs'][0]['id']}")[1]["sweep"] == sweep["id"]

    status, sweep = caller.post(f"/sweeps/{sweep['id']}/cancel", {})
    assert (status, sweep["is_over"], sweep["counts"]["cancelled"]) == (200, True, 6)
    assert caller.get(f"/sweeps/{sweep['id']}") == (200, sweep)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"space": {"dropout": [0, 2]}}, "dropout", "Must be at most 0.9, got 2."),
        ({"space": {}}, "", "Choose at least one hyperparameter"),
        ({"max_runs": 2}, "max_runs", "The grid has 6 combinations"),
        ({"max_runs": 0}, "max_runs", "Must be from 1 to 100, got 0."),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(caller, changes, field, sentence):
    make_dataset()
    status, body = caller.post("/sweeps", BODY | changes)
    assert status == 422
    assert body["error"]["fields"][0]["field"] == field
    assert sentence in body["error"]["message"]
    assert not Sweep.objects.exists()


def test_a_stranger_cannot_cancel(caller):
    make_dataset()
    sweep = caller.post("/sweeps", BODY)[1]
    stranger = Caller(make_user(Role.RESEARCHER))
    assert stranger.post(f"/sweeps/{sweep['id']}/cancel", {})[0] == 403


def test_a_clone_takes_what_is_not_given_from_its_parent(caller):
    parent = make_succeeded_run()
    status, body = caller.post("/runs", {"parent": parent.pk, "hyperparameters": {"dropout": 0.3}})
    assert status == 201, body
    clone = TrainingRun.objects.get(pk=body["id"])
    assert (clone.parent, clone.dataset, clone.recipe) == (parent, parent.dataset, parent.recipe)
    assert clone.hyperparameters == parent.hyperparameters | {"dropout": 0.3}
    assert caller.post("/runs", {"parent": 10**9})[0] == 404
