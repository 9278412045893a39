"""REST: datasets, training runs, evaluations."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate
from pydantic import ValidationError

from digitsite.accounts.api_access import ApiError, may
from digitsite.accounts.roles import Capability
from training import run_page, selectors
from training.dataset_export import export
from training.ml.hyperparameters import Hyperparameters, describe_errors
from training.ml.recipes import DEFAULT_RECIPE, RECIPES, Recipe
from training.models import Dataset, Evaluation, TrainingRun
from training.services import evaluations, runs
from training.starting_points import fine_tuning_of, starting_point

router = Router()


class LeaksOut(Schema):
    """Training images that were left out for being in a test split, exactly or nearly."""

    exact: int
    near: int
    relabelled: int
    checked: list[dict[str, Any]]
    unreadable: list[str]


class DatasetOut(Schema):
    """`leaks` is null where nobody looked for them."""

    id: int
    name: str
    version: int
    kind: str
    digest: str
    train_count: int
    test_count: int
    class_counts: dict[str, list[int]]
    licence: str
    source: str
    parents: list[int]
    leaks: LeaksOut | None
    created_at: datetime

    @staticmethod
    def resolve_parents(dataset: Dataset) -> list[int]:
        return sorted(parent.pk for parent in dataset.parents.all())

    @staticmethod
    def resolve_leaks(dataset: Dataset) -> dict | None:
        return dataset.report.get("leaks")


class RunOut(Schema):
    id: int
    owner: str
    dataset: int
    parent: int | None
    sweep: int | None
    recipe: str
    initial_run: int | None
    status: str
    note: str
    hyperparameters: dict[str, Any]
    epochs_done: int
    progress: dict[str, Any]
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    queue_position: int | None
    weights_digest: str
    error: str

    @staticmethod
    def resolve_owner(run: TrainingRun) -> str:
        return run.owner.get_username()

    @staticmethod
    def resolve_dataset(run: TrainingRun) -> int:
        return run.dataset_id

    @staticmethod
    def resolve_initial_run(run: TrainingRun) -> int | None:
        return run.initial_run_id

    @staticmethod
    def resolve_parent(run: TrainingRun) -> int | None:
        return run.parent_id

    @staticmethod
    def resolve_sweep(run: TrainingRun) -> int | None:
        return run.sweep_id

    @staticmethod
    def resolve_queue_position(run: TrainingRun) -> int | None:
        return selectors.queue_position(run)


class RunIn(Schema):
    """Fields of `hyperparameters` that are left out come from the recipe.

    `start_from`: the number of a model to fine-tune. Without a recipe, fields that are left out
    are then the model's own, with fewer epochs and smaller steps.

    `parent`: the number of a run to clone. Everything that is left out is then as in that run.
    """

    recipe: str | None = None
    parent: int | None = None
    dataset: int | None = None
    start_from: int | None = None
    hyperparameters: dict[str, Any] = {}
    note: str = ""


class EpochOut(Schema):
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float


class EventOut(Schema):
    id: int
    created_at: datetime
    level: str
    message: str


class EvaluationOut(Schema):
    id: int
    run: int
    dataset: int
    split: str
    status: str
    error: str
    count: int | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    loss: float | None
    confusion: list[list[int]] | None
    per_class: list[dict[str, Any]] | None
    calibration: dict[str, Any] | None

    @staticmethod
    def resolve_run(evaluation: Evaluation) -> int:
        return evaluation.run_id

    @staticmethod
    def resolve_dataset(evaluation: Evaluation) -> int:
        return evaluation.dataset_id


class EvaluationIn(Schema):
    """Without `dataset`, the one that the run was trained on."""

    run: int
    dataset: int | None = None
    split: Literal["train", "test"] = "test"


class RunFilter(Schema):
    status: str | None = None
    owner: str | None = None


@router.get("/datasets", response=list[DatasetOut], auth=may(Capability.BROWSE), tags=["datasets"])
@paginate(LimitOffsetPagination)
def list_datasets(request: HttpRequest):
    return Dataset.objects.prefetch_related("parents")


@router.get(
    "/datasets/{int:pk}", response=DatasetOut, auth=may(Capability.BROWSE), tags=["datasets"]
)
def get_dataset(request: HttpRequest, pk: int):
    return one_or_404(Dataset.objects.all(), pk, "dataset")


@router.get(
    "/datasets/{int:pk}/files/{str:format}", auth=may(Capability.EXPORT_DATA), tags=["datasets"]
)
def export_dataset(request: HttpRequest, pk: int, format: str, split: str = ""):
    """The dataset as npz, zip (a PNG for each image) or jsonl; of one split if `split` says so."""
    found = one_or_404(Dataset.objects.all(), pk, "dataset")
    return export(found, format, split, by=request.auth)


@router.get("/runs", response=list[RunOut], auth=may(Capability.BROWSE), tags=["runs"])
@paginate(LimitOffsetPagination)
def list_runs(request: HttpRequest, wanted: Query[RunFilter]):
    """Newest first."""
    found = TrainingRun.objects.select_related("owner")
    if wanted.status is not None:
        if wanted.status not in TrainingRun.Status.values:
            raise ApiError(
                422, "invalid", f"A status is one of {', '.join(TrainingRun.Status.values)}."
            )
        found = found.filter(status=wanted.status)
    if wanted.owner is not None:
        found = found.filter(owner__username=wanted.owner)
    return found


@router.post("/runs", response={201: RunOut}, auth=may(Capability.LAUNCH_RUNS), tags=["runs"])
def create_run(request: HttpRequest, body: RunIn):
    """Put a training run into the queue."""
    if len(body.note) > 200:
        raise ApiError(422, "invalid", f"A note has at most 200 characters, got {len(body.note)}.")
    parent = None if body.parent is None else _run(body.parent)
    source = _start(body.start_from)
    like = source or parent
    name = recipe_or_error(body.recipe).name if body.recipe else like and like.recipe
    if body.recipe or like is None:
        usual = recipe_or_error(body.recipe or DEFAULT_RECIPE).hyperparameters.model_dump()
    else:
        usual = fine_tuning_of(source).model_dump() if source else parent.hyperparameters
    on = parent.dataset_id if parent and body.dataset is None else body.dataset
    run = runs.create_run(
        owner=request.auth,
        dataset=wanted_dataset(on),
        recipe=name or DEFAULT_RECIPE,
        hyperparameters=hyperparameters_or_error(usual, body.hyperparameters),
        note=body.note,
        parent=parent,
        initial_run=source or (parent and parent.initial_run),
    )
    return Status(201, run)


@router.get("/runs/{int:pk}", response=RunOut, auth=may(Capability.BROWSE), tags=["runs"])
def get_run(request: HttpRequest, pk: int):
    return _run(pk)


@router.get(
    "/runs/{int:pk}/epochs", response=list[EpochOut], auth=may(Capability.BROWSE), tags=["runs"]
)
def list_epochs(request: HttpRequest, pk: int):
    return _run(pk).epoch_metrics.all()


@router.get(
    "/runs/{int:pk}/events", response=list[EventOut], auth=may(Capability.BROWSE), tags=["runs"]
)
def list_events(request: HttpRequest, pk: int, after: int = 0):
    """The run's log; `after` is the id of the last line that you know. At most 500 lines."""
    return _run(pk).events.filter(id__gt=after)[:500]


@router.post(
    "/runs/{int:pk}/cancel", response=RunOut, auth=may(Capability.LAUNCH_RUNS), tags=["runs"]
)
def cancel_run(request: HttpRequest, pk: int):
    return _steer(request, pk, runs.request_cancel)


@router.post(
    "/runs/{int:pk}/resume", response=RunOut, auth=may(Capability.LAUNCH_RUNS), tags=["runs"]
)
def resume_run(request: HttpRequest, pk: int):
    """Back into the queue; training goes on from the last checkpoint, to the same bytes."""
    return _steer(request, pk, runs.resume_run)


@router.get(
    "/evaluations", response=list[EvaluationOut], auth=may(Capability.BROWSE), tags=["evaluations"]
)
@paginate(LimitOffsetPagination)
def list_evaluations(request: HttpRequest, run: int | None = None):
    found = Evaluation.objects.all()
    return found if run is None else found.filter(run_id=run)


@router.post(
    "/evaluations",
    response={201: EvaluationOut},
    auth=may(Capability.LAUNCH_RUNS),
    tags=["evaluations"],
)
def create_evaluation(request: HttpRequest, body: EvaluationIn):
    """Judge a run's model on a split of any dataset; what is there already is answered as it is.

    One that failed is tried again. Ask for it until its status is `done`.
    """
    run = _run(body.run)
    dataset = run.dataset if body.dataset is None else wanted_dataset(body.dataset)
    return Status(201, evaluations.request_evaluation(run, dataset, body.split, by=request.auth))


@router.get(
    "/evaluations/{int:pk}",
    response=EvaluationOut,
    auth=may(Capability.BROWSE),
    tags=["evaluations"],
)
def get_evaluation(request: HttpRequest, pk: int):
    return one_or_404(Evaluation.objects.all(), pk, "evaluation")


def one_or_404(rows, pk: int, what: str):
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404(f"There is no {what} {pk}.")
    return row


def _run(pk: int) -> TrainingRun:
    return one_or_404(TrainingRun.objects.select_related("owner"), pk, "run")


def recipe_or_error(name: str) -> Recipe:
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ApiError(
            422, "unknown_recipe", f"There is no recipe {name!r}; there are {', '.join(RECIPES)}."
        )
    return recipe


def wanted_dataset(pk: int | None) -> Dataset:
    if pk is not None:
        return one_or_404(Dataset.objects.all(), pk, "dataset")
    dataset = selectors.default_dataset()
    if dataset is None:
        raise ApiError(
            409, "no_dataset", "There is no dataset yet: run `manage.py import_dataset`."
        )
    return dataset


def _start(model: int | None) -> TrainingRun | None:
    if model is None:
        return None
    run = starting_point(model)
    if run is None:
        raise ApiError(422, "unknown_model", f"There is no model v{model} to start from.")
    return run


def hyperparameters_or_error(base: dict[str, Any], changes: dict[str, Any]) -> Hyperparameters:
    try:
        return Hyperparameters(**base | changes)
    except ValidationError as error:
        fields = [
            {"field": name, "message": message} for name, message in describe_errors(error).items()
        ]
        raise ApiError(422, "invalid", fields[0]["message"], fields=fields) from error


def _steer(request: HttpRequest, pk: int, service) -> TrainingRun:
    run = _run(pk)
    if not run_page.may_steer(request.auth, run):
        raise ApiError(403, "forbidden", "Only its owner or an administrator may do this to a run.")
    service(run, by=request.auth)
    return _run(pk)
