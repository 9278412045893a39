"""Looks after runs that nobody looks after. Any number of keepers may do it at once."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from training import crash_points, wakeups
from training.models import Evaluation, RunEvent, TrainingRun
from training.services import analyses, failure_sentences
from training.services.run_log import announce_state, log_event
from training.services.workspace import sweep
from training.signals import keeper_ticked

logger = logging.getLogger("training.keeper")

Status = TrainingRun.Status
EVALUATION_PATIENCE_SECONDS = 30


def tick() -> None:
    """One round: lapsed leases, deadlines, forgotten cancels, lost wake-ups."""
    now = timezone.now()
    end_lapsed(now)
    for run in TrainingRun.objects.filter(
        status__in=(Status.RUNNING, Status.QUEUED), deadline_at__lt=now
    ):
        _move(run, now, Status.FAILED, failure_sentences.DEADLINE, deadline_at__lt=now)
    for run in TrainingRun.objects.filter(status=Status.QUEUED, cancel_requested=True):
        _move(run, now, Status.CANCELLED, "Cancelled. It can be resumed.")
    _wake_trainers(now)
    _wake_evaluators(now)
    keeper_ticked.send(sender=None, now=now)
    _wake_analysts(now)
    sweep()


def release(worker: str, *, out_of_memory: bool) -> None:
    """A worker's child has ended: what it was training need not wait for its lease to lapse.

    Called by the process that saw it die. Never raises for a database that is away: then the lease
    does its work later.
    """
    try:
        for run in TrainingRun.objects.filter(status=Status.RUNNING, worker=worker):
            held = TrainingRun.objects.filter(
                pk=run.pk, status=Status.RUNNING, fence=run.fence, worker=worker
            )
            if not held.update(lease_until=timezone.now() - timedelta(seconds=1)):
                continue
            if out_of_memory:
                sentence = failure_sentences.OUT_OF_MEMORY
                log_event(run.pk, run.fence, sentence, RunEvent.Level.WARNING)
            end_lapsed(timezone.now())
            wakeups.wake_trainer()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("event=release-failed worker=%s reason=%s", worker, error)
    finally:
        connection.close()


def end_lapsed(now: datetime) -> None:
    """Requeue, cancel or fail the runs whose trainers have not renewed their leases."""
    for run in TrainingRun.objects.filter(status=Status.RUNNING, lease_until__lt=now):
        _end_lapsed(run, now)


def _end_lapsed(run: TrainingRun, now: datetime) -> None:
    """The trainer is dead, stopped or cut off."""
    lapsed = {"lease_until__lt": now}
    if run.cancel_requested:
        _move(run, now, Status.CANCELLED, "Cancelled. It can be resumed.", **lapsed)
    elif run.attempt >= settings.RUN_MAX_ATTEMPTS:
        starved = run.events.filter(
            fence=run.fence, message=failure_sentences.OUT_OF_MEMORY
        ).exists()
        sentence = failure_sentences.died(run.attempt, out_of_memory=starved)
        _move(run, now, Status.FAILED, sentence, **lapsed)
    else:
        message = (
            f"The worker {run.worker} fell silent; the run waits for another "
            f"(attempt {run.attempt} of {settings.RUN_MAX_ATTEMPTS})."
        )
        _move(run, now, Status.QUEUED, message, **lapsed)


def _move(run: TrainingRun, now: datetime, status: Status, message: str, **condition) -> None:
    """Compare and set: nothing happens if the run has changed since it was read."""
    fields: dict = {"status": status, "lease_until": None, "progress": {}}
    level = RunEvent.Level.WARNING
    if status == Status.QUEUED:
        fields |= {"claimed_at": None, "woken_at": None}
    else:
        fields["finished_at"] = now
    if status == Status.FAILED:
        fields["error"] = message[:500]
        level = RunEvent.Level.ERROR
    with transaction.atomic():
        moved = TrainingRun.objects.filter(
            pk=run.pk, status=run.status, fence=run.fence, **condition
        ).update(**fields)
        if moved:
            crash_points.reached("inside-requeue-transaction")
            log_event(run.pk, run.fence, message, level)
            announce_state(run.pk, status)
    if moved:
        crash_points.reached("after-requeue")


def _wake_trainers(now: datetime) -> None:
    """Publish a wake-up for each queued run that no message in the queue stands for."""
    stale = now - timedelta(seconds=2 * settings.KEEPER_INTERVAL_SECONDS)
    queued = TrainingRun.objects.filter(status=Status.QUEUED)
    overdue = queued.filter(Q(woken_at=None) | Q(woken_at__lt=stale)).order_by(
        F("woken_at").asc(nulls_first=True)
    )
    ids = list(overdue.values_list("pk", flat=True))
    if not ids:
        return
    waiting = wakeups.waiting(wakeups.TRAIN_QUEUE)
    if waiting is None:
        return
    # With every worker busy, messages would only pile up: one for each queued run is enough.
    for run_id in ids[: max(0, queued.count() - waiting)]:
        if not wakeups.wake_trainer():
            return
        queued.filter(pk=run_id).update(woken_at=now)


def _wake_evaluators(now: datetime) -> None:
    stale = now - timedelta(seconds=EVALUATION_PATIENCE_SECONDS)
    pending = list(
        Evaluation.objects.filter(
            status=Evaluation.Status.PENDING, created_at__lt=stale
        ).values_list("pk", flat=True)
    )
    if pending and wakeups.waiting(wakeups.DEFAULT_QUEUE) == 0:
        for evaluation_id in pending:
            if not wakeups.wake_evaluator(evaluation_id):
                return


def _wake_analysts(now: datetime) -> None:
    overdue = analyses.overdue(now)
    if overdue and wakeups.waiting(wakeups.DEFAULT_QUEUE) == 0:
        for analysis_id in overdue:
            if not wakeups.wake_analyst(analysis_id):
                return
