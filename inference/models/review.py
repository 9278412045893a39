from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from inference.models.append_only import AppendOnly
from inference.models.drawing import Drawing
from training.models import Misclassification

_ONE_SUBJECT = models.Q(drawing__isnull=False) ^ models.Q(misclassification__isnull=False)


class Review(AppendOnly):
    """One verdict, append-only. Undo is a row too: it withdraws the reviewer's former verdict.

    What a drawing or a misclassified image is settled as follows from its rows
    (inference.settlement). Whatever has a verdict cannot be deleted.
    """

    class Verdict(models.TextChoices):
        CONFIRM = "confirm", "Label confirmed"
        RELABEL = "relabel", "Relabelled"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        REJECT = "reject", "Rejected"
        MODEL_ERROR = "model_error", "Model error"
        LABEL_WRONG = "label_wrong", "Label wrong"
        UNDO = "undo", "Undone"

    drawing = models.ForeignKey(
        Drawing,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reviews",
        db_index=False,
    )
    misclassification = models.ForeignKey(
        Misclassification,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reviews",
        db_index=False,
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews"
    )
    verdict = models.CharField(max_length=12, choices=Verdict)
    label = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(9)]
    )
    decides = models.BooleanField(
        default=False, help_text="An administrator's decision: it outweighs the other verdicts"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        indexes = (
            models.Index(fields=("reviewer", "-id"), name="review_by_reviewer"),
            # Whether somebody's verdict stands is answered from these alone.
            models.Index(fields=("drawing", "reviewer", "verdict"), name="review_of_drawing"),
            models.Index(
                fields=("misclassification", "reviewer", "verdict"), name="review_of_image"
            ),
        )
        constraints = (
            models.CheckConstraint(condition=_ONE_SUBJECT, name="review_has_one_subject"),
        )

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.reviewer_id}"


class ReviewHold(models.Model):
    """What a reviewer is looking at: until then nobody else is offered it."""

    reviewer = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="review_hold"
    )
    drawing = models.OneToOneField(
        Drawing, on_delete=models.CASCADE, null=True, blank=True, related_name="hold"
    )
    misclassification = models.OneToOneField(
        Misclassification, on_delete=models.CASCADE, null=True, blank=True, related_name="hold"
    )
    until = models.DateTimeField()

    class Meta:
        constraints = (models.CheckConstraint(condition=_ONE_SUBJECT, name="hold_has_one_subject"),)

    def __str__(self) -> str:
        subject = self.drawing_id or f"image {self.misclassification_id}"
        return f"{subject} with {self.reviewer_id} until {self.until:%H:%M:%S}"
