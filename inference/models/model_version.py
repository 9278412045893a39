from django.conf import settings
from django.db import models

from inference.models.append_only import AppendOnly
from training.models import TrainingRun


class ModelVersion(models.Model):
    """A registered model: one for each succeeded run. Files and export proof are the run's."""

    number = models.PositiveIntegerField(unique=True, help_text="Shown as v1, v2, ...")
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="model_version")
    sha256 = models.CharField(max_length=64, help_text="Of the .onnx file that is served")
    contract_id = models.CharField(max_length=40, help_text="Preprocessing contract")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"v{self.number}"


class Promotion(AppendOnly):
    """Append-only: the newest row names the production model. A roll-back is one more row.

    gate_report: inference.promotion_gate.GateReport as it was then, with `overridden`.
    """

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="promotions"
    )
    promoted_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=500)
    gate_report = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.model} promoted {self.promoted_at:%Y-%m-%d %H:%M}"
