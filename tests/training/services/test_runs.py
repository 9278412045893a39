"""Launch, cancel, resume, continue."""

import pytest
from django.test import TestCase

from digitsite.accounts.roles import Role
from tests.conftest import broker_at
from tests.factories import (
    TINY,
    make_dataset,
    make_run,
    make_running_run,
    make_succeeded_run,
    make_user,
)
from training import wakeups
from training.models import TrainingRun
from training.services import runs
from training.services.runs import RunError

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(wakeups, "wake_trainer", lambda: messages.append("wake") or True)
    return messages


def test_the_wake_up_goes_out_after_the_commit(sent):
    with TestCase.captureOnCommitCallbacks() as callbacks:
        run = make_run()
        assert sent == []
    for callback in callbacks:
        callback()

    assert sent == ["wake"]
    run.refresh_from_db()
    assert run.woken_at is not None


def test_a_run_is_created_although_redis_is_down(redis_url, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with broker_at(settings.REDIS_URL), TestCase.captureOnCommitCallbacks(execute=True):
        run = make_run()

    run.refresh_from_db()
    assert (run.status, run.woken_at) == ("queued", None)


def test_all_hyperparameters_are_kept():
    run = make_run(hyperparameters=TINY)

    assert run.hyperparameters == TINY.model_dump(mode="json")
    assert run.epochs == TINY.epochs


def test_cancelling_a_queued_run_ends_it_at_once():
    run = make_run()
    runs.request_cancel(run, by=run.owner)

    assert run.status == "cancelled"
    assert run.finished_at is not None


def test_cancelling_a_running_run_sets_the_flag():
    run, claim = make_running_run()
    runs.request_cancel(run, by=run.owner)

    assert (run.status, run.cancel_requested) == ("running", True)
    assert claim.rows.exists()


@pytest.mark.parametrize("status", TrainingRun.FINAL)
def test_a_run_that_is_over_cannot_be_cancelled(status):
    run = make_run(status=status)

    with pytest.raises(RunError, match="is over"):
        runs.request_cancel(run, by=run.owner)


def test_a_cancel_that_comes_too_late_says_so():
    run = make_run()
    TrainingRun.objects.filter(pk=run.pk).update(status="succeeded")

    with pytest.raises(RunError, match="has succeeded"):
        runs.request_cancel(run, by=run.owner)


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_stopped_run_goes_back_into_the_queue(status, sent):
    run = make_run(status=status, attempt=3, cancel_requested=True, error="e", checkpoint="c")
    with TestCase.captureOnCommitCallbacks(execute=True):
        runs.resume_run(run, by=run.owner)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.cancel_requested) == ("queued", 0, False)
    assert (run.error, run.checkpoint) == ("", "c")
    assert sent == ["wake"]


@pytest.mark.parametrize("status", ["queued", "running", "succeeded"])
def test_other_runs_cannot_be_resumed(status):
    run = make_run(status=status)

    with pytest.raises(RunError):
        runs.resume_run(run, by=run.owner)


def test_other_peoples_runs_are_out_of_reach_but_not_for_an_admin():
    run = make_run()
    with pytest.raises(RunError, match="belongs to"):
        runs.request_cancel(run, by=make_user())
    runs.request_cancel(run, by=make_user(Role.ADMIN))
    with pytest.raises(RunError, match="belongs to"):
        runs.resume_run(run, by=make_user())

    assert run.status == "cancelled"


def test_continuing_keeps_checkpoint_and_curve():
    run = make_succeeded_run(dataset=make_dataset())

    longer = runs.continue_run(run, by=run.owner, epochs=2)

    assert (longer.status, longer.parent, longer.epochs) == ("queued", run, run.epochs_done + 2)
    assert longer.checkpoint == run.checkpoint
    assert list(longer.epoch_metrics.values_list("epoch", "train_loss")) == list(
        run.epoch_metrics.values_list("epoch", "train_loss")
    )


def test_an_unfinished_run_cannot_be_continued():
    with pytest.raises(RunError, match="finished"):
        runs.continue_run(make_run(), by=make_user(), epochs=2)
