"""The Celery worker around the tasks: it says that it lives, and drains on SIGTERM."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import billiard
from celery import current_app
from celery.signals import heartbeat_sent, worker_shutdown, worker_shutting_down

from training import wakeups, worker_liveness
from training.services.heartbeat import Stop


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


@heartbeat_sent.connect
def _report_alive(**_: object) -> None:
    """Every 2 s from the parent's event loop."""
    if _trains():
        worker_liveness.report_alive()


@worker_shutdown.connect
def _report_gone(**_: object) -> None:
    if _trains():
        worker_liveness.report_gone()
