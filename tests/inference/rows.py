"""Rows of this app for tests."""

import io
import secrets
from datetime import timedelta

import numpy as np
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from inference.models import Drawing, ModelVersion, ShareLink
from tests.factories import make_succeeded_run, make_user
from training.ml.metrics import evaluate
from training.models import Dataset, Evaluation, Misclassification
from training.services.datasets import load_digits

DIAGONAL = [[[0.2, 0.2, 0], [0.5, 0.4, 20], [0.8, 0.8, 40]]]


def make_version(**fields) -> ModelVersion:
    """A registered model with its files in the storage; fields go to `make_succeeded_run`."""
    return make_succeeded_run(**fields).model_version


def make_drawing(
    label: int = 3,
    predicted: int = 3,
    *,
    author: User | None = None,
    model: ModelVersion | None = None,
    margin: float = 0.8,
    share_link: ShareLink | None = None,
    **fields,
) -> Drawing:
    """A drawing that waits for review. Without `model`, the first registered one is taken; without
    `share_link`, it is of `author` or of somebody new."""
    rest = (1 - margin) / 10
    values = {
        "author": None if share_link else author or make_user(Role.DRAWER),
        "share_link": share_link,
        "model": model or ModelVersion.objects.first() or make_version(),
        "strokes": DIAGONAL,
        "image": bytes(range(256)) * 3 + bytes(16),
        "contract_id": "test-ink-1",
        "probabilities": [rest + (margin if digit == predicted else 0) for digit in range(10)],
        "predicted_label": predicted,
        "confidence": rest + margin,
        "margin": margin,
        "latency_ms": 1.5,
        "label": label,
        "fold": Drawing.Fold.POOL,
    }
    return Drawing.objects.create(**values | fields)


def make_share_link(owner: User | None = None, **fields) -> ShareLink:
    """A live link whose token nobody knows."""
    values = {
        "owner": owner or make_user(Role.RESEARCHER),
        "label": "Class 4b",
        "digest": secrets.token_hex(32),
        "hint": "abcd",
        "expires_at": timezone.now() + timedelta(days=1),
    }
    return ShareLink.objects.create(**values | fields)


def make_evaluation(
    version: ModelVersion,
    dataset: Dataset,
    wrong: list[int] | range = (),
    *,
    confidence: float = 0.97,
) -> Evaluation:
    """What a model says of a test split: these positions as the digit above, the others right."""
    labels = load_digits(dataset).test_labels
    said = labels.astype(int)
    said[list(wrong)] = (said[list(wrong)] + 1) % 10
    probabilities = np.full((len(labels), 10), (1 - confidence) / 9, np.float32)
    probabilities[np.arange(len(labels)), said] = confidence
    found = evaluate(probabilities, labels).as_dict()
    buffer = io.BytesIO()
    np.save(buffer, probabilities)
    evaluation, _ = Evaluation.objects.update_or_create(
        run=version.run,
        dataset=dataset,
        split="test",
        defaults={
            "status": Evaluation.Status.DONE,
            "calibration": {"ece": found.pop("ece"), "bins": found.pop("calibration")},
            "probabilities": default_storage.save(
                f"evaluations/{version.run_id}-{dataset.pk}.npy", ContentFile(buffer.getvalue())
            ),
            **found,
        },
    )
    Misclassification.objects.bulk_create(
        Misclassification(
            evaluation=evaluation,
            index=index,
            true_label=labels[index],
            predicted_label=said[index],
            confidence=confidence,
        )
        for index in wrong
    )
    return evaluation


def make_misclassification(evaluation: Evaluation | None = None, index: int = 0, **fields):
    """A test image that the model got wrong."""
    evaluation = evaluation or make_version(evaluated=True).run.evaluations.earliest("id")
    values = {"true_label": 4, "predicted_label": 9, "confidence": 0.9}
    return Misclassification.objects.create(evaluation=evaluation, index=index, **values | fields)


def streamed(chunks) -> list[bytes]:
    """The parts of an asynchronous stream."""

    async def collect() -> list[bytes]:
        return [chunk async for chunk in chunks]

    return async_to_sync(collect)()
