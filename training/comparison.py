"""Several runs side by side: their curves, what differs between them, what came of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch

from training import run_charts
from training.ml.hyperparameters import Hyperparameters
from training.models import EpochMetric, Evaluation, TrainingRun
from training.run_page import shown_value, training_seconds

MOST_RUNS = 2 * len(run_charts.SERIES_INKS)


@dataclass(frozen=True)
class Column:
    """One run of the comparison, with what its rows show."""

    run: TrainingRun
    best: EpochMetric | None
    test: Evaluation | None
    training_seconds: float | None
    epoch_seconds: float | None


@dataclass(frozen=True)
class Difference:
    """A hyperparameter that is not the same in all runs; one value a run."""

    title: str
    unit: str
    values: list[str]


@dataclass(frozen=True)
class Comparison:
    columns: list[Column]
    differences: list[Difference]
    figures: dict[str, run_charts.Figure]

    @property
    def one_dataset(self) -> bool:
        return len({column.run.dataset_id for column in self.columns}) == 1

    @property
    def epochs_recorded(self) -> bool:
        return any(trace["x"] for trace in self.figures["accuracy"]["data"])


def compare(run_ids: Iterable[int]) -> Comparison:
    """The runs there are among these ids, in this order, none twice, at most MOST_RUNS."""
    wanted = list(dict.fromkeys(run_ids))
    found = (
        TrainingRun.objects.select_related("owner", "dataset", "sweep")
        .prefetch_related(
            "epoch_metrics",
            Prefetch("evaluations", Evaluation.objects.filter(split="test").order_by("id")),
        )
        .in_bulk(wanted)
    )
    runs = [found[pk] for pk in wanted if pk in found][:MOST_RUNS]
    curves = [(f"Run {run.pk}", list(run.epoch_metrics.all())) for run in runs]
    return Comparison(
        [_column(run) for run in runs], _differences(runs), run_charts.compared(curves)
    )


def _column(run: TrainingRun) -> Column:
    metrics = list(run.epoch_metrics.all())
    validated = [metric for metric in metrics if metric.val_accuracy is not None]
    own = [one for one in run.evaluations.all() if one.dataset_id == run.dataset_id]
    return Column(
        run=run,
        best=max(validated, key=lambda metric: metric.val_accuracy, default=None),
        test=own[0] if own and own[0].status == Evaluation.Status.DONE else None,
        training_seconds=training_seconds(run),
        epoch_seconds=sum(metric.seconds for metric in metrics) / len(metrics) if metrics else None,
    )


def _differences(runs: list[TrainingRun]) -> list[Difference]:
    known = list(Hyperparameters.model_fields)
    names = {name for run in runs for name in run.hyperparameters}
    ordered = sorted(names, key=lambda name: known.index(name) if name in known else len(known))
    rows = []
    for name in ordered:
        values = [_value(run, name) for run in runs]
        if any(value != values[0] for value in values):
            info = Hyperparameters.model_fields.get(name)
            unit = info.json_schema_extra["unit"] if info else ""
            texts = [shown_value(value) for value in values]
            rows.append(Difference(info.title if info else name, unit, texts))
    return rows


def _value(run: TrainingRun, name: str) -> Any:
    """What an old run did before a field existed is what the field's default does."""
    info = Hyperparameters.model_fields.get(name)
    return run.hyperparameters.get(name, info.default if info else None)
