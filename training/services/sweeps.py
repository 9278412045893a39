"""Sweeps: many runs from one plan, launched and cancelled together."""

from collections.abc import Mapping

from django.db import transaction

from digitsite.accounts.models import User
from training.ml.hyperparameters import Hyperparameters
from training.ml.search_space import Dimension, Plan, Range
from training.models import Dataset, Sweep, TrainingRun
from training.services.runs import RunError, queue_runs, request_cancel

PRIORITY = -1
"""Below that of single runs: somebody who wants one answer does not wait for forty."""


@transaction.atomic
def create_sweep(
    *,
    owner: User,
    dataset: Dataset,
    recipe: str,
    base: Hyperparameters,
    space: Mapping[str, Dimension],
    method: str,
    plan: Plan,
    max_runs: int,
    seed: int = 0,
    note: str = "",
    parent: TrainingRun | None = None,
) -> Sweep:
    """Queue the plan's runs. All of them are committed with the sweep, or nothing is.

    plan: what `search_space.plan` made of the other arguments.
    parent: the run around which the sweep is made, if any: its runs start from the same weights.
    Raises RunError if a run could not be trained.
    """
    sweep = Sweep.objects.create(
        owner=owner,
        dataset=dataset,
        recipe=recipe,
        method=method,
        space={
            name: values.as_json() if isinstance(values, Range) else values
            for name, values in space.items()
        },
        base=base.model_dump(mode="json"),
        seed=seed,
        max_runs=max_runs,
        note=note,
    )
    queue_runs(
        *(
            TrainingRun(
                owner=owner,
                dataset=dataset,
                recipe=recipe,
                hyperparameters=hyperparameters.model_dump(mode="json"),
                note=note,
                parent=parent,
                initial_run=parent and parent.initial_run,
                sweep=sweep,
                priority=PRIORITY,
            )
            for hyperparameters in plan.runs
        )
    )
    return sweep


def cancel_sweep(sweep: Sweep, *, by: User | None) -> int:
    """Cancel every run that is not over; how many. Raises RunError if it is somebody else's."""
    cancelled = 0
    # Those that wait go first, so that no worker takes one while a running one is cancelled.
    for run in sweep.runs.exclude(status__in=TrainingRun.FINAL).order_by("status", "-pk"):
        try:
            request_cancel(run, by=by)
        except RunError:
            run.refresh_from_db()
            if not run.is_final:
                raise
        else:
            cancelled += 1
    return cancelled
