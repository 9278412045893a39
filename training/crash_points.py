"""Named places where a test can make this process fail, as a power cut or a full disk would.

DIGITSITE_CRASH_AT=name kills the process with SIGKILL when it first gets there; with
DIGITSITE_CRASH_ONCE=file only if that file does not exist yet, so that a second attempt lives.

DIGITSITE_CRASH_ORDERS=folder lets a test decide later: the first process that reaches a place with
a file of its name in that folder takes the file and does what it says, `kill` or `disk full`.
"""

import errno
import os
import signal
from pathlib import Path

NAMES = (
    "run-committed",
    "after-claim",
    "after-started",
    "before-checkpoint-stored",
    "half-stored",
    "after-checkpoint-stored",
    "inside-epoch-transaction",
    "after-epoch-recorded",
    "before-export",
    "after-export",
    "after-artifacts-stored",
    "before-success",
    "inside-success-transaction",
    "after-success",
    "before-handing-back",
    "before-cancelled",
    "inside-requeue-transaction",
    "after-requeue",
)


def reached(name: str) -> None:
    """Fail here if the environment says so; else do nothing. Raises OSError for a full disk."""
    folder = os.environ.get("DIGITSITE_CRASH_ORDERS")
    if folder:
        _obey(Path(folder) / name)
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


def _obey(order: Path) -> None:
    taken = order.with_name(f"{order.name}.taken-by-{os.getpid()}")
    try:
        order.rename(taken)  # one process only, whoever else gets here
    except FileNotFoundError:
        return
    if taken.read_text() == "disk full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.kill(os.getpid(), signal.SIGKILL)
