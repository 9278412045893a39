"""Named places where a test can make this process die, as a power cut would.

DIGITSITE_CRASH_AT=name kills the process with SIGKILL when it first gets there; with
DIGITSITE_CRASH_ONCE=file only if that file does not exist yet, so that a second attempt lives.
"""

import os
import signal
from pathlib import Path

NAMES = (
    "after-claim",
    "before-checkpoint-stored",
    "after-checkpoint-stored",
    "after-epoch-recorded",
    "before-export",
    "after-export",
    "after-artifacts-stored",
    "before-success",
    "after-success",
)


def reached(name: str) -> None:
    """Die here if the environment says so; else do nothing."""
    if os.environ.get("DIGITSITE_CRASH_AT") != name:
        return
    once = os.environ.get("DIGITSITE_CRASH_ONCE")
    if once:
        try:
            with Path(once).open("x"):
                pass
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
