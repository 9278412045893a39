"""A file storage that does not answer for a while, seen from runs and evaluations."""

import time

import pytest
from django.core.files.storage import default_storage

from tests.factories import make_running_run, make_succeeded_run
from training import storage
from training.models import Evaluation
from training.services import datasets, evaluations, run_files, trainer
from training.services.heartbeat import Stop
from training.services.trainer import Outcome

pytestmark = pytest.mark.django_db(transaction=True)


class Away:
    """Makes a function raise ConnectionError a number of times, or for good."""

    def __init__(self, monkeypatch, owner, name: str, times: float):
        self.left, self.calls = times, 0
        real = getattr(owner, name)

        def called(*args, **kwargs):
            self.calls += 1
            if self.left > 0:
                self.left -= 1
                raise ConnectionError("the file storage does not answer")
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, called)


@pytest.fixture
def times_out_soon(settings) -> None:
    settings.FILES_PATIENCE_SECONDS = 0.3


def test_patience_repeats_until_it_is_done():
    answers = iter([ConnectionError(), ConnectionError(), "done"])

    def act() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert storage.patiently(act) == "done"


def test_patience_ends(times_out_soon):
    calls = []

    def act() -> None:
        calls.append(time.monotonic())
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.patiently(act)
    assert len(calls) > 1


def test_patience_ends_when_told():
    with pytest.raises(ConnectionError):
        storage.patiently(lambda: (_ for _ in ()).throw(ConnectionError()), give_up=lambda: True)


def test_other_errors_are_not_waited_for():
    calls = []

    def act() -> None:
        calls.append(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        storage.patiently(act)
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["fetch_checkpoints", "store_checkpoint", "store_artifacts"])
def test_a_storage_that_is_away_for_a_moment_costs_neither_run_nor_epoch(fake, monkeypatch, name):
    run, claim = make_running_run()
    away = Away(monkeypatch, run_files, name, times=2)

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED
    assert away.calls >= 3
    assert list(run.epoch_metrics.values_list("epoch", flat=True)) == [0, 1, 2]


def test_a_dataset_whose_storage_is_away_is_waited_for(fake, monkeypatch):
    _run, claim = make_running_run()
    datasets._load.cache_clear()
    away = Away(monkeypatch, default_storage, "open", times=2)

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED
    assert away.calls >= 3


@pytest.mark.parametrize("name", ["drop_older_checkpoints", "drop_other_artifacts"])
def test_what_cannot_be_removed_fails_no_run(fake, monkeypatch, name):
    run, claim = make_running_run()
    Away(monkeypatch, run_files, name, times=float("inf"))

    assert trainer.train(claim, Stop()) == Outcome.SUCCEEDED
    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")


def test_a_storage_that_stays_away_fails_the_run_with_a_sentence(fake, monkeypatch, times_out_soon):
    run, claim = make_running_run()
    Away(monkeypatch, run_files, "store_checkpoint", times=float("inf"))

    assert trainer.train(claim, Stop()) == Outcome.FAILED
    run.refresh_from_db()
    assert run.error.startswith("The file storage did not answer for too long.")
    assert (run.epochs_done, run.checkpoint) == (0, "")


@pytest.mark.parametrize(
    ("flag", "outcome", "status"),
    [("drain", Outcome.HANDED_BACK, "queued"), ("cancel", Outcome.CANCELLED, "cancelled")],
)
def test_who_waits_for_the_storage_still_listens(fake, monkeypatch, flag, outcome, status):
    run, claim = make_running_run()
    stop = Stop()
    real = run_files.store_checkpoint
    stored = []

    def once_then_away(*args):
        if stored:
            getattr(stop, flag).set()
            raise ConnectionError
        stored.append(real(*args))
        return stored[0]

    monkeypatch.setattr(run_files, "store_checkpoint", once_then_away)

    assert trainer.train(claim, stop) == outcome
    run.refresh_from_db()
    assert (run.status, run.epochs_done, run.checkpoint) == (status, 1, stored[0])


def test_an_evaluation_waits_for_the_storage(monkeypatch):
    evaluation = make_succeeded_run().evaluations.get()
    datasets._load.cache_clear()
    Away(monkeypatch, default_storage, "open", times=2)

    assert evaluations.evaluate(evaluation.pk).status == Evaluation.Status.DONE
    assert evaluation.misclassifications.count() == 0
