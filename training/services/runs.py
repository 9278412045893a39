"""What people do with runs: launch, cancel, resume, continue."""

from django.db import transaction
from django.utils import timezone

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from training import crash_points, wakeups
from training.ml.hyperparameters import Hyperparameters
from training.ml.initial import other_network
from training.models import Dataset, EpochMetric, TrainingRun
from training.services.run_log import announce_state, log_event

Status = TrainingRun.Status


class RunError(Exception):
    """The state of the run does not allow it; the message is one sentence for a person."""


@transaction.atomic
def create_run(
    *,
    owner: User,
    dataset: Dataset,
    recipe: str,
    hyperparameters: Hyperparameters,
    note: str = "",
    parent: TrainingRun | None = None,
    initial_run: TrainingRun | None = None,
    priority: int = 0,
) -> TrainingRun:
    """Queue a run. Its commit is the promise; the wake-up after it may get lost.

    initial_run: whose model's weights it starts from, instead of random ones.
    Raises RunError if the dataset has nothing to learn from, or the model has another network.
    """
    (run,) = queue_runs(
        TrainingRun(
            owner=owner,
            dataset=dataset,
            recipe=recipe,
            hyperparameters=hyperparameters.model_dump(mode="json"),
            note=note,
            parent=parent,
            initial_run=initial_run,
            priority=priority,
        )
    )
    return run


@transaction.atomic
def queue_runs(*unsaved: TrainingRun) -> list[TrainingRun]:
    """All of them or none, in this order. Raises RunError if one could not be trained."""
    for run in unsaved:
        if not run.dataset.train_count:
            raise RunError(f"{run.dataset} has no training images: it is only to judge by.")
        if run.initial_run is not None:
            _check_start(run.initial_run, Hyperparameters(**run.hyperparameters))
        run.save(force_insert=True)
        log_event(run.pk, run.fence, f"Queued by {run.owner}.")
    _wake_after_commit(*unsaved)
    return list(unsaved)


@transaction.atomic
def request_cancel(run: TrainingRun, *, by: User | None) -> None:
    """Cancel a queued run now, a running one as soon as its trainer reads the flag.

    Raises RunError if the run is over or belongs to somebody else.
    """
    _check_right(run, by)
    who = by or "the system"
    rows = TrainingRun.objects.filter(pk=run.pk)
    cancelled = rows.filter(status=Status.QUEUED).update(
        status=Status.CANCELLED, finished_at=timezone.now()
    )
    if cancelled:
        log_event(run.pk, run.fence, f"Cancelled by {who} before it started.")
        announce_state(run.pk, Status.CANCELLED)
    elif rows.filter(status=Status.RUNNING).update(cancel_requested=True):
        log_event(run.pk, run.fence, f"Cancel asked for by {who}.")
    else:
        run.refresh_from_db()
        raise RunError(f"Run {run.pk} is over: it has {_verb(run.status)}.")
    run.refresh_from_db()


@transaction.atomic
def resume_run(run: TrainingRun, *, by: User | None) -> None:
    """Put a cancelled or failed run back into the queue; it goes on after its last checkpoint.

    Raises RunError if the run is neither, or belongs to somebody else.
    """
    _check_right(run, by)
    resumed = TrainingRun.objects.filter(
        pk=run.pk, status__in=(Status.CANCELLED, Status.FAILED)
    ).update(
        status=Status.QUEUED,
        attempt=0,
        cancel_requested=False,
        queued_at=timezone.now(),
        woken_at=None,
        finished_at=None,
        deadline_at=None,
        error="",
        traceback="",
    )
    run.refresh_from_db()
    if not resumed:
        raise RunError(f"Only a cancelled or failed run can be resumed; this one is {run.status}.")
    log_event(run.pk, run.fence, f"Resumed by {by or 'the system'}.")
    announce_state(run.pk, Status.QUEUED)
    _wake_after_commit(run)


@transaction.atomic
def continue_run(run: TrainingRun, *, by: User, epochs: int) -> TrainingRun:
    """A new run that trains a finished one for `epochs` more, with its optimizer's state.

    Raises RunError if the run has not succeeded or its checkpoint is gone.
    """
    if run.status != Status.SUCCEEDED or not run.checkpoint:
        raise RunError("Only a finished run with a checkpoint can be continued.")
    hyperparameters = Hyperparameters(**run.hyperparameters | {"epochs": run.epochs_done + epochs})
    longer = create_run(
        owner=by,
        dataset=run.dataset,
        recipe=run.recipe,
        hyperparameters=hyperparameters,
        note=f"Continues run {run.pk}",
        parent=run,
        initial_run=run.initial_run,
        priority=run.priority,
    )
    TrainingRun.objects.filter(pk=longer.pk).update(
        checkpoint=run.checkpoint, epochs_done=run.epochs_done
    )
    for metric in run.epoch_metrics.all():
        metric.pk, metric.run_id, metric.fence = None, longer.pk, 0
        EpochMetric.objects.bulk_create([metric])
    longer.refresh_from_db()
    return longer


def _check_start(run: TrainingRun, hyperparameters: Hyperparameters) -> None:
    if run.status != Status.SUCCEEDED or not run.checkpoint:
        raise RunError(f"Run {run.pk} has no finished model to start from.")
    difference = other_network(run.hyperparameters, hyperparameters)
    if difference:
        raise RunError(
            f"The model of run {run.pk} is another network. {difference}. "
            "Keep the model's network, or start from scratch."
        )


def _check_right(run: TrainingRun, by: User | None) -> None:
    if by is not None and by.pk != run.owner_id and not by.can(Capability.MANAGE_RUNS):
        raise RunError(f"Run {run.pk} belongs to {run.owner}.")


def _verb(status: str) -> str:
    return "been cancelled" if status == Status.CANCELLED else status


def _wake_after_commit(*queued: TrainingRun) -> None:
    def wake() -> None:
        crash_points.reached("run-committed")
        for run in queued:
            if not wakeups.wake_trainer():
                return  # Redis is away: who launched them need not wait for each; the keeper will
            TrainingRun.objects.filter(pk=run.pk).update(woken_at=timezone.now())

    transaction.on_commit(wake)
