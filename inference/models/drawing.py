from collections.abc import Sequence

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from inference.models.model_version import ModelVersion
from inference.models.share_link import ShareLink

_QUEUE = ("-disagrees", "margin", "id")


class Drawing(models.Model):
    """A digit somebody drew or uploaded, with what the model saw and said at that moment."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting for review"
        CONFIRMED = "confirmed", "Confirmed"
        CORRECTED = "corrected", "Corrected"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        REJECTED = "rejected", "Rejected"
        DISPUTED = "disputed", "Needs a decision"

    UNSETTLED = (Status.PENDING, Status.DISPUTED)

    class Origin(models.TextChoices):
        PEN = "pen", "Drawn"
        UPLOAD = "upload", "Uploaded"

    class Device(models.TextChoices):
        MOUSE = "mouse", "Mouse"
        TOUCH = "touch", "Finger"
        PEN = "pen", "Pen"
        UPLOAD = "upload", "Uploaded picture"
        PROGRAM = "program", "Program"
        UNKNOWN = "unknown", "Unknown"

    class Fold(models.TextChoices):
        POOL = "pool", "Pool (training)"
        HOLDOUT = "holdout", "Holdout (judging only)"

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drawings",
        help_text="Empty when somebody without an account drew it, through the share link",
    )
    share_link = models.ForeignKey(
        ShareLink, on_delete=models.PROTECT, null=True, blank=True, related_name="drawings"
    )
    origin = models.CharField(max_length=6, choices=Origin, default=Origin.PEN)
    device = models.CharField(
        max_length=7, choices=Device, default=Device.UNKNOWN, help_text="What it was drawn with"
    )
    strokes = models.JSONField(
        default=list, blank=True, help_text="[[[x, y, milliseconds], ...], ...], 0..1, y down"
    )
    image = models.BinaryField(max_length=784, help_text="28 x 28 uint8, row by row")
    contract_id = models.CharField(max_length=40)
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="drawings")
    probabilities = models.JSONField(help_text="Ten floats")
    predicted_label = models.PositiveSmallIntegerField()
    confidence = models.FloatField()
    margin = models.FloatField(
        default=0, help_text="Probability of the first answer minus that of the second"
    )
    disagrees = models.GeneratedField(
        expression=models.Case(
            models.When(label=models.F("predicted_label"), then=models.Value(False)),
            default=models.Value(True),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="Whether author and model differ",
    )
    latency_ms = models.FloatField()
    label = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(9)], help_text="What its author says it is"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    settled_label = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="What the reviews agreed on"
    )
    fold = models.CharField(max_length=8, choices=Fold)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        indexes = (
            # The order of the review queue (inference.review_queue), by itself and within each
            # thing it is filtered by, so that the first row is found without sorting. Not partial
            # indexes: SQLite would not use them, since Django passes the status as a parameter.
            models.Index(fields=("status", *_QUEUE), name="drawing_review_order"),
            models.Index(fields=("status", "origin", *_QUEUE), name="drawing_review_origin"),
            models.Index(fields=("status", "device", *_QUEUE), name="drawing_review_device"),
            models.Index(
                fields=("status", "label", *_QUEUE, "predicted_label"), name="drawing_review_label"
            ),
            models.Index(
                fields=("status", "predicted_label", *_QUEUE, "label"), name="drawing_review_read"
            ),
            models.Index(fields=("author", "status", *_QUEUE), name="drawing_review_author"),
            models.Index(fields=("author", "-id"), name="drawing_by_author"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(author__isnull=False) ^ models.Q(share_link__isnull=False),
                name="drawing_has_author_or_share_link",
            ),
        )

    def __str__(self) -> str:
        return f"Drawing {self.pk}: {self.label}, read as {self.predicted_label}"

    @property
    def drawn_by(self) -> str:
        """Who drew it, for people: a name, or the link that a visitor came by."""
        if self.author is not None:
            return self.author.get_username()
        return f"visitor of “{self.share_link.label}”"

    @staticmethod
    def margin_of(probabilities: Sequence[float]) -> float:
        """How far the first answer is ahead of the second, 0..1."""
        second, first = sorted(map(float, probabilities))[-2:]
        return first - second
