"""Tasks as plain functions."""

import os
import signal

import pytest

from tests.factories import make_run, make_succeeded_run
from training import tasks, wakeups, worker
from training.models import TrainingRun
from training.services.trainer import Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained(monkeypatch) -> list:
    """Claims that were trained; training itself is left out."""
    claims = []

    def train(claim, stop) -> Outcome:
        claims.append(claim)
        TrainingRun.objects.filter(pk=claim.run_id).update(status="succeeded")
        return Outcome.SUCCEEDED

    monkeypatch.setattr(tasks, "train", train)
    return claims


@pytest.fixture
def sent(monkeypatch) -> list:
    messages: list = []
    monkeypatch.setattr(wakeups, "wake_trainer", lambda: messages.append("train"))
    return messages


def test_a_wake_up_trains_one_run_and_passes_the_word_on(trained, sent):
    make_run()
    make_run()
    tasks.wake_trainer()

    assert len(trained) == 1
    assert sent == ["train"]


def test_a_repeated_message_trains_nothing(trained, sent):
    make_run()
    answers = [tasks.wake_trainer() for _ in range(5)]

    assert len(trained) == 1
    assert answers[1:] == ["nothing waits"] * 4
    assert sent == []


def test_sigterm_during_a_task_asks_it_to_drain_and_only_then():
    before = signal.getsignal(signal.SIGTERM)
    with worker.drained_by_sigterm() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.drain.wait(5)

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_draining_worker_claims_nothing(trained, sent, monkeypatch):
    make_run()
    real = worker.Stop

    def draining():
        stop = real()
        stop.drain.set()
        return stop

    monkeypatch.setattr(worker, "Stop", draining)
    tasks.wake_trainer()

    assert trained == []


def test_the_evaluation_task_evaluates():
    run = make_succeeded_run()
    tasks.evaluate(run.evaluations.get().pk)

    assert run.evaluations.get().status == "done"


def test_messages_name_tasks_that_exist():
    from digitsite.celery import app

    assert {"training.tasks.wake_trainer", "training.tasks.evaluate"} <= set(app.tasks)
    assert app.conf.task_routes["training.tasks.wake_trainer"] == {"queue": wakeups.TRAIN_QUEUE}
