from django.db import models

from inference.models.drawing import Drawing
from inference.models.model_version import ModelVersion


class DrawingReading(models.Model):
    """What a model that was promoted reads in a drawing: kept, since neither ever changes."""

    drawing = models.ForeignKey(Drawing, on_delete=models.CASCADE, related_name="readings")
    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="readings")
    label = models.PositiveSmallIntegerField()
    confidence = models.FloatField(help_text="Probability of the label")

    class Meta:
        ordering = ("drawing_id", "model_id")
        constraints = (
            models.UniqueConstraint(fields=("drawing", "model"), name="one_reading_per_model"),
        )

    def __str__(self) -> str:
        return f"Drawing {self.drawing_id} read as {self.label} by {self.model_id}"
