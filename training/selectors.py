"""What may be asked about the queue: who is next, where a run stands, when it will be done."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Max
from django.utils import timezone

from training.models import Dataset, TrainingRun
from training.pace import Paces, seconds_per_epoch
from training.worker_liveness import live_train_workers

__all__ = [
    "default_dataset",
    "eta_seconds",
    "live_train_workers",
    "next_run_id",
    "queue_estimates",
    "queue_order",
    "queue_position",
    "start_estimate_seconds",
]

Status = TrainingRun.Status
TURN_SECONDS = 1.0  # from the end of a run to the claim of the next by the same worker
SOON_SECONDS = 0.5  # what is overdue is expected at any moment
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Waiting:
    pk: int
    owner_id: int
    priority: int
    queued_at: datetime


def queue_order() -> list[int]:
    """Ids of all queued runs in the order in which they will start.

    The highest priority first; within it, people take turns, whoever was served longest ago
    first; one person's runs by age.
    """
    waiting = [
        _Waiting(*row)
        for row in TrainingRun.objects.filter(status=Status.QUEUED, cancel_requested=False)
        .order_by("queued_at", "pk")
        .values_list("pk", "owner_id", "priority", "queued_at")
    ]
    served: dict[int, tuple] = defaultdict(lambda: (0, _LONG_AGO))
    for owner, last in (
        TrainingRun.objects.filter(
            owner_id__in={run.owner_id for run in waiting}, claimed_at__isnull=False
        )
        .order_by()
        .values_list("owner_id")
        .annotate(Max("claimed_at"))
    ):
        served[owner] = (0, last)
    order = []
    while waiting:
        chosen = min(
            waiting, key=lambda run: (-run.priority, served[run.owner_id], run.queued_at, run.pk)
        )
        waiting.remove(chosen)
        order.append(chosen.pk)
        served[chosen.owner_id] = (len(order), _LONG_AGO)
    return order


def next_run_id() -> int | None:
    """The queued run that a free worker should take now."""
    order = queue_order()
    return order[0] if order else None


def queue_position(run: TrainingRun) -> int | None:
    """1 for the run that starts next; None if it does not wait."""
    order = queue_order()
    return order.index(run.pk) + 1 if run.pk in order else None


def eta_seconds(run: TrainingRun) -> float | None:
    """Seconds until a run is done, export included; None if it is over or nobody trains."""
    if run.status == Status.RUNNING:
        return _left_seconds(run, Paces())
    estimate = queue_estimates().get(run.pk)
    return estimate.done if estimate else None


def start_estimate_seconds(run: TrainingRun) -> float | None:
    """Seconds until a queued run will be claimed; None if it does not wait or nobody trains."""
    estimate = queue_estimates().get(run.pk)
    return estimate.start if estimate else None


@dataclass(frozen=True)
class QueueEstimate:
    """Seconds from now."""

    start: float
    done: float


def queue_estimates() -> dict[int, QueueEstimate]:
    """Of every queued run, by id, if the living workers take them in order; empty without any."""
    workers = live_train_workers()
    order = queue_order()
    if not workers or not order:
        return {}
    paces = Paces()
    running = TrainingRun.objects.filter(status=Status.RUNNING)
    free_in = sorted(_left_seconds(run, paces) + TURN_SECONDS for run in running)[:workers]
    free_in += [0.0] * (workers - len(free_in))
    waiting = TrainingRun.objects.in_bulk(order)
    estimates = {}
    for run in filter(None, map(waiting.get, order)):
        start = min(free_in)
        done = start + paces.of(run, prompt=start == 0).run(run.epochs - run.epochs_done)
        free_in[free_in.index(start)] = done + TURN_SECONDS
        estimates[run.pk] = QueueEstimate(start, done)
    return estimates


def _left_seconds(run: TrainingRun, paces: Paces) -> float:
    """Until a running run is done."""
    now = run.progress
    claimed_for = (timezone.now() - run.claimed_at).total_seconds() if run.claimed_at else 0.0
    metrics = [metric for metric in run.epoch_metrics.all() if metric.fence == run.fence]
    pace = paces.of(run, prompt=False)
    if now.get("stage") == "exporting":
        since = metrics[-1].recorded_at if metrics else None
        spent = (timezone.now() - since).total_seconds() if since else 0.0
        return max(SOON_SECONDS, pace.finish - spent)
    own = seconds_per_epoch(metrics) if len(metrics) > 1 else now.get("seconds_per_epoch")
    an_epoch = own or seconds_per_epoch(metrics) or pace.epoch
    done = now["epoch"] + now["batch"] / now["batches"] if "epoch" in now else run.epochs_done
    startup = 0.0 if "epoch" in now else max(SOON_SECONDS, pace.startup - claimed_for)
    return startup + max(0.0, run.epochs - done) * an_epoch + pace.finish


def default_dataset() -> Dataset | None:
    """What a new run trains on unless somebody says otherwise: MNIST, else the newest."""
    mnist = Dataset.objects.filter(kind=Dataset.Kind.MNIST).first()
    return mnist or Dataset.objects.first()


def waited_seconds(run: TrainingRun) -> float:
    """Seconds since a run was queued."""
    return (timezone.now() - run.queued_at).total_seconds()
