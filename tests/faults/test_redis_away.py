"""Redis dies, comes back empty, or hangs, while real workers train."""

import os
import signal
from collections.abc import Iterator

import pytest
from django.utils import timezone

from tests.conftest import broker_at, free_port, redis_server
from tests.factories import make_dataset, make_run
from tests.workers import LONG, StartWorker, wait_for_epochs, wait_for_status, workers
from training.services import keeper, runs

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.tensorflow,
]


@pytest.fixture
def redis_port(settings):
    """A port for a Redis of this test's own, which settings and Celery point at."""
    port = free_port()
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    with broker_at(settings.REDIS_URL):
        yield port


@pytest.fixture
def start_worker(redis_port, child_environment) -> Iterator[StartWorker]:
    with workers(child_environment) as start:
        yield start


def test_a_redis_that_dies_and_comes_back_empty_costs_no_run(
    redis_port, start_worker, tmp_path, settings
):
    settings.KEEPER_INTERVAL_SECONDS = 0.5
    dataset = make_dataset()
    with redis_server(tmp_path, redis_port):
        start_worker()
        long = make_run(dataset=dataset, hyperparameters=LONG)
        wait_for_epochs(long, 1)
    done = long.epochs_done
    wait_for_epochs(long, done + 5)
    submitted_meanwhile = make_run(dataset=dataset)
    assert submitted_meanwhile.woken_at is None
    runs.request_cancel(long, by=long.owner)
    wait_for_status(long, "cancelled", "failed")
    with redis_server(tmp_path, redis_port):
        wait_for_status(submitted_meanwhile, "succeeded", "failed", each_time=keeper.tick)

    assert (long.status, long.attempt) == ("cancelled", 1)
    assert (submitted_meanwhile.status, submitted_meanwhile.attempt) == ("succeeded", 1)


def test_a_redis_that_hangs_delays_neither_lease_nor_training(
    redis_port, start_worker, tmp_path, settings
):
    with redis_server(tmp_path, redis_port) as (_, process):
        start_worker(RUN_LEASE_SECONDS="6", RUN_HEARTBEAT_SECONDS="0.5")
        run = make_run(dataset=make_dataset(), hyperparameters=LONG)
        wait_for_epochs(run, 1)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            wait_for_epochs(run, run.epochs_done + 20)
            runs.request_cancel(run, by=run.owner)
            wait_for_status(
                run, "cancelled", "failed", each_time=lambda: keeper.end_lapsed(timezone.now())
            )
        finally:
            os.kill(process.pid, signal.SIGCONT)

    assert (run.status, run.attempt, run.fence) == ("cancelled", 1, 1)
