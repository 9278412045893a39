"""Claiming a run, and every write that only the holder of a claim may make.

A claim is (run, fence). The fence rises with each claim; a write goes through an UPDATE that asks
for this fence and for `running`, in the transaction that writes. Who has lost the claim changes
no row and gets ClaimLost.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from training import selectors
from training.models import TrainingRun

Status = TrainingRun.Status


class ClaimLost(Exception):
    """Somebody else holds the run now, or it is over."""


@dataclass(frozen=True)
class Claim:
    """The right to train a run, until the lease lapses or a higher fence exists."""

    run_id: int
    fence: int

    def __str__(self) -> str:
        return f"run={self.run_id} fence={self.fence}"

    @property
    def rows(self):
        """The run's row as long as this claim holds, else nothing."""
        return TrainingRun.objects.filter(pk=self.run_id, fence=self.fence, status=Status.RUNNING)


def worker_name(pid: int | None = None) -> str:
    """Host and process, this one by default: for people, and for the worker that misses a child."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"[:120]


def claim_next(worker: str) -> Claim | None:
    """The next run by policy, or None when nothing waits. Safe against any number of others."""
    while (run_id := selectors.next_run_id()) is not None:
        claim = claim_run(run_id, worker)
        if claim is not None:
            return claim
    return None


@transaction.atomic
def claim_run(run_id: int, worker: str) -> Claim | None:
    """One conditional UPDATE decides; None if somebody else was quicker."""
    now = timezone.now()
    claimed = TrainingRun.objects.filter(
        pk=run_id, status=Status.QUEUED, cancel_requested=False
    ).update(
        status=Status.RUNNING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        worker=worker,
        lease_until=lease_end(now),
        claimed_at=now,
        started_at=Coalesce("started_at", now),
        deadline_at=Coalesce("deadline_at", now + timedelta(seconds=settings.RUN_DEADLINE_SECONDS)),
        progress={},
    )
    if not claimed:
        return None
    return Claim(run_id, TrainingRun.objects.values_list("fence", flat=True).get(pk=run_id))


def lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.RUN_LEASE_SECONDS)


def write(claim: Claim, **fields: Any) -> None:
    """Update the run's row under the claim. Raises ClaimLost."""
    if not claim.rows.update(**fields):
        raise ClaimLost(str(claim))


@contextmanager
def fenced(claim: Claim, **fields: Any) -> Iterator[None]:
    """A transaction that begins with a write under the claim, so that the row stays ours in it.

    Raises ClaimLost before the body runs.
    """
    with transaction.atomic():
        write(claim, **fields)
        yield
