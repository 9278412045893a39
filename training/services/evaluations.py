"""Evaluating a run's exported model on a split, with ONNX Runtime."""

import hashlib
import io
import logging
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from digitsite.accounts.models import User
from training import storage, wakeups
from training.ml.calibration import at_temperature_one
from training.ml.metrics import evaluate as measure
from training.models import Dataset, Evaluation, Misclassification, TrainingRun
from training.services.datasets import load_digits
from training.services.run_log import log_event
from training.stored_model import StoredModel

logger = logging.getLogger(__name__)

MEASURES = (
    "count",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "loss",
    "confusion",
    "per_class",
)
SPLITS = ("train", "test")
Status = Evaluation.Status


class EvaluationError(Exception):
    """What was asked for cannot be judged; the message is one sentence for a person."""


@transaction.atomic
def request_evaluation(
    run: TrainingRun, dataset: Dataset, split: str, *, by: User | None
) -> Evaluation:
    """The evaluation of a run's model on a split; a worker is asked for it if it is not done.

    One that failed waits again. Its commit is the promise: the keeper repeats a wake-up that gets
    lost. by: who asks, for the run's log; None for the system. Raises EvaluationError.
    """
    if run.status != TrainingRun.Status.SUCCEEDED:
        raise EvaluationError(
            f"Run {run.pk} is {run.get_status_display().lower()}; only a run that has succeeded "
            "has a model to judge."
        )
    if split not in SPLITS:
        raise EvaluationError(f"There is no split {split!r}; there are {' and '.join(SPLITS)}.")
    if not getattr(dataset, f"{split}_count"):
        raise EvaluationError(f"The {split} split of {dataset} has no images to judge on.")
    evaluation, created = Evaluation.objects.get_or_create(run=run, dataset=dataset, split=split)
    again = Evaluation.objects.filter(pk=evaluation.pk, status=Status.FAILED).update(
        status=Status.PENDING, error="", finished_at=None
    )
    if created or again:
        log_event(
            run.pk,
            run.fence,
            f"{by or 'The system'} asked for an evaluation on {dataset}, {split} split.",
        )
    if again:
        evaluation.refresh_from_db()
    if evaluation.status == Status.PENDING:
        transaction.on_commit(lambda: wakeups.wake_evaluator(evaluation.pk))
    return evaluation


def evaluate(evaluation_id: int) -> Evaluation:
    """Fill in a pending evaluation; one that is done stays as it is. Safe to repeat.

    A failure is recorded in its row, and raised.
    """
    evaluation = Evaluation.objects.select_related("run", "dataset").get(pk=evaluation_id)
    if evaluation.status == Status.DONE:
        return evaluation
    try:
        return storage.patiently(lambda: _evaluate(evaluation))
    except Exception as error:
        Evaluation.objects.filter(pk=evaluation_id).exclude(status=Status.DONE).update(
            status=Status.FAILED,
            error=f"The evaluation stopped with an error: {error}"[:500],
            finished_at=timezone.now(),
        )
        raise


def _evaluate(evaluation: Evaluation) -> Evaluation:
    digits = load_digits(evaluation.dataset)
    images = getattr(digits, f"{evaluation.split}_images")
    labels = getattr(digits, f"{evaluation.split}_labels")
    probabilities = StoredModel(evaluation.run.artifacts["onnx"]).probabilities(images)
    metrics = measure(probabilities, labels)
    found = metrics.as_dict()

    buffer = io.BytesIO()
    np.save(buffer, probabilities, allow_pickle=False)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    name = f"evaluations/{evaluation.pk}-{digest[:16]}.npy"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(content))

    with transaction.atomic():
        done = (
            Evaluation.objects.filter(pk=evaluation.pk)
            .exclude(status=Status.DONE)
            .update(
                status=Status.DONE,
                error="",
                finished_at=timezone.now(),
                **{field: found[field] for field in MEASURES},
                calibration={
                    "ece": metrics.ece,
                    "bins": found["calibration"],
                    **_before_calibration(evaluation.run, probabilities, labels),
                },
                probabilities=name,
            )
        )
        if done:
            Misclassification.objects.bulk_create(
                _misclassifications(evaluation, probabilities, labels), batch_size=1000
            )
            log_event(
                evaluation.run_id,
                evaluation.run.fence,
                f"Evaluated on {evaluation.dataset}, {evaluation.split} split: "
                f"{metrics.accuracy:.2%} right.",
            )
    evaluation.refresh_from_db()
    return evaluation


def _before_calibration(run: TrainingRun, probabilities, labels) -> dict[str, Any]:
    """The temperature, and what calibration would be without it, as far as that is known."""
    if run.temperature is None:
        return {}
    known: dict[str, Any] = {"temperature": run.temperature}
    if run.hyperparameters.get("members", 1) == 1:
        before = at_temperature_one(probabilities, run.temperature)
        measured = measure(before, labels)
        known |= {"ece_before": measured.ece, "bins_before": measured.as_dict()["calibration"]}
    return known


def _misclassifications(evaluation, probabilities, labels) -> list[Misclassification]:
    predicted = probabilities.argmax(axis=1)
    return [
        Misclassification(
            evaluation=evaluation,
            index=int(index),
            true_label=int(labels[index]),
            predicted_label=int(predicted[index]),
            confidence=float(probabilities[index, predicted[index]]),
        )
        for index in np.flatnonzero(predicted != labels)
    ]
