"""What the page of one run shows, read once and rendered by region.

A region is a template `training/_run_<region>.html` whose HTML changes only when what it shows
does, so that the stream sends (and the browser swaps) no more than that.
"""

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe

from digitsite.accounts.roles import Capability
from training import run_charts, selectors
from training.evaluate_form import EvaluateForm
from training.ml.hyperparameters import Hyperparameters
from training.ml.recipes import RECIPES
from training.models import TrainingRun

REGIONS = (
    "head",
    "status",
    "summary",
    "figures",
    "epochs",
    "log",
    "result",
    "environment",
    "announcement",
)
LOG_LINES = 200
START_A_WORKER = "celery -A digitsite worker -Q train -c 1 --max-tasks-per-child 1"

Status = TrainingRun.Status


def get_run(run_id: int) -> TrainingRun:
    """Raises TrainingRun.DoesNotExist."""
    return TrainingRun.objects.select_related(
        "owner", "dataset", "parent", "initial_run__model_version"
    ).get(pk=run_id)


def may_steer(user, run: TrainingRun) -> bool:
    """Whether this person may cancel and resume this run."""
    own = run.owner_id == user.pk and user.can(Capability.LAUNCH_RUNS)
    return own or user.can(Capability.MANAGE_RUNS)


def context(user, run: TrainingRun, newest: dict[str, Any] | None = None) -> dict[str, Any]:
    """Everything that the regions show.

    newest: the last progress message, if fresher than the row: epoch (from 0), batch, batches,
    loss, accuracy.
    """
    metrics = list(run.epoch_metrics.all())
    events = list(run.events.order_by("-id")[:LOG_LINES])[::-1]
    validated = [metric for metric in metrics if metric.val_accuracy is not None]
    return {
        "run": run,
        "Status": Status,
        "may_steer": may_steer(user, run),
        "may_launch": user.can(Capability.LAUNCH_RUNS),
        "may_read_traceback": user.can(Capability.MANAGE_RUNS),
        "may_resume": Status.QUEUED in TrainingRun.MOVES[Status(run.status)] and run.is_final,
        "metrics": metrics,
        "best": max(validated, key=lambda metric: metric.val_accuracy, default=None),
        "last": metrics[-1] if metrics else None,
        "events": events,
        "figures": run_charts.curves(metrics, run.epochs),
        "evaluate_form": EvaluateForm(initial={"run": run})
        if run.status == Status.SUCCEEDED and user.can(Capability.LAUNCH_RUNS)
        else None,
        "evaluations": list(run.evaluations.select_related("dataset").order_by("id")),
        "model_version": getattr(run, "model_version", None) if run.is_final else None,
        "environment": _flat(run.environment),
        "training_seconds": training_seconds(run),
        **_waiting(run),
        **_progress(run, newest or {}),
    }


def render(request: HttpRequest, shown: dict[str, Any]) -> dict[str, str]:
    """Region -> HTML."""
    return {
        region: mark_safe(render_to_string(f"training/_run_{region}.html", shown, request).strip())
        for region in REGIONS
    }


def hyperparameter_rows(run: TrainingRun) -> list[dict[str, Any]]:
    """One row each: title, value, unit, group, and the recipe's value where the run differs."""
    recipe = RECIPES.get(run.recipe)
    rows = []
    for name, value in run.hyperparameters.items():
        info = Hyperparameters.model_fields.get(name)
        extra = info.json_schema_extra if info else {"group": "Other", "unit": ""}
        usual = getattr(recipe.hyperparameters, name, value) if recipe else value
        rows.append(
            {
                "title": info.title if info else name,
                "value": shown_value(value),
                "unit": extra["unit"],
                "group": extra["group"],
                "changed_from": shown_value(usual) if usual != value else "",
            }
        )
    return rows


def shown_value(value: Any) -> str:
    """A hyperparameter's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("_", " ")


def _waiting(run: TrainingRun) -> dict[str, Any]:
    if run.status != Status.QUEUED:
        return {}
    estimate = selectors.queue_estimates().get(run.pk)
    return {
        "queue_position": selectors.queue_position(run),
        "starts_in_seconds": estimate and estimate.start,
        "done_in_seconds": estimate and estimate.done,
        "live_workers": selectors.live_train_workers(),
        "start_a_worker": START_A_WORKER,
    }


def _progress(run: TrainingRun, newest: dict[str, Any]) -> dict[str, Any]:
    """Batch-level progress of a running run; the fresher of the row and the last message."""
    if run.status != Status.RUNNING:
        return {}

    def reached(progress: dict[str, Any]) -> tuple[int, int]:
        return progress.get("epoch", -1), progress.get("batch", 0)

    batch = max(run.progress, newest, key=reached)
    epoch, batches = batch.get("epoch", 0), batch.get("batches", 0)
    within = batch.get("batch", 0) / batches if batches else 0.0
    done = max(run.epochs_done, epoch + within)
    return {
        "batch": batch,
        "epoch_number": min(epoch + 1, run.epochs),
        "done_percent": round(100 * min(done / run.epochs, 1), 1),
        "learning_is_over": run.progress.get("stage") == "exporting",
        "eta_seconds": selectors.eta_seconds(run),
    }


def _flat(environment: dict[str, Any]) -> dict[str, Any]:
    """Versions of packages beside the other facts."""
    facts = {name: value for name, value in environment.items() if name != "packages"}
    return facts | environment.get("packages", {})


def training_seconds(run: TrainingRun) -> float | None:
    """From the first claim to the end or to now; None before it."""
    if run.started_at is None:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
