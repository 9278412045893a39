from django.conf import settings
from django.db import models
from django.utils import timezone

from training.models.dataset import Dataset


class DatasetUpload(models.Model):
    """Somebody's files on their way to becoming a dataset, and what came of them.

    `attempt` is the claim of who reads them: who finds another number there has lost the work to
    somebody else. The files are in the storage until the end, whichever that is.
    """

    class Status(models.TextChoices):
        RECEIVING = "receiving", "Being received"
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Being read"
        DONE = "done", "Done"
        FAILED = "failed", "Refused"

    class Split(models.TextChoices):
        TRAIN = "train", "to learn from"
        TEST = "test", "to judge by"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="dataset_uploads",
    )
    name = models.CharField(max_length=80)
    licence = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    split = models.CharField(
        max_length=5,
        choices=Split,
        default=Split.TRAIN,
        help_text="What everything is for where the files name no splits",
    )
    files = models.JSONField(
        help_text='[{"name": the owner\'s, "stored": in the storage or "", "bytes"}]'
    )
    files_stored = models.BooleanField(default=False, help_text="Whether the storage has them")
    status = models.CharField(max_length=9, choices=Status, default=Status.RECEIVING)
    attempt = models.PositiveSmallIntegerField(default=0)
    progress = models.JSONField(default=dict, help_text='{"stage": str, "share": 0..1}')
    error = models.CharField(max_length=500, blank=True)
    dataset = models.ForeignKey(
        Dataset, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads"
    )
    is_new = models.BooleanField(default=False, help_text="Whether the dataset was made by this")
    report = models.JSONField(default=dict, help_text="training.upload_report.summary")
    report_file = models.FileField(
        upload_to="upload-reports/", max_length=300, blank=True, help_text="All that was left out"
    )
    created_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(null=True, help_text="Last sign of life of who reads it")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Upload {self.pk}"

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.DONE, self.Status.FAILED)
