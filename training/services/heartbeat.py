"""Keeps a claim alive beside the training, and listens for cancel.

One thread does all the database work that recurs, so that the training loop only reads flags;
another sends batch progress, so that a Redis that hangs delays no lease.
"""

import logging
import threading
import time
from contextlib import suppress

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from training import progress
from training.models import TrainingRun
from training.services.claims import Claim, lease_end

logger = logging.getLogger("training.run")

TICK_SECONDS = 0.5  # cancel is read this often
PROGRESS_ROW_SECONDS = 1.0
PUBLISH_SECONDS = 0.25
# Without a renewal for this share of the lease the trainer stops: others may take over soon.
SURE_SHARE = 0.75


class Stop:
    """Why training should end before its time. Set from signal handlers and from the heartbeat."""

    def __init__(self) -> None:
        self.drain = threading.Event()
        self.cancel = threading.Event()


class Heartbeat:
    """Context manager around everything a trainer does under a claim."""

    def __init__(self, claim: Claim, stop: Stop):
        self.claim = claim
        self.stop = stop
        self.progress: dict = {}
        self._lost = threading.Event()
        self._done = threading.Event()
        self._renewed = time.monotonic()
        self._written: dict = {}
        self._written_at = 0.0
        self._threads = [
            threading.Thread(target=self._beat_until_done, name="heartbeat", daemon=True),
            threading.Thread(target=self._publish_until_done, name="progress", daemon=True),
        ]

    def __enter__(self) -> "Heartbeat":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(timeout=30)

    @property
    def lost(self) -> bool:
        """Whether the claim is gone, or can no longer be relied on."""
        unsure_after = SURE_SHARE * settings.RUN_LEASE_SECONDS
        return self._lost.is_set() or time.monotonic() - self._renewed > unsure_after

    @property
    def should_stop(self) -> bool:
        return self.lost or self.stop.cancel.is_set() or self.stop.drain.is_set()

    def _beat_until_done(self) -> None:
        tick = min(TICK_SECONDS, settings.RUN_HEARTBEAT_SECONDS / 2)
        while not self._done.wait(tick) and not self._lost.is_set():
            try:
                self.beat()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%s event=heartbeat-failed reason=%s", self.claim, error)
                with suppress(DatabaseError, InterfaceError):
                    connection.close()
        connection.close()

    def beat(self) -> None:
        """Write what is due under the claim, then read the cancel flag."""
        now = time.monotonic()
        due: dict = {}
        if now - self._renewed >= settings.RUN_HEARTBEAT_SECONDS:
            due["lease_until"] = lease_end(timezone.now())
        if self.progress != self._written and now - self._written_at >= PROGRESS_ROW_SECONDS:
            due["progress"] = self.progress
        if due:
            if not self.claim.rows.update(**due):
                self._lose()
                return
            if "lease_until" in due:
                self._renewed = now
            if "progress" in due:
                self._written, self._written_at = due["progress"], now
        row = (
            TrainingRun.objects.filter(pk=self.claim.run_id)
            .values_list("status", "fence", "cancel_requested")
            .first()
        )
        if row is None or row[:2] != (TrainingRun.Status.RUNNING, self.claim.fence):
            # The trainer itself may just have ended the run; then nobody asks any more.
            self._lose()
        elif row[2]:
            self.stop.cancel.set()

    def renewed(self) -> None:
        """The training thread has renewed the lease itself, with an epoch's row."""
        self._renewed = time.monotonic()

    def _lose(self) -> None:
        if not self._done.is_set():
            logger.warning("%s event=claim-lost", self.claim)
        self._lost.set()

    def _publish_until_done(self) -> None:
        sent: dict = {}
        while not self._done.wait(PUBLISH_SECONDS):
            newest = self.progress
            if newest and newest is not sent:
                progress.publish(self.claim.run_id, {"kind": "batch", **newest})
                sent = newest
