"""The Django admin for datasets, runs and evaluations: to look and to search, not to edit.

These rows are the record of what happened; they change only through services.
"""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from training.models import Dataset, DatasetUpload, EpochMetric, Evaluation, RunEvent, TrainingRun
from training.services.runs import RunError, request_cancel, resume_run


class ReadOnly:
    """Mixin for admins and inlines: rows are shown and nothing else."""

    show_full_result_count = False
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("__str__", "kind", "train_count", "test_count", "digest_start", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "digest", "source")
    date_hierarchy = "created_at"

    def view_on_site(self, obj) -> str:
        return reverse("dataset", args=[obj.pk])

    @admin.display(description="Digest", ordering="digest")
    def digest_start(self, dataset: Dataset) -> str:
        return dataset.digest[:12]


@admin.register(DatasetUpload)
class DatasetUploadAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("__str__", "name", "owner", "status", "dataset", "created_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("owner", "dataset")
    search_fields = ("name", "owner__username", "error")
    date_hierarchy = "created_at"

    def view_on_site(self, obj) -> str:
        return reverse("upload", args=[obj.pk])


class EpochMetricInline(ReadOnly, admin.TabularInline):
    model = EpochMetric
    fields = (
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "seconds",
    )
    readonly_fields = fields


class RunEventInline(ReadOnly, admin.TabularInline):
    model = RunEvent
    verbose_name_plural = "log"
    fields = ("created_at", "level", "fence", "message")
    readonly_fields = fields


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "__str__",
        "status",
        "owner",
        "dataset",
        "epochs_done",
        "attempt",
        "worker",
        "created_at",
        "finished_at",
    )
    list_filter = ("status", "recipe", ("dataset", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("owner", "dataset")
    search_fields = ("id", "owner__username", "note", "error", "worker", "weights_digest")
    date_hierarchy = "created_at"
    inlines = (EpochMetricInline, RunEventInline)
    actions = ("cancel", "resume")

    def view_on_site(self, obj) -> str:
        return reverse("run", args=[obj.pk])

    @admin.action(description="Cancel the selected runs")
    def cancel(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        self._each(request, queryset, request_cancel, "Cancelled")

    @admin.action(description="Resume the selected runs")
    def resume(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        self._each(request, queryset, resume_run, "Resumed")

    def _each(self, request: HttpRequest, queryset, service, word: str) -> None:
        done = 0
        for run in queryset.order_by("pk"):
            try:
                service(run, by=request.user)
                done += 1
            except RunError as error:
                self.message_user(request, f"{run}: {error}", messages.WARNING)
        if done:
            self.message_user(request, f"{word}: {done}.", messages.SUCCESS)


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "__str__",
        "status",
        "split",
        "count",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "mistakes",
        "finished_at",
    )
    list_filter = ("status", "split", ("dataset", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("run", "dataset")
    search_fields = ("run__id", "run__owner__username", "dataset__name")

    def view_on_site(self, obj) -> str:
        return reverse("evaluation", args=[obj.pk])

    @admin.display(description="Mistakes")
    def mistakes(self, evaluation: Evaluation) -> str:
        url = reverse("admin:training_misclassification_changelist")
        return format_html('<a href="{}?evaluation={}">images</a>', url, evaluation.pk)
