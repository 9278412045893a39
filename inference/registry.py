"""The model registry: one numbered version for each succeeded run, and which one serves."""

from django.db import IntegrityError, transaction
from django.db.models import Max

from inference.models import ModelVersion, Promotion
from training.ml.preprocess import CONTRACT_ID
from training.models import TrainingRun

# ONNX must answer as Keras does on the whole test split before its version gets a number.
# Two images in 10,000 may sit on a tie that the order of float32 additions decides.
MIN_LABEL_AGREEMENT = 0.9998
MAX_PROBABILITY_DIFFERENCE = 1e-3

_NUMBER_ATTEMPTS = 20


class RegistrationRefused(Exception):
    """The run's files cannot become a model version. The message is a sentence for people."""


def register(run: TrainingRun) -> ModelVersion:
    """The version of a succeeded run, made on the first call, in the caller's transaction if any.

    Two runs that succeed at the same moment get two numbers; the same run twice gets one version.
    Raises RegistrationRefused when there is no ONNX file or it does not answer as Keras does.
    """
    onnx = run.artifacts.get("onnx")
    if not onnx:
        raise RegistrationRefused(f"Run {run.pk} has no ONNX file, so it cannot be served.")
    _check_proof(run)
    for _ in range(_NUMBER_ATTEMPTS):
        existing = ModelVersion.objects.filter(run=run).first()
        if existing:
            return existing
        newest = ModelVersion.objects.aggregate(newest=Max("number"))["newest"] or 0
        try:
            with transaction.atomic():
                return ModelVersion.objects.create(
                    number=newest + 1, run=run, sha256=onnx["sha256"], contract_id=CONTRACT_ID
                )
        except IntegrityError:  # another run took the number between the look and the insert
            continue
    raise RegistrationRefused(f"Run {run.pk} found no free version number. Try again.")


def _check_proof(run: TrainingRun) -> None:
    proof = run.export_proof
    agreement, difference = proof.get("onnx_label_agreement"), proof.get("onnx_max_abs_dp")
    if agreement is None or difference is None:
        raise RegistrationRefused(f"Run {run.pk} has no proof that its ONNX file answers as Keras.")
    if agreement < MIN_LABEL_AGREEMENT or difference > MAX_PROBABILITY_DIFFERENCE:
        raise RegistrationRefused(
            f"The ONNX file of run {run.pk} differs from Keras: {agreement:.2%} of labels agree "
            f"(at least {MIN_LABEL_AGREEMENT:.2%} must) and probabilities differ by up to "
            f"{difference:.1e} (at most {MAX_PROBABILITY_DIFFERENCE:.0e})."
        )


def production() -> ModelVersion | None:
    """The version that serves: the one named by the newest promotion."""
    newest = Promotion.objects.select_related("model__run").order_by("-id").first()
    return newest.model if newest else None


def on_run_succeeded(sender, run: TrainingRun, **kwargs) -> None:
    """Receiver of training.signals.run_succeeded, inside the transaction of the success."""
    register(run)
