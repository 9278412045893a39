"""Promotion: which model serves. History is append-only; rolling back is one more promotion."""

import hashlib

from django.core.files.storage import default_storage
from django.db import transaction

from digitsite.accounts.models import User
from inference import registry
from inference.models import ModelVersion, Promotion
from inference.selectors import headline_evaluation

REASON_MAX = 500


class PromotionError(Exception):
    """The promotion is refused. The message is a sentence for people."""


def promote(model: ModelVersion, *, by: User | None, reason: str) -> Promotion:
    """Make `model` the production model. `by` is None when the site itself does it (first run).

    Raises PromotionError without a reason, for the model that serves already, and when the stored
    ONNX file is missing or is not the one that was registered.
    """
    reason = reason.strip()
    if not reason:
        raise PromotionError("Say why: the reason is kept in the history.")
    if len(reason) > REASON_MAX:
        raise PromotionError(f"The reason has {len(reason)} characters; at most {REASON_MAX} fit.")
    _check_file(model)
    with transaction.atomic():
        former = registry.production()
        if former == model:
            raise PromotionError(f"{model} is the production model already.")
        return Promotion.objects.create(
            model=model, promoted_by=by, reason=reason, gate_report=_report(model, former)
        )


def _check_file(model: ModelVersion) -> None:
    """The bytes that are about to serve must be the bytes that were proven."""
    name = model.run.artifacts["onnx"]["name"]
    try:
        with default_storage.open(name) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise PromotionError(f"The ONNX file of {model} is missing from the storage.") from None
    if found != model.sha256:
        raise PromotionError(f"The ONNX file of {model} is damaged: its SHA-256 is not the stored.")


def _report(model: ModelVersion, former: ModelVersion | None) -> dict[str, object]:
    """What was known at the moment of the promotion, for the history."""
    return {
        "model": _known(model),
        "former": _known(former) if former else None,
    }


def _known(model: ModelVersion) -> dict[str, object]:
    evaluation = headline_evaluation(model)
    known: dict[str, object] = {"number": model.number}
    if evaluation:
        known |= {
            "evaluation": evaluation.pk,
            "accuracy": evaluation.accuracy,
            "accuracy_low": evaluation.accuracy_low,
            "accuracy_high": evaluation.accuracy_high,
            "count": evaluation.count,
        }
    return known
