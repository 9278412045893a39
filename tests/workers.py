"""Real Celery workers for tests, and waiting for what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.factories import TINY
from training.models import TrainingRun

ROOT = Path(__file__).resolve().parents[1]
WAIT_SECONDS = 120
LONG = TINY.model_copy(update={"epochs": 200})
StartWorker = Callable[..., subprocess.Popen]


@contextmanager
def workers(child_environment: dict[str, str], *, runs_per_child: int = 1) -> Iterator[StartWorker]:
    """A function that starts a worker for both queues, with more environment as keywords.

    What is left of them at the end is killed.
    """
    started: list[subprocess.Popen] = []

    def start(**environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "celery", "-A", "digitsite", "worker", "--loglevel=INFO"]
        command += ["-Q", "train,default", "-c", "1", f"--max-tasks-per-child={runs_per_child}"]
        command += ["-n", f"worker{len(started)}@%h", "--without-mingle", "--without-gossip"]
        worker = subprocess.Popen(
            command, cwd=ROOT, env=child_environment | environment, start_new_session=True
        )
        started.append(worker)
        return worker

    try:
        yield start
    finally:
        for worker in started:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def wait_for(what: str, condition: Callable[[], object], each_time=lambda: None):
    """Poll until the condition holds; its value."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        each_time()
        time.sleep(0.1)
    return value


def wait_for_status(run: TrainingRun, *statuses: str, each_time=lambda: None) -> TrainingRun:
    def reached() -> bool:
        run.refresh_from_db()
        return run.status in statuses

    wait_for(f"{run} to be {statuses}", reached, each_time)
    return run


def wait_for_epochs(run: TrainingRun, count: int) -> None:
    def trained() -> bool:
        run.refresh_from_db()
        return run.epochs_done >= count

    wait_for(f"{count} epochs of {run}", trained)
