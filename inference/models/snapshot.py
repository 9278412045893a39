from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from inference.models.drawing import Drawing
from training.models import Dataset


class DatasetDrawing(models.Model):
    """Which drawing an image of a dataset is. A drawing that is repeated has a row an image."""

    class Split(models.TextChoices):
        TRAIN = "train", "Training"
        TEST = "test", "Test"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="dataset_drawings")
    drawing = models.ForeignKey(Drawing, on_delete=models.PROTECT, related_name="dataset_drawings")
    split = models.CharField(max_length=5, choices=Split)
    index = models.PositiveIntegerField(help_text="Position in the split")

    class Meta:
        ordering = ("dataset_id", "split", "index")
        constraints = (
            models.UniqueConstraint(
                fields=("dataset", "split", "index"), name="one_drawing_per_image"
            ),
        )
        indexes = (models.Index(fields=("drawing", "split"), name="dataset_of_drawing"),)

    def __str__(self) -> str:
        return f"Drawing {self.drawing_id} in {self.dataset_id}/{self.split}[{self.index}]"


class Snapshot(models.Model):
    """Somebody's wish for a dataset of the settled drawings, and what came of it."""

    class Status(models.TextChoices):
        PENDING = "pending", "Being made"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="snapshots",
    )
    name = models.CharField(max_length=60)
    mnist_share = models.FloatField(
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Share of MNIST in the mixed training split, 0..1",
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    drawings = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    mixed = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    report = models.JSONField(
        default=dict, blank=True, help_text="inference.services.snapshots.Report"
    )
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Newest attempt")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Snapshot {self.pk}"
