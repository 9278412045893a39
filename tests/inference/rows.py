"""Rows of this app for tests."""

import secrets
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.utils import timezone

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from inference.models import Drawing, ModelVersion, ShareLink
from tests.factories import make_succeeded_run, make_user
from training.models import Evaluation, Misclassification

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


def make_misclassification(evaluation: Evaluation | None = None, index: int = 0, **fields):
    """A test image that the model got wrong."""
    evaluation = evaluation or make_version(evaluated=True).run.evaluations.get()
    values = {"true_label": 4, "predicted_label": 9, "confidence": 0.9}
    return Misclassification.objects.create(evaluation=evaluation, index=index, **values | fields)


def streamed(chunks) -> list[bytes]:
    """The parts of an asynchronous stream."""

    async def collect() -> list[bytes]:
        return [chunk async for chunk in chunks]

    return async_to_sync(collect)()
