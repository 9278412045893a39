"""The log of a run: a row for people, and the same line in the process's log."""

import logging

from django.db import transaction

from training import progress
from training.models import RunEvent

logger = logging.getLogger("training.run")
_LEVELS = {
    RunEvent.Level.INFO: logging.INFO,
    RunEvent.Level.WARNING: logging.WARNING,
    RunEvent.Level.ERROR: logging.ERROR,
}


def log_event(
    run_id: int, fence: int, message: str, level: RunEvent.Level = RunEvent.Level.INFO
) -> None:
    """Append one line; people who watch the run see it at once."""
    RunEvent.objects.create(run_id=run_id, fence=fence, level=level, message=message[:500])
    logger.log(_LEVELS[level], "run=%d fence=%d %s", run_id, fence, message)
    transaction.on_commit(lambda: progress.publish(run_id, {"kind": "log", "message": message}))


def announce_state(run_id: int, status: str) -> None:
    """Tell watchers, once the transaction is durable, that the run's state has changed."""
    transaction.on_commit(lambda: progress.publish(run_id, {"kind": "state", "status": status}))
