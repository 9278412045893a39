"""Reading sweeps: what one will cost, how far it is, which of its runs is the best so far.

"Best" is by validation accuracy. The test split is not looked at: whoever chooses among forty runs
by their test accuracy reports luck as skill.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from digitsite.accounts.roles import Capability
from training import run_charts, selectors
from training.ml.hyperparameters import Hyperparameters
from training.ml.metrics import wilson_interval
from training.ml.search_space import Dimension, Plan, Range
from training.models import Dataset, Sweep, TrainingRun
from training.pace import Paces
from training.run_page import shown_value

Status = TrainingRun.Status


@dataclass(frozen=True)
class Estimate:
    """Before launch. seconds: of all runs one after the other; wall: with the living workers.

    timed: whether a run on this dataset has been timed; else the seconds are a guess.
    """

    runs: int
    epochs: int
    seconds: float
    workers: int | None
    timed: bool

    @property
    def wall_seconds(self) -> float:
        at_once = min(max(self.workers or 1, 1), self.runs)
        return self.seconds / at_once


def estimate(plan: Plan, dataset: Dataset, recipe: str) -> Estimate:
    paces = Paces()
    seconds = 0.0
    for hyperparameters in plan.runs:
        run = TrainingRun(
            dataset=dataset,
            recipe=recipe,
            hyperparameters=hyperparameters.model_dump(mode="json"),
        )
        seconds += paces.of(run, prompt=False).run(run.epochs)
    return Estimate(
        runs=len(plan.runs),
        epochs=plan.epochs,
        seconds=seconds,
        workers=selectors.live_train_workers(),
        timed=paces.has_timed(dataset.pk),
    )


def combinations(space: Mapping[str, Dimension], plan: Plan) -> dict[str, list]:
    """Of a plan: "titles" of the swept fields, and "rows" of their values, one a run."""
    names = [name for name in Hyperparameters.model_fields if name in space]
    return {
        "titles": [Hyperparameters.model_fields[name].title for name in names],
        "rows": [[shown_value(choice[name]) for name in names] for choice in plan.choices],
    }


@dataclass(frozen=True)
class Field:
    """A swept hyperparameter."""

    name: str
    title: str
    unit: str
    tried: str  # "0, 0.2" or "0.001 to 0.1, logarithmic"


@dataclass(frozen=True)
class Row:
    """One run of a sweep. place: 1 for the best; None without a validated epoch."""

    run: TrainingRun
    place: int | None
    values: list[str]

    @property
    def accuracy(self) -> float | None:
        return self.run.best_val_accuracy


@dataclass(frozen=True)
class Standing:
    """How far a sweep is."""

    fields: list[Field]
    rows: list[Row]  # best first
    counts: dict[str, int]
    done_percent: float
    eta_seconds: float | None
    best: Row | None
    interval: tuple[float, float] | None  # Wilson, 95 %, of the best accuracy
    validation_count: int
    as_good: int  # other runs whose accuracy lies in that interval
    failures: list[tuple[str, int]]

    @property
    def is_over(self) -> bool:
        return not (self.counts[Status.QUEUED] or self.counts[Status.RUNNING])


def listed() -> QuerySet[Sweep]:
    """Newest first, with `total`, `over` and `best_val_accuracy`."""
    return (
        Sweep.objects.select_related("owner", "dataset")
        .annotate(
            total=Count("runs", distinct=True),
            over=Count("runs", filter=Q(runs__status__in=TrainingRun.FINAL), distinct=True),
            best_val_accuracy=Max("runs__epoch_metrics__val_accuracy"),
        )
        .order_by("-id")
    )


def may_cancel(user, sweep: Sweep) -> bool:
    own = sweep.owner_id == user.pk and user.can(Capability.LAUNCH_RUNS)
    return own or user.can(Capability.MANAGE_RUNS)


def fields_of(sweep: Sweep) -> list[Field]:
    """In the order of the launch form: a database need not keep that of a JSON object."""
    fields = []
    for name, info in Hyperparameters.model_fields.items():
        if name in sweep.space:
            tried = sweep.space[name]
            text = (
                _range_text(Range(**tried), sweep.method)
                if isinstance(tried, dict)
                else ", ".join(map(shown_value, tried))
            )
            fields.append(Field(name, info.title, info.json_schema_extra["unit"], text))
    return fields


def _range_text(tried: Range, method: str) -> str:
    steps = f" in {tried.steps} steps" if method == Sweep.Method.GRID else ""
    return f"{tried.low:g} to {tried.high:g}{steps}{', logarithmic' if tried.log else ''}"


def runs_of(sweep: Sweep) -> list[TrainingRun]:
    """Best first, then those that have no validated epoch yet, by age."""
    runs = sweep.runs.annotate(best_val_accuracy=Max("epoch_metrics__val_accuracy"))
    return sorted(runs, key=lambda run: (-(run.best_val_accuracy or -1.0), run.pk))


def standing(sweep: Sweep) -> Standing:
    fields = fields_of(sweep)
    runs = runs_of(sweep)
    rows = [
        Row(
            run,
            place if run.best_val_accuracy is not None else None,
            [shown_value(run.hyperparameters[field.name]) for field in fields],
        )
        for place, run in enumerate(runs, start=1)
    ]
    best = rows[0] if rows and rows[0].place else None
    count = round(sweep.dataset.train_count * sweep.base["validation_share"])
    interval = None
    if best is not None and count:
        interval = wilson_interval(round(best.accuracy * count), count)
    found = Counter(run.status for run in runs)
    return Standing(
        fields=fields,
        rows=rows,
        counts={status: found[status] for status in Status},
        done_percent=round(100 * sum(map(_done, runs)) / max(len(runs), 1), 1),
        eta_seconds=_eta_seconds(runs),
        best=best,
        interval=interval,
        validation_count=count,
        as_good=sum(
            row.accuracy is not None and interval is not None and row.accuracy >= interval[0]
            for row in rows[1:]
        ),
        failures=Counter(run.error for run in runs if run.status == Status.FAILED).most_common(),
    )


def _done(run: TrainingRun) -> float:
    """Share of a run that is behind us."""
    return 1.0 if run.is_final else min(run.epochs_done / run.epochs, 1.0)


def _eta_seconds(runs: list[TrainingRun]) -> float | None:
    """Until the last of them is done; None if none is left or nobody trains."""
    estimates = selectors.queue_estimates()
    left = [
        estimates[run.pk].done if run.pk in estimates else None
        for run in runs
        if run.status == Status.QUEUED
    ]
    left += [selectors.eta_seconds(run) for run in runs if run.status == Status.RUNNING]
    known = [seconds for seconds in left if seconds is not None]
    return max(known) if known and len(known) == len(left) else None


def figure(shown: Standing) -> run_charts.Figure | None:
    """Every run as a line across its hyperparameters to its accuracy; None below two results."""
    measured = [row for row in shown.rows if row.accuracy is not None]
    if len(measured) < 2:
        return None
    axes = [
        run_charts.Axis(field.title, [row.run.hyperparameters[field.name] for row in measured])
        for field in shown.fields
    ]
    axes.append(run_charts.Axis("Validation %", [100 * row.accuracy for row in measured]))
    names = [f"Run {row.run.pk}" for row in measured]
    return run_charts.parallel(names, axes)


def as_json(sweep: Sweep) -> dict[str, Any]:
    """For the API and the command line."""
    shown = standing(sweep)
    return {
        "id": sweep.pk,
        "owner": sweep.owner.get_username(),
        "dataset": sweep.dataset_id,
        "recipe": sweep.recipe,
        "method": sweep.method,
        "space": sweep.space,
        "hyperparameters": sweep.base,
        "seed": sweep.seed,
        "max_runs": sweep.max_runs,
        "note": sweep.note,
        "created_at": sweep.created_at,
        "counts": shown.counts,
        "is_over": shown.is_over,
        "eta_seconds": shown.eta_seconds,
        "best_run": shown.best.run.pk if shown.best else None,
        "best_val_accuracy": shown.best.accuracy if shown.best else None,
        "runs": [
            {
                "id": row.run.pk,
                "status": row.run.status,
                "values": {
                    field.name: row.run.hyperparameters[field.name] for field in shown.fields
                },
                "best_val_accuracy": row.accuracy,
                "epochs_done": row.run.epochs_done,
                "error": row.run.error,
            }
            for row in shown.rows
        ],
    }
