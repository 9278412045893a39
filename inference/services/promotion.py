"""Promotion: which model serves. History is append-only; rolling back is one more promotion."""

import hashlib

from django.core.files.storage import default_storage
from django.db import transaction

from digitsite.accounts.models import User
from inference import registry
from inference.models import ModelVersion, Promotion
from inference.promotion_gate import GateReport, Verdict, gate_report
from inference.selectors import headline_evaluation
from inference.services import judging, readings

REASON_MAX = 500


class PromotionError(Exception):
    """The promotion is refused. The message is a sentence for people."""


class GateRefused(PromotionError):
    """The gate blocks the model or has not decided yet; `report` says why."""

    def __init__(self, model: ModelVersion, report: GateReport) -> None:
        self.report = report
        opening = (
            f"The gate blocks {model}."
            if report.verdict == Verdict.BLOCKED
            else f"The gate has not decided on {model} yet: try again in a moment."
        )
        super().__init__(" ".join([opening, *report.reasons]))


def promote(
    model: ModelVersion, *, by: User | None, reason: str, override: bool = False
) -> Promotion:
    """Make `model` the production model. `by` is None when the site itself does it (first run).

    override: even if the gate blocks it or has not decided; kept in the history. Asks for the
    evaluations that the gate lacks. Raises GateRefused; PromotionError without a reason, for the
    model that serves already, and when the stored ONNX file is missing or is not the one that was
    registered.
    """
    reason = reason.strip()
    if not reason:
        raise PromotionError("Say why: the reason is kept in the history.")
    if len(reason) > REASON_MAX:
        raise PromotionError(f"The reason has {len(reason)} characters; at most {REASON_MAX} fit.")
    if registry.production() == model:
        raise PromotionError(f"{model} is the production model already.")
    _check_file(model)
    judging.request_for_gate(model, by=by)
    with transaction.atomic():
        # Whoever promotes at the same moment waits here, and is then compared with the new one.
        Promotion.objects.select_for_update().order_by("-id").first()
        former = registry.production()
        if former == model:
            raise PromotionError(f"{model} is the production model already.")
        report = gate_report(model, former)
        if not report.verdict.lets_pass and not override:
            raise GateRefused(model, report)
        transaction.on_commit(lambda: readings.wake_reader(model.pk))
        return Promotion.objects.create(
            model=model,
            promoted_by=by,
            reason=reason,
            gate_report=report.as_dict()
            | {
                "overridden": not report.verdict.lets_pass,
                "model": _known(model),
                "former": _known(former) if former else None,
            },
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


def _known(model: ModelVersion) -> dict[str, object]:
    """What was known at the moment of the promotion, for the history."""
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
