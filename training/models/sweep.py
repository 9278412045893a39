from django.conf import settings
from django.db import models
from django.utils import timezone

from training.models.dataset import Dataset


class Sweep(models.Model):
    """Runs that differ in chosen hyperparameters and were launched together, with one budget.

    A sweep has no state of its own: its runs have. Immutable, like the plan it was made from.
    """

    class Method(models.TextChoices):
        GRID = "grid", "Grid"
        RANDOM = "random", "Random"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sweeps"
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="sweeps")
    recipe = models.CharField(max_length=40)
    method = models.CharField(max_length=6, choices=Method)
    space = models.JSONField(
        help_text='{"dropout": [0, 0.2], "filters": {"low", "high", "log", "steps"}}'
    )
    base = models.JSONField(help_text="Every hyperparameter as it is where it is not swept")
    seed = models.PositiveBigIntegerField(default=0, help_text="Of the random draws")
    max_runs = models.PositiveIntegerField(help_text="The budget")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Sweep {self.pk} ({self.recipe})"
