from django.conf import settings
from django.db import models
from django.utils import timezone

from training.models.dataset import Dataset
from training.models.sweep import Sweep


class TrainingRun(models.Model):
    """One training job: the row is the job, a message on the queue only a wake-up.

    Whoever trains holds `fence` and renews `lease_until`; every write of results re-checks the
    fence, so that a worker which lost its lease can no longer change anything.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    # The only moves there are; services make each with a compare-and-set UPDATE.
    MOVES = {
        Status.QUEUED: {Status.RUNNING, Status.CANCELLED, Status.FAILED},
        Status.RUNNING: {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.QUEUED},
        Status.CANCELLED: {Status.QUEUED},  # resumed by its owner
        Status.FAILED: {Status.QUEUED},  # tried again by its owner
        Status.SUCCEEDED: set(),
    }
    FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="training_runs"
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    recipe = models.CharField(max_length=40)
    hyperparameters = models.JSONField(help_text="Every field of training.ml.hyperparameters")
    note = models.CharField(max_length=200, blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    initial_run = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fine_tunings",
        help_text="Whose model's weights it starts from; empty: from random ones",
    )
    sweep = models.ForeignKey(
        Sweep, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    priority = models.SmallIntegerField(default=0)

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="Attempts spent")
    fence = models.PositiveBigIntegerField(default=0, help_text="Rises with every claim")
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)

    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    woken_at = models.DateTimeField(null=True, blank=True, help_text="Last wake-up published")
    started_at = models.DateTimeField(null=True, blank=True, help_text="First claim")
    claimed_at = models.DateTimeField(
        null=True, blank=True, help_text="Newest claim that used its owner's turn in the queue"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    epochs_done = models.PositiveIntegerField(default=0)
    progress = models.JSONField(
        default=dict, blank=True, help_text="Newest batch: epoch, batch, batches, loss, accuracy"
    )
    checkpoint = models.CharField(max_length=300, blank=True, help_text="Storage name")
    artifacts = models.JSONField(
        default=dict, blank=True, help_text='{"onnx": {"name", "sha256", "bytes"}, ...}'
    )
    export_proof = models.JSONField(default=dict, blank=True)
    temperature = models.FloatField(
        null=True,
        blank=True,
        help_text="What the model divides its logits by, fitted on the validation split",
    )
    weights_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the weights")
    environment = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True, help_text="One sentence for people")
    traceback = models.TextField(blank=True, help_text="For admins")

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("status", "-priority", "queued_at"), name="run_queue"),
            models.Index(fields=("status", "lease_until"), name="run_lease"),
        )

    def __str__(self) -> str:
        return f"Run {self.pk} ({self.recipe})"

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def epochs(self) -> int:
        return self.hyperparameters["epochs"]


class EpochMetric(models.Model):
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="epoch_metrics")
    epoch = models.PositiveIntegerField(help_text="From 0")
    train_loss = models.FloatField()
    train_accuracy = models.FloatField()
    val_loss = models.FloatField(null=True)
    val_accuracy = models.FloatField(null=True)
    learning_rate = models.FloatField()
    seconds = models.FloatField()
    recorded_at = models.DateTimeField(null=True, default=timezone.now)
    fence = models.PositiveBigIntegerField()

    class Meta:
        ordering = ("epoch",)
        constraints = (
            models.UniqueConstraint(fields=("run", "epoch"), name="one_metric_per_epoch"),
        )

    def __str__(self) -> str:
        return f"Run {self.run_id} epoch {self.epoch}"


class RunEvent(models.Model):
    """The log of a run: append-only, one line an event."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="events")
    created_at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8, choices=Level, default=Level.INFO)
    fence = models.PositiveBigIntegerField()
    message = models.CharField(max_length=500)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"Run {self.run_id}: {self.message}"
