"""Asks for the evaluations that the promotion gate and the rounds look at."""

from collections.abc import Iterable

from digitsite.accounts.models import User
from inference import registry
from inference.models import ModelVersion
from inference.promotion_gate import frozen_drawings, judged_on
from training.models import Dataset, Evaluation, TrainingRun
from training.services import evaluations


def request_for_gate(candidate: ModelVersion, *, by: User | None = None) -> list[Evaluation]:
    """Have candidate and production judged on what the gate looks at; those done stay.

    Without a production model there is nothing to compare with, and nothing is asked for.
    """
    production = registry.production()
    if production is None:
        return []
    return _request((candidate, production), judged_on(production).values(), by)


def request_for_rounds(*, by: User | None = None) -> list[Evaluation]:
    """Have every model that ever served judged on MNIST and on the newest frozen drawings.

    Also what waits for its promotion: newer than the production model.
    """
    production = registry.production()
    datasets = set(judged_on(production).values())
    if drawings := frozen_drawings():
        datasets.add(drawings)
    models = ModelVersion.objects.select_related("run__dataset")
    chosen = set(models.filter(promotions__isnull=False))
    if production is not None:
        chosen |= set(models.filter(number__gt=production.number))
    return _request(sorted(chosen, key=lambda model: model.number), datasets, by)


def judge_now(candidate: ModelVersion) -> list[Evaluation]:
    """As `request_for_gate`, but done in this process, for the command line."""
    return [evaluations.evaluate(row.pk) for row in request_for_gate(candidate)]


def request_pair(
    models: Iterable[ModelVersion], dataset: Dataset, split: str, by: User
) -> list[Evaluation]:
    """Have two models judged on the same split. Raises training's EvaluationError."""
    return [evaluations.request_evaluation(model.run, dataset, split, by=by) for model in models]


def on_run_succeeded(sender, run: TrainingRun, **kwargs) -> None:
    """Receiver of training.signals.run_succeeded, after the registration: the gate's report is
    to be there when people come to look."""
    request_for_gate(ModelVersion.objects.select_related("run").get(run=run))


def _request(
    models: Iterable[ModelVersion], datasets: Iterable[Dataset], by: User | None
) -> list[Evaluation]:
    datasets = sorted(datasets, key=lambda dataset: dataset.pk)
    found = []
    for model in models:
        done = {
            row.dataset_id: row
            for row in Evaluation.objects.filter(
                run=model.run_id, dataset__in=datasets, split="test"
            ).exclude(status=Evaluation.Status.FAILED)
        }
        for dataset in datasets:
            row = done.get(dataset.pk) or evaluations.request_evaluation(
                model.run, dataset, "test", by=by
            )
            found.append(row)
    return found
