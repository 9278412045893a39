"""Every fault: what is done to the site around one run. Times and places come from the seed."""

import os
import signal
import time
from collections.abc import Callable

from tests.faults.case import Case

Fault = Callable[[Case], None]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


@fault
def none(case: Case) -> None:
    case.submit()


@fault
def child_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    if (pid := case.trainer()) is not None:
        os.kill(pid, signal.SIGKILL)
