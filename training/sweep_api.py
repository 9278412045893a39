"""REST: sweeps."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from digitsite.accounts.api_access import ApiError, may
from digitsite.accounts.roles import Capability
from training import sweep_page
from training.api import hyperparameters_or_error, one_or_404, recipe_or_error, wanted_dataset
from training.ml import search_space
from training.ml.recipes import DEFAULT_RECIPE
from training.models import Sweep
from training.services.sweeps import cancel_sweep, create_sweep
from training.sweep_form import USUAL_BUDGET

router = Router(tags=["sweeps"])


class SweepIn(Schema):
    """`space` maps hyperparameters to lists of values, or to ranges
    `{"low", "high", "log"?, "steps"?}`; `hyperparameters` are changes to the recipe that all runs
    share. `max_runs` is the budget."""

    recipe: str = DEFAULT_RECIPE
    dataset: int | None = None
    hyperparameters: dict[str, Any] = {}
    space: dict[str, Any]
    method: Literal["grid", "random"] = "grid"
    max_runs: int = USUAL_BUDGET
    seed: int = 0
    note: str = ""


class SweepPlanOut(Schema):
    """What a sweep would train. Seconds are of all runs one after the other."""

    runs: int
    epochs: int
    seconds: float
    workers: int | None
    choices: list[dict[str, Any]]
    left_out: dict[str, int]


class SweepRunOut(Schema):
    id: int
    status: str
    values: dict[str, Any]
    best_val_accuracy: float | None
    epochs_done: int
    error: str


class SweepOut(Schema):
    """`runs` are sorted by validation accuracy, best first."""

    id: int
    owner: str
    dataset: int
    recipe: str
    method: str
    space: dict[str, Any]
    hyperparameters: dict[str, Any]
    seed: int
    max_runs: int
    note: str
    created_at: datetime
    counts: dict[str, int]
    is_over: bool
    eta_seconds: float | None
    best_run: int | None
    best_val_accuracy: float | None
    runs: list[SweepRunOut]


class SweepRowOut(Schema):
    id: int
    owner: str
    dataset: int
    recipe: str
    method: str
    note: str
    created_at: datetime
    total: int
    over: int
    best_val_accuracy: float | None

    @staticmethod
    def resolve_owner(sweep: Sweep) -> str:
        return sweep.owner.get_username()

    @staticmethod
    def resolve_dataset(sweep: Sweep) -> int:
        return sweep.dataset_id


@router.get("/sweeps", response=list[SweepRowOut], auth=may(Capability.BROWSE))
@paginate(LimitOffsetPagination)
def list_sweeps(request: HttpRequest):
    """Newest first."""
    return sweep_page.listed()


@router.post("/sweeps", response={201: SweepOut}, auth=may(Capability.LAUNCH_RUNS))
def launch_sweep(request: HttpRequest, body: SweepIn):
    """Queue all runs of a plan, behind everybody's single runs."""
    sweep = create_sweep(
        owner=request.auth,
        method=body.method,
        max_runs=body.max_runs,
        seed=body.seed,
        note=body.note,
        **_planned(body),
    )
    return Status(201, sweep_page.as_json(sweep))


@router.post("/sweeps/plan", response=SweepPlanOut, auth=may(Capability.LAUNCH_RUNS))
def plan_sweep(request: HttpRequest, body: SweepIn):
    """What the same body would launch, and about how long it would take. Launches nothing."""
    planned = _planned(body)
    plan = planned["plan"]
    estimate = sweep_page.estimate(plan, planned["dataset"], planned["recipe"])
    return {
        "runs": estimate.runs,
        "epochs": estimate.epochs,
        "seconds": round(estimate.seconds, 1),
        "workers": estimate.workers,
        "choices": plan.choices,
        "left_out": plan.left_out,
    }


@router.get("/sweeps/{int:pk}", response=SweepOut, auth=may(Capability.BROWSE))
def get_sweep(request: HttpRequest, pk: int):
    return sweep_page.as_json(_sweep(pk))


@router.post("/sweeps/{int:pk}/cancel", response=SweepOut, auth=may(Capability.LAUNCH_RUNS))
def cancel(request: HttpRequest, pk: int):
    """Cancel every run that is not over. One that is over stays as it is."""
    sweep = _sweep(pk)
    if not sweep_page.may_cancel(request.auth, sweep):
        raise ApiError(403, "forbidden", "Only its owner or an administrator may cancel a sweep.")
    cancel_sweep(sweep, by=request.auth)
    return sweep_page.as_json(sweep)


def _planned(body: SweepIn) -> dict[str, Any]:
    recipe = recipe_or_error(body.recipe)
    if len(body.note) > 200:
        raise ApiError(422, "invalid", f"A note has at most 200 characters, got {len(body.note)}.")
    if not 0 <= body.seed < 2**31:
        raise ApiError(422, "invalid", f"A seed is from 0 to {2**31 - 1}, got {body.seed}.")
    base = hyperparameters_or_error(recipe.hyperparameters.model_dump(), body.hyperparameters)
    try:
        space = search_space.read_space(body.space, base)
        plan = search_space.plan(
            base, space, method=body.method, max_runs=body.max_runs, seed=body.seed
        )
    except search_space.SpaceError as error:
        fields = [
            {"field": name, "message": sentence} for name, sentence in error.sentences.items()
        ]
        first = fields[0]
        message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        raise ApiError(422, "invalid", message, fields=fields) from error
    return {
        "dataset": wanted_dataset(body.dataset),
        "recipe": recipe.name,
        "base": base,
        "space": space,
        "plan": plan,
    }


def _sweep(pk: int) -> Sweep:
    return one_or_404(Sweep.objects.select_related("owner", "dataset"), pk, "sweep")
