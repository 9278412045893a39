"""What may be asked about the queue: who is next, where a run stands, when it will be done."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from django.db.models import Max
from django.utils import timezone

from training.models import Dataset, EpochMetric, TrainingRun
from training.worker_liveness import live_train_workers

__all__ = [
    "default_dataset",
    "eta_seconds",
    "live_train_workers",
    "next_run_id",
    "queue_order",
    "queue_position",
    "start_estimate_seconds",
]

Status = TrainingRun.Status
STARTUP_SECONDS = 6.0  # loading TensorFlow and tracing the graph
FINISH_SECONDS = 6.0  # exporting, proving the export, storing
UNKNOWN_EPOCH_SECONDS = 8.0  # before any run like it has been timed
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
    """Seconds until a running run is done, export included; None if it does not run."""
    if run.status != Status.RUNNING:
        return None
    now = run.progress
    if now.get("stage") == "exporting":
        return FINISH_SECONDS / 2
    timed = list(run.epoch_metrics.filter(fence=run.fence).values_list("seconds", flat=True))
    an_epoch = median(timed) if timed else now.get("seconds_per_epoch") or epoch_seconds(run)
    done = now["epoch"] + now["batch"] / now["batches"] if "epoch" in now else run.epochs_done
    startup = 0 if "epoch" in now else STARTUP_SECONDS
    return startup + max(0.0, run.epochs - done) * an_epoch + FINISH_SECONDS


def start_estimate_seconds(run: TrainingRun) -> float | None:
    """Seconds until a queued run will be claimed; None if it does not wait or nobody trains."""
    order = queue_order()
    workers = live_train_workers()
    if run.pk not in order or not workers:
        return None
    running = TrainingRun.objects.filter(status=Status.RUNNING)
    free_in = sorted(eta_seconds(other) or 0.0 for other in running)[:workers]
    free_in += [0.0] * (workers - len(free_in))
    ahead = TrainingRun.objects.in_bulk(order[: order.index(run.pk)])
    for pk in order[: order.index(run.pk)]:
        free_in.sort()
        free_in[0] += duration_seconds(ahead[pk])
    return min(free_in)


def duration_seconds(run: TrainingRun) -> float:
    """How long a queued run will take once it is claimed, as far as runs like it tell."""
    left = max(0, run.epochs - run.epochs_done)
    return STARTUP_SECONDS + left * epoch_seconds(run) + FINISH_SECONDS


def epoch_seconds(run: TrainingRun) -> float:
    """Seconds of an epoch: this run's own, else the newest of the same recipe and data."""
    own = list(run.epoch_metrics.values_list("seconds", flat=True))
    if own:
        return median(own)
    alike = EpochMetric.objects.filter(run__recipe=run.recipe, run__dataset=run.dataset_id)
    newest = list(alike.order_by("-pk").values_list("seconds", flat=True)[:20])
    return median(newest) if newest else UNKNOWN_EPOCH_SECONDS


def default_dataset() -> Dataset | None:
    """What a new run trains on unless somebody says otherwise: MNIST, else the newest."""
    mnist = Dataset.objects.filter(kind=Dataset.Kind.MNIST).first()
    return mnist or Dataset.objects.first()


def waited_seconds(run: TrainingRun) -> float:
    """Seconds since a run was queued."""
    return (timezone.now() - run.queued_at).total_seconds()
