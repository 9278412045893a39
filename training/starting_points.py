"""Which models a run may start from: those of succeeded runs whose checkpoint is kept."""

from django.db.models import QuerySet

from training.ml.hyperparameters import Hyperparameters
from training.ml.initial import fine_tuning
from training.models import TrainingRun


def starting_points() -> QuerySet[TrainingRun]:
    """Newest first."""
    return TrainingRun.objects.filter(
        status=TrainingRun.Status.SUCCEEDED, model_version__isnull=False
    ).exclude(checkpoint="")


def starting_point(model: str | int) -> TrainingRun | None:
    """The run behind a model, given by its number: 3, "3" or "v3"."""
    number = str(model).strip().lower().removeprefix("v")
    if not (number.isascii() and number.isdigit()):
        return None
    return starting_points().filter(model_version__number=number).first()


def fine_tuning_of(run: TrainingRun) -> Hyperparameters:
    """What to train its model further with, unless somebody says otherwise."""
    return fine_tuning(Hyperparameters(**run.hyperparameters))
