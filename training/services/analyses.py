"""Analyses of evaluations: asked for by people, computed once by a worker, kept."""

import hashlib
import io
import logging
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from digitsite.accounts.models import User
from training import storage, wakeups
from training.models import Analysis, Evaluation
from training.services.analysis_work import compute
from training.services.datasets import DatasetUnreadable
from training.services.run_log import log_event

logger = logging.getLogger(__name__)

Status = Analysis.Status
PATIENCE_SECONDS = 30
"""How long a wake-up may take before another is sent."""

SILENCE_SECONDS = 180
"""Who computes reports far more often; after this long without a word the work is free again."""

MOST_ATTEMPTS = 3
_REPORT_EVERY_SECONDS = 1.0


class AnalysisError(Exception):
    """What was asked for cannot be analysed; the message is one sentence for a person."""


class _TakenOver(Exception):
    """Somebody else has claimed the work meanwhile."""


@transaction.atomic
def request_analysis(evaluation: Evaluation, *, by: User | None, wake: bool = True) -> Analysis:
    """The analysis of a finished evaluation; a worker is asked for it if it is not done.

    One that failed waits again. Its commit is the promise. wake: False for who goes on to compute
    it in this process. Raises AnalysisError.
    """
    if evaluation.status != Evaluation.Status.DONE:
        raise AnalysisError(
            "This evaluation is not finished: there is nothing to analyse yet. Wait for it, or "
            "try it again if it has failed."
        )
    now = timezone.now()
    analysis, created = Analysis.objects.get_or_create(
        evaluation=evaluation, defaults={"asked_at": now}
    )
    again = Analysis.objects.filter(pk=analysis.pk, status=Status.FAILED).update(
        status=Status.PENDING, attempt=0, error="", progress={}, finished_at=None, asked_at=now
    )
    if created or again:
        log_event(
            evaluation.run_id,
            evaluation.run.fence,
            f"{by or 'The system'} asked for an analysis of the errors on "
            f"{evaluation.dataset}, {evaluation.split} split.",
        )
    if again:
        analysis.refresh_from_db()
    if wake and analysis.status == Status.PENDING:
        transaction.on_commit(lambda: wakeups.wake_analyst(analysis.pk))
    return analysis


def overdue(now: datetime) -> list[int]:
    """Ids of analyses that wait without a wake-up, or whose worker has fallen silent."""
    waiting = Q(status=Status.PENDING, asked_at__lt=now - timedelta(seconds=PATIENCE_SECONDS))
    silent = Q(status=Status.RUNNING, beat_at__lt=now - timedelta(seconds=SILENCE_SECONDS))
    return list(Analysis.objects.filter(waiting | silent).values_list("pk", flat=True))


def analyse(analysis_id: int) -> Analysis:
    """Compute an analysis that waits or whose worker is silent; any other stays as it is.

    Safe to repeat. A failure is recorded in its row, and raised.
    """
    attempt = _claim(analysis_id)
    analysis = Analysis.objects.select_related("evaluation__run__dataset", "evaluation__dataset")
    analysis = analysis.get(pk=analysis_id)
    if attempt is None:
        return analysis
    try:
        storage.patiently(lambda: _analyse(analysis, attempt))
    except _TakenOver:
        logger.warning("event=analysis-taken-over analysis=%d attempt=%d", analysis_id, attempt)
    except Exception as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, DatasetUnreadable):
            reason = f"a dataset cannot be read: {reason}"
        _held(analysis_id, attempt).update(
            status=Status.FAILED,
            error=f"The analysis stopped: {reason}"[:500],
            finished_at=timezone.now(),
        )
        raise
    analysis.refresh_from_db()
    return analysis


def _claim(analysis_id: int) -> int | None:
    """The number of our attempt, or None where there is nothing to do."""
    now = timezone.now()
    silent = Q(status=Status.RUNNING, beat_at__lt=now - timedelta(seconds=SILENCE_SECONDS))
    free = Analysis.objects.filter(Q(status=Status.PENDING) | silent, pk=analysis_id)
    given_up = free.filter(attempt__gte=MOST_ATTEMPTS).update(
        status=Status.FAILED,
        error=f"The worker died {MOST_ATTEMPTS} times over this analysis, perhaps for want of "
        "memory. Administrators find more in the log of worker-default.",
        finished_at=now,
    )
    if given_up:
        return None
    with transaction.atomic():
        claimed = free.update(
            status=Status.RUNNING, attempt=F("attempt") + 1, beat_at=now, progress={}
        )
        return Analysis.objects.get(pk=analysis_id).attempt if claimed else None


def _held(analysis_id: int, attempt: int):
    return Analysis.objects.filter(pk=analysis_id, status=Status.RUNNING, attempt=attempt)


def _analyse(analysis: Analysis, attempt: int) -> None:
    started = time.monotonic()
    told_at = -_REPORT_EVERY_SECONDS

    def report(stage: str, share: float) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at < _REPORT_EVERY_SECONDS:
            return
        told_at = now
        progress = {"stage": stage, "share": round(share, 3)}
        if not _held(analysis.pk, attempt).update(progress=progress, beat_at=timezone.now()):
            raise _TakenOver

    fields, arrays = compute(analysis.evaluation, report)
    name = _store(arrays)
    evaluation = analysis.evaluation
    with transaction.atomic():
        done = _held(analysis.pk, attempt).update(
            status=Status.DONE,
            error="",
            progress={},
            finished_at=timezone.now(),
            seconds=time.monotonic() - started,
            file=name,
            **fields,
        )
        if not done:
            raise _TakenOver
        log_event(
            evaluation.run_id,
            evaluation.run.fence,
            f"Errors on {evaluation.dataset}, {evaluation.split} split analysed.",
        )


def _store(arrays: dict[str, np.ndarray]) -> str:
    """The name of the file, which its content gives."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    name = f"analyses/{hashlib.sha256(content).hexdigest()}.npz"
    if not storage.default_storage.exists(name):
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "analysis.npz"
            local.write_bytes(content)
            storage.store(name, local)
    return name
