"""How a claimed run goes on or ends: each a transaction under the claim."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from training import crash_points, wakeups
from training.models import Dataset, EpochMetric, Evaluation, RunEvent, TrainingRun
from training.services.claims import Claim, fenced, lease_end
from training.services.run_log import announce_state, log_event
from training.signals import run_succeeded

Status = TrainingRun.Status


def started(claim: Claim, environment: dict) -> None:
    """The trainer is at work on this machine."""
    with fenced(claim, environment=environment):
        log_event(claim.run_id, claim.fence, f"Started on {environment['host']}.")
        announce_state(claim.run_id, Status.RUNNING)


def epoch_recorded(claim: Claim, metric: EpochMetric, checkpoint: str) -> None:
    """An epoch is over and its checkpoint is durable: row and pointer together.

    An epoch that was trained again, after its checkpoint turned out unsound, replaces its row.
    """
    with fenced(
        claim,
        epochs_done=metric.epoch + 1,
        checkpoint=checkpoint,
        lease_until=lease_end(timezone.now()),
    ):
        EpochMetric.objects.bulk_create(
            [metric],
            update_conflicts=True,
            unique_fields=["run", "epoch"],
            update_fields=[
                "train_loss",
                "train_accuracy",
                "val_loss",
                "val_accuracy",
                "learning_rate",
                "seconds",
                "recorded_at",
                "fence",
            ],
        )
        log_event(claim.run_id, claim.fence, _epoch_line(metric))
        crash_points.reached("inside-epoch-transaction")


def succeeded(
    claim: Claim,
    *,
    weights_digest: str,
    artifacts: dict[str, dict],
    export_proof: dict,
    temperature: float | None = None,
) -> Evaluation:
    """Mark success; its evaluation and its model version exist in the same commit or not at all."""
    with fenced(
        claim,
        status=Status.SUCCEEDED,
        finished_at=timezone.now(),
        lease_until=None,
        progress={},
        weights_digest=weights_digest,
        artifacts=artifacts,
        export_proof=export_proof,
        temperature=temperature,
        error="",
        traceback="",
    ):
        run = TrainingRun.objects.get(pk=claim.run_id)
        evaluation, _ = Evaluation.objects.get_or_create(run=run, **_judged_on(run.dataset))
        run_succeeded.send(sender=TrainingRun, run=run)
        crash_points.reached("inside-success-transaction")
        log_event(claim.run_id, claim.fence, "Succeeded.")
        announce_state(claim.run_id, Status.SUCCEEDED)
        transaction.on_commit(lambda: wakeups.wake_evaluator(evaluation.pk))
    return evaluation


def _judged_on(dataset: Dataset) -> dict:
    """The dataset's own test split; without one that of MNIST, or at least what was learned."""
    if dataset.test_count:
        return {"dataset": dataset, "split": "test"}
    mnist = Dataset.objects.filter(kind=Dataset.Kind.MNIST, test_count__gt=0).last()
    return {"dataset": mnist or dataset, "split": "test" if mnist else "train"}


def failed(claim: Claim, sentence: str, traceback: str) -> None:
    with fenced(
        claim,
        status=Status.FAILED,
        finished_at=timezone.now(),
        lease_until=None,
        progress={},
        error=sentence[:500],
        traceback=traceback,
    ):
        log_event(claim.run_id, claim.fence, sentence, RunEvent.Level.ERROR)
        announce_state(claim.run_id, Status.FAILED)


def cancelled(claim: Claim) -> None:
    """Cancel was asked for and training has stopped; the last checkpoint stays."""
    with fenced(
        claim,
        status=Status.CANCELLED,
        finished_at=timezone.now(),
        lease_until=None,
        progress={},
    ):
        log_event(claim.run_id, claim.fence, "Cancelled. It can be resumed.")
        announce_state(claim.run_id, Status.CANCELLED)


def handed_back(claim: Claim) -> None:
    """The worker shuts down: back into the queue, neither an attempt nor a turn is spent."""
    with fenced(
        claim,
        status=Status.QUEUED,
        attempt=F("attempt") - 1,
        claimed_at=None,
        lease_until=None,
        woken_at=timezone.now(),
        progress={},
    ):
        log_event(claim.run_id, claim.fence, "The worker shuts down; the run waits for another.")
        announce_state(claim.run_id, Status.QUEUED)
        transaction.on_commit(wakeups.wake_trainer)


def _epoch_line(metric: EpochMetric) -> str:
    line = (
        f"Epoch {metric.epoch + 1}: loss {metric.train_loss:.4f}, "
        f"accuracy {metric.train_accuracy:.2%}"
    )
    if metric.val_accuracy is not None:
        line += f", validation {metric.val_accuracy:.2%}"
    return f"{line}, {metric.seconds:.1f} s."
