"""A real Celery worker process, a real Redis, real training of a tiny network."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.factories import make_dataset, make_run
from tests.workers import (
    LONG,
    WAIT_SECONDS,
    StartWorker,
    wait_for,
    wait_for_epochs,
    wait_for_status,
    workers,
)
from training import selectors, wakeups
from training.models import Evaluation, TrainingRun
from training.services import keeper, runs

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.tensorflow,
]


@pytest.fixture
def start_worker(redis_url, child_environment) -> Iterator[StartWorker]:
    with workers(child_environment) as start:
        yield start


def test_five_messages_train_a_run_once_and_evaluate_it(start_worker):
    start_worker()
    run = make_run(dataset=make_dataset())
    for _ in range(4):
        assert wakeups.wake_trainer()
    wait_for_status(run, "succeeded", "failed")
    wait_for(
        "the evaluation", lambda: run.evaluations.filter(status=Evaluation.Status.DONE).first()
    )
    wait_for("an empty queue", lambda: wakeups.waiting(wakeups.TRAIN_QUEUE) == 0)
    run.refresh_from_db()

    assert (run.status, run.attempt, run.fence) == ("succeeded", 1, 1)
    assert list(run.epoch_metrics.values_list("epoch", flat=True)) == [0, 1, 2]
    assert run.evaluations.get().count == 64
    assert selectors.live_train_workers() == 1


def test_a_killed_trainer_resumes_elsewhere_to_the_same_bytes(start_worker, tmp_path):
    crashed = tmp_path / "crashed"
    start_worker(
        DIGITSITE_CRASH_AT="after-epoch-recorded",
        DIGITSITE_CRASH_ONCE=str(crashed),
        RUN_LEASE_SECONDS="300",  # its parent sees it die; nobody waits for the lease
    )
    dataset = make_dataset()
    killed = make_run(dataset=dataset)
    wait_for("the crash", crashed.exists)
    undisturbed = make_run(dataset=dataset)
    wait_for_status(killed, "succeeded", "failed")
    wait_for_status(undisturbed, "succeeded", "failed")

    assert (killed.status, killed.attempt, killed.fence) == ("succeeded", 2, 2)
    assert list(killed.epoch_metrics.values_list("epoch", "fence")) == [(0, 1), (1, 2), (2, 2)]
    assert (undisturbed.status, undisturbed.attempt) == ("succeeded", 1)
    assert killed.weights_digest == undisturbed.weights_digest
    assert not list((tmp_path / "work").iterdir())


def test_when_child_and_parent_die_the_lease_lapses_and_another_worker_goes_on(start_worker):
    brief = {"RUN_LEASE_SECONDS": "3", "RUN_HEARTBEAT_SECONDS": "0.5"}
    first = start_worker(**brief)
    run = make_run(dataset=make_dataset(), hyperparameters=LONG)
    wait_for_epochs(run, 1)
    os.killpg(first.pid, signal.SIGKILL)
    start_worker(**brief)
    wait_for("the second claim", lambda: claimed_again(run), each_time=keeper.tick)
    wait_for("an epoch of the second", lambda: run.epoch_metrics.filter(fence=2).exists())
    runs.request_cancel(run, by=run.owner)
    wait_for_status(run, "cancelled", "failed")

    assert (run.status, run.attempt, run.fence) == ("cancelled", 2, 2)
    rows = list(run.epoch_metrics.values_list("epoch", "fence"))
    assert [epoch for epoch, _ in rows] == list(range(run.epochs_done))
    assert [fence for _, fence in rows] == sorted(fence for _, fence in rows)
    assert {fence for _, fence in rows} == {1, 2}


def claimed_again(run: TrainingRun) -> bool:
    run.refresh_from_db()
    return run.fence == 2


def test_a_run_is_cancelled_resumed_and_handed_back_when_the_worker_ends(start_worker):
    worker = start_worker()
    run = make_run(dataset=make_dataset(), hyperparameters=LONG)
    wait_for_epochs(run, 1)
    runs.request_cancel(run, by=run.owner)
    wait_for_status(run, "cancelled", "succeeded", "failed")
    done_at_cancel = run.epochs_done
    assert run.status == "cancelled"
    assert 1 <= done_at_cancel < LONG.epochs

    runs.resume_run(run, by=run.owner)
    wait_for_epochs(run, done_at_cancel + 1)
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=WAIT_SECONDS)
    run.refresh_from_db()

    assert (run.status, run.attempt) == ("queued", 0)
    assert run.epoch_metrics.count() == run.epochs_done < LONG.epochs
    assert run.events.filter(message__contains="waits for another").exists()
