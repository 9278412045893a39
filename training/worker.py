"""The Celery worker around the tasks: it says that it lives, drains on SIGTERM, and knows its dead.

The parent process imports no TensorFlow and trains nothing. Each child trains one run; while it
waits for one it loads TensorFlow, so that a run starts seconds earlier.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import billiard
from celery import bootsteps, current_app
from celery.signals import worker_process_init, worker_shutdown, worker_shutting_down

from training import wakeups, worker_liveness
from training.services import keeper, tensorflow_loading
from training.services.claims import worker_name
from training.services.heartbeat import Stop

LOOK_SECONDS = 0.5
REPORT_SECONDS = 2.0


@worker_process_init.connect
def _load_tensorflow_ahead(**_: object) -> None:
    if _trains():
        tensorflow_loading.load_ahead()


@contextmanager
def drained_by_sigterm() -> Iterator[Stop]:
    """While a task may train, SIGTERM asks it to drain; elsewhere it ends the process as usual."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # an eager call: signals belong to the main thread
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.drain.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _trains() -> bool:
    return wakeups.TRAIN_QUEUE in current_app.amqp.queues.consume_from


@worker_shutting_down.connect
def _pass_sigterm_on(how: str, **_: object) -> None:
    """A warm shutdown waits for the end of training; so the child is asked to hand it back."""
    if how == "Warm" and _trains():
        for child in billiard.active_children():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)


@worker_shutdown.connect
def _report_gone(**_: object) -> None:
    if _trains():
        worker_liveness.report_gone()


class TrainWorkerDuties(bootsteps.StartStopStep):
    """What the parent does between messages, for as long as its consumer is connected."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer, **options):
        super().__init__(consumer, **options)
        self._timers: list = []
        self._children: dict = {}
        self._oom_kills = oom_kills()

    def include_if(self, consumer) -> bool:
        return _trains()

    def start(self, consumer) -> None:
        every = consumer.timer.call_repeatedly
        worker_liveness.report_alive()
        self._timers = [
            every(REPORT_SECONDS, worker_liveness.report_alive),
            every(LOOK_SECONDS, self.look, (consumer.pool,)),
        ]

    def stop(self, consumer) -> None:
        for timer in self._timers:
            timer.cancel()

    def look(self, pool) -> None:
        """Replace children that ended, and give back at once what a dead one was training.

        Celery itself notices some exits only after 5 s; the lease of a dead child's run would
        last up to a minute.
        """
        pool.maintain_pool()
        present = {child.pid: child for child in pool._pool._pool}
        gone = [child for pid, child in self._children.items() if pid not in present]
        self._children = present
        for child in gone:
            killed = child.exitcode == -signal.SIGKILL
            out_of_memory = killed and oom_kills() > self._oom_kills
            self._oom_kills = oom_kills()
            keeper.release(worker_name(child.pid), out_of_memory=out_of_memory)


def oom_kills() -> int:
    """Processes that this machine's kernel has killed for lack of memory so far; 0 if unknown."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


current_app.steps["consumer"].add(TrainWorkerDuties)
