from django.db import models

from training.models.dataset import Dataset
from training.models.run import TrainingRun


class Evaluation(models.Model):
    """What one run's model answers on one split of a dataset.

    The row is made in the transaction that marks the run as succeeded; its task fills it in.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="evaluations")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=10, default="test")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    count = models.PositiveIntegerField(null=True)
    accuracy = models.FloatField(null=True)
    accuracy_low = models.FloatField(null=True, help_text="Wilson 95 % interval")
    accuracy_high = models.FloatField(null=True)
    loss = models.FloatField(null=True, help_text="Mean negative log-likelihood, nats")
    confusion = models.JSONField(null=True, help_text="10 x 10 counts, rows are true digits")
    per_class = models.JSONField(null=True, help_text="[{digit, precision, recall, f1, support}]")
    calibration = models.JSONField(
        null=True,
        help_text='{"ece": float, "bins": [...], "temperature"?, "ece_before"?, "bins_before"?}',
    )
    probabilities = models.FileField(
        upload_to="evaluations/", max_length=300, blank=True, help_text=".npy (N, 10) float32"
    )

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("run", "dataset", "split"), name="one_evaluation_per_split"
            ),
        )

    def __str__(self) -> str:
        return f"Evaluation of run {self.run_id} on {self.dataset_id}/{self.split}"


class Misclassification(models.Model):
    class Verdict(models.TextChoices):
        OPEN = "open", "Not reviewed"
        MODEL_ERROR = "model_error", "Model error"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        LABEL_WRONG = "label_wrong", "Label wrong"
        DISPUTED = "disputed", "Needs a decision"

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="misclassifications"
    )
    index = models.PositiveIntegerField(help_text="Position in the split")
    true_label = models.PositiveSmallIntegerField()
    predicted_label = models.PositiveSmallIntegerField()
    confidence = models.FloatField(help_text="Probability of the predicted label")
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.OPEN)
    right_label = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="What the reviews say it is, where the label is wrong"
    )

    class Meta:
        ordering = ("-confidence", "index")
        indexes = (
            # The order in which they are reviewed.
            models.Index(
                fields=("evaluation", "verdict", "-confidence", "index"),
                name="misclassification_review_order",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("evaluation", "index"), name="one_misclassification_per_image"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.index}: {self.true_label} read as {self.predicted_label}"
