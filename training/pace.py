"""How quickly runs go, as far as runs like them tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from training.models import EpochMetric, TrainingRun

STARTUP_SECONDS = 6.0  # until a run has been timed: loading TensorFlow and tracing the graph
EPOCH_SECONDS = 8.0
FINISH_SECONDS = 6.0  # exporting, proving the export, storing
LOOKED_AT = 30
# A run that waited longer than this found a worker that was busy until then and had not loaded
# TensorFlow ahead.
PROMPT_SECONDS = 3.0
_OF_NO_INFLUENCE = {"seed", "epochs", "learning_rate", "final_learning_rate", "warmup", "schedule"}


@dataclass(frozen=True)
class Pace:
    """Seconds: from claim to the first step, of one epoch with its checkpoint, and afterwards."""

    startup: float = STARTUP_SECONDS
    epoch: float = EPOCH_SECONDS
    finish: float = FINISH_SECONDS

    def run(self, epochs: int) -> float:
        """From claim to success."""
        return self.startup + epochs * self.epoch + self.finish


@dataclass(frozen=True)
class _Timed:
    """What one finished run has to tell."""

    hyperparameters: dict[str, Any]
    recipe: str
    prompt: bool
    pace: Pace


class Paces:
    """Answers for several runs from one look at each dataset's newest runs."""

    def __init__(self) -> None:
        self._timed: dict[int, list[_Timed]] = {}

    def of(self, run: TrainingRun, *, prompt: bool) -> Pace:
        """Expected of a run; prompt: whether an idle worker takes it at once."""
        timed = self._of_dataset(run.dataset_id)
        same = _influential(run.hyperparameters)
        alike = _first_with_any(
            [one for one in timed if one.hyperparameters == same],
            [one for one in timed if one.recipe == run.recipe],
        )
        around = _first_with_any([one for one in alike if one.prompt == prompt], alike)
        around = _first_with_any(around, [one for one in timed if one.prompt == prompt], timed)
        return Pace(
            startup=_middle((one.pace.startup for one in around), STARTUP_SECONDS),
            epoch=_middle((one.pace.epoch for one in alike), EPOCH_SECONDS),
            finish=_middle((one.pace.finish for one in around), FINISH_SECONDS),
        )

    def has_timed(self, dataset_id: int) -> bool:
        """Whether any run tells how quickly runs on this dataset go."""
        return bool(self._of_dataset(dataset_id))

    def _of_dataset(self, dataset_id: int) -> list[_Timed]:
        if dataset_id not in self._timed:
            self._timed[dataset_id] = _timed(dataset_id)
        return self._timed[dataset_id]


def seconds_per_epoch(metrics: Sequence[EpochMetric]) -> float | None:
    """Median from one epoch's end to the next's, so that checkpoints count; None without epochs.

    metrics: of one trainer, in order. The first epoch alone counts as it was timed.
    """
    ends = [metric.recorded_at for metric in metrics if metric.recorded_at]
    lengths = [_seconds(before, after) for before, after in pairwise(ends)]
    return median(lengths or [metric.seconds for metric in metrics]) if metrics else None


def _timed(dataset_id: int) -> list[_Timed]:
    """The newest runs of a dataset that one trainer brought from start to success."""
    finished = TrainingRun.objects.filter(
        dataset=dataset_id, status=TrainingRun.Status.SUCCEEDED, fence=1
    ).order_by("-finished_at")[:LOOKED_AT]
    timed = []
    for run in finished.prefetch_related("epoch_metrics"):
        metrics = list(run.epoch_metrics.all())
        epoch = seconds_per_epoch(metrics)
        if epoch is None or not all(metric.recorded_at and metric.fence for metric in metrics):
            continue
        startup = _seconds(run.claimed_at, metrics[0].recorded_at) - epoch
        pace = Pace(max(0.0, startup), epoch, _seconds(metrics[-1].recorded_at, run.finished_at))
        prompt = _seconds(run.queued_at, run.claimed_at) <= PROMPT_SECONDS
        timed.append(_Timed(_influential(run.hyperparameters), run.recipe, prompt, pace))
    return timed


def _influential(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters that decide how long an epoch takes."""
    return {name: v for name, v in hyperparameters.items() if name not in _OF_NO_INFLUENCE}


def _first_with_any(*choices: list[_Timed]) -> list[_Timed]:
    return next(filter(None, choices), [])


def _middle(seconds: Iterable[float], otherwise: float) -> float:
    found = list(seconds)
    return median(found) if found else otherwise


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
