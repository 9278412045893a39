"""How a fault gets its name, and what several of them do."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from tests.faults.case import Case
from tests.faults.site import LEASE_SECONDS

Fault = Callable[[Case], None]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def hit(case: Case, number: int) -> None:
    """A signal to the process that trains, if one does."""
    if (pid := case.trainer()) is not None:
        kill(pid, number)


def revive_soon(case: Case) -> None:
    """What died stays dead for a moment, then a supervisor starts it again."""
    time.sleep(case.random.uniform(0, 3))
    case.site.revive()


def kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def freeze(case: Case, send: Callable[[int], None]) -> None:
    send(signal.SIGSTOP)
    try:
        time.sleep(LEASE_SECONDS * case.random.uniform(1.2, 2))
    finally:
        send(signal.SIGCONT)
