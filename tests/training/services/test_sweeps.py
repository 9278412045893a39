import pytest

from digitsite.accounts.roles import Role
from tests.factories import make_dataset, make_run, make_succeeded_run, make_sweep, make_user
from training import selectors, wakeups
from training.models import Sweep, TrainingRun
from training.services import runs, sweeps
from training.services.claims import claim_run
from training.services.runs import RunError

pytestmark = pytest.mark.django_db


def test_every_run_of_the_plan_is_queued_with_the_sweep():
    sweep = make_sweep(dropout=[0, 0.2], filters=[4, 8])
    values = [
        (run.hyperparameters["dropout"], run.hyperparameters["filters"])
        for run in sweep.runs.order_by("pk")
    ]
    assert values == [(0, 4), (0, 8), (0.2, 4), (0.2, 8)]
    assert set(sweep.runs.values_list("status", "owner", "dataset", "priority")) == {
        ("queued", sweep.owner_id, sweep.dataset_id, sweeps.PRIORITY)
    }


def test_a_sweep_that_cannot_queue_its_last_run_leaves_nothing(monkeypatch):
    said = []

    def full(*args, **kwargs):
        said.append(args)
        if len(said) == 2:
            raise OSError("no room")

    monkeypatch.setattr(runs, "log_event", full)
    with pytest.raises(OSError, match="no room"):
        make_sweep()
    assert not Sweep.objects.exists()
    assert not TrainingRun.objects.exists()


def test_single_runs_of_everybody_go_before_a_sweep():
    dataset = make_dataset()
    ada, bob = make_user(), make_user()
    sweep = make_sweep(ada, dataset, dropout=[0, 0.1, 0.2])
    of_ada, of_bob = make_run(ada, dataset), make_run(bob, dataset)
    assert selectors.queue_order() == [
        of_ada.pk,
        of_bob.pk,
        *sweep.runs.order_by("pk").values_list("pk", flat=True),
    ]


def test_two_peoples_sweeps_take_turns():
    dataset = make_dataset()
    ada = make_sweep(make_user(), dataset, dropout=[0, 0.1, 0.2])
    bob = make_sweep(make_user(), dataset, dropout=[0, 0.1])
    order = dict(TrainingRun.objects.values_list("pk", "sweep_id"))
    assert [order[pk] for pk in selectors.queue_order()] == [ada.pk, bob.pk] * 2 + [ada.pk]


def test_a_redis_that_is_away_is_asked_once_for_the_whole_sweep(
    django_capture_on_commit_callbacks, monkeypatch
):
    asked = []
    monkeypatch.setattr(wakeups, "wake_trainer", lambda: asked.append(1) and False)
    with django_capture_on_commit_callbacks(execute=True):
        make_sweep(dropout=[0, 0.1, 0.2])
    assert len(asked) == 1
    assert TrainingRun.objects.filter(status="queued", woken_at=None).count() == 3


def test_cancel_ends_what_waits_and_stops_what_runs_and_leaves_what_is_over():
    sweep = make_sweep(dropout=[0, 0.1, 0.2])
    first, second, third = sweep.runs.order_by("pk")
    TrainingRun.objects.filter(pk=first.pk).update(status="succeeded")
    assert claim_run(second.pk, "test:1")
    assert sweeps.cancel_sweep(sweep, by=sweep.owner) == 2
    states = sweep.runs.order_by("pk").values_list("status", "cancel_requested")
    assert list(states) == [("succeeded", False), ("running", True), ("cancelled", False)]
    assert third.pk not in selectors.queue_order()


def test_a_stranger_cannot_cancel_a_sweep_and_an_admin_can():
    sweep = make_sweep()
    with pytest.raises(RunError, match="belongs to"):
        sweeps.cancel_sweep(sweep, by=make_user())
    assert sweeps.cancel_sweep(sweep, by=make_user(Role.ADMIN)) == 2


def test_a_sweep_around_a_run_remembers_it():
    parent = make_succeeded_run()
    sweep = make_sweep(parent.owner, parent.dataset)
    assert set(sweep.runs.values_list("parent", flat=True)) == {None}
