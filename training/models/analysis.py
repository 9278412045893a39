from django.db import models

from training.models.evaluation import Evaluation


class Analysis(models.Model):
    """Why an evaluation came out as it did: slices, damage, suspicious labels, neighbours, a map.

    A worker computes it on demand. `attempt` is its claim: who finds another number there has
    lost the work to somebody else.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    evaluation = models.OneToOneField(Evaluation, on_delete=models.CASCADE, related_name="analysis")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    error = models.CharField(max_length=500, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    progress = models.JSONField(default=dict, help_text='{"stage": str, "share": 0..1}')
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(help_text="When it was last asked for")
    beat_at = models.DateTimeField(null=True, help_text="Last sign of life of who computes it")
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True, help_text="How long the work took")

    slices = models.JSONField(
        null=True, help_text="[{kind, name, count, wrong, accuracy, low, high}], worst first"
    )
    corruptions = models.JSONField(
        null=True,
        help_text='{"count", "clean", "rows": [{name, meaning, unit, cells: [{amount, accuracy, '
        "low, high, drop}]}]}",
    )
    suspects = models.JSONField(
        null=True, help_text="[{index, label, read, quality}], the most suspicious label first"
    )
    file = models.FileField(
        upload_to="analyses/",
        max_length=300,
        blank=True,
        help_text=".npz: quality (N,), neighbours and distances (N, 10), map_indices (K,), "
        "map_places (K, 2), samples (8, 3, 28, 28)",
    )

    class Meta:
        verbose_name_plural = "analyses"

    def __str__(self) -> str:
        return f"Analysis of evaluation {self.evaluation_id}"
