from django.conf import settings
from django.db import models


class Dataset(models.Model):
    """One immutable version of a dataset. A change is a new version with this one as parent."""

    class Kind(models.TextChoices):
        MNIST = "mnist", "MNIST"
        UPLOAD = "upload", "Uploaded"
        DRAWINGS = "drawings", "Drawings"
        MIXED = "mixed", "Mixed"

    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the content")
    train_count = models.PositiveIntegerField()
    test_count = models.PositiveIntegerField()
    class_counts = models.JSONField(
        help_text='{"train": [ten counts], "test": [ten counts]}, index = digit'
    )
    licence = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=300, help_text="Where the content came from")
    description = models.TextField(blank=True)
    file = models.FileField(upload_to="datasets/", max_length=300)
    parents = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="children")
    report = models.JSONField(
        default=dict,
        blank=True,
        help_text='What happened while it was made: {"leaks": ..., "import": ...}, each optional',
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="datasets",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("name", "version"), name="dataset_name_version"),
        )

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
