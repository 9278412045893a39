"""The Django admin for models, promotions, drawings, reviews and misclassified images.

Rows are read-only here. The bulk actions give the same verdicts as the review queue, through the
same services, as decisions: whoever works here sees what everybody said.
"""

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inference.drawing_pictures import digit_data_uri
from inference.models import Drawing, ModelVersion, Promotion, Review, ShareLink
from inference.selectors import headline_evaluation, model_versions
from inference.services import reviews, share_links
from inference.services.promotion import REASON_MAX, PromotionError, promote
from inference.services.review_state import rebuild_status
from inference.templatetags.drawings import ink
from training.admin import ReadOnly
from training.models import Misclassification

Verdict = Review.Verdict
DIGITS = tuple("0123456789")
_THUMBNAIL = '<img src="{}" alt="" width="48" height="48" style="image-rendering: pixelated">'


class ReviewInline(ReadOnly, admin.TabularInline):
    model = Review
    fields = readonly_fields = ("created_at", "reviewer", "verdict", "label", "decides")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).select_related("reviewer")


class LabelForm(ActionForm):
    label = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "digit"), *((digit, digit) for digit in range(10))],
    )


class DigitFilter(admin.SimpleListFilter):
    """0 to 9 without asking the table which of them occur; `of` makes one for a field."""

    field = ""

    @classmethod
    def of(cls, field: str) -> type["DigitFilter"]:
        title = field.replace("_", " ")
        return type(
            f"{field}_filter", (cls,), {"field": field, "title": title, "parameter_name": field}
        )

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(digit, digit) for digit in DIGITS]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.value()
        return queryset.filter(**{self.field: chosen}) if chosen in DIGITS else queryset


class VerdictActions(ReadOnly):
    """Bulk verdicts that report what was recorded and what was refused, and why."""

    action_form = LabelForm

    def chosen_label(self, request: HttpRequest) -> int | None:
        chosen = request.POST.get("label", "")
        return int(chosen) if chosen.isdecimal() else None

    def judge(self, request: HttpRequest, queryset: QuerySet, record: Callable) -> None:
        done, refusals = 0, {}
        for subject in queryset.order_by("pk"):
            try:
                record(subject)
                done += 1
            except reviews.ReviewError as error:
                refusals[str(error)] = refusals.get(str(error), 0) + 1
        if done:
            self.message_user(request, f"Verdicts recorded: {done}.", messages.SUCCESS)
        for sentence, count in refusals.items():
            self.message_user(request, f"Refused {count}: {sentence}", messages.WARNING)


@admin.register(Drawing)
class DrawingAdmin(VerdictActions, admin.ModelAdmin):
    list_display = (
        "thumbnail",
        "id",
        "drawn_by",
        "label",
        "predicted_label",
        "confidence_percent",
        "status",
        "settled_label",
        "model",
        "created_at",
    )
    list_display_links = ("thumbnail", "id")
    list_filter = (
        "status",
        "disagrees",
        DigitFilter.of("label"),
        DigitFilter.of("predicted_label"),
        "origin",
        "device",
        "fold",
        ("model", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("author", "share_link", "model")
    search_fields = ("=id", "author__username", "share_link__label")
    fields = (
        ("large", "thumbnail"),
        ("label", "predicted_label", "confidence", "margin"),
        ("status", "settled_label"),
        ("author", "share_link", "created_at"),
        ("origin", "device", "fold"),
        ("model", "contract_id", "latency_ms"),
        "probabilities",
    )
    readonly_fields = ("large", "thumbnail")
    inlines = (ReviewInline,)
    actions = ("confirm", "relabel", "accept_model", "ambiguous", "reject", "rebuild")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Drawing]:
        queryset = super().get_queryset(request)
        if request.resolver_match.url_name.endswith("_changelist"):
            return queryset.defer("strokes", "probabilities")
        return queryset

    def view_on_site(self, obj) -> str:
        return reverse("drawing", args=[obj.pk])

    @admin.display(ordering="author__username")
    def drawn_by(self, drawing: Drawing) -> str:
        return drawing.drawn_by

    @admin.display(description="Image", ordering="id")
    def thumbnail(self, drawing: Drawing) -> SafeString:
        return format_html(_THUMBNAIL, digit_data_uri(drawing.image))

    @admin.display(description="Drawing")
    def large(self, drawing: Drawing) -> SafeString:
        return format_html(
            '<div style="width: 18rem; --ink: currentColor"><style>.ink {{ width: 100%; }} '
            ".ink path {{ fill: none; stroke: currentColor; stroke-width: 52; "
            "stroke-linecap: round; stroke-linejoin: round; }}</style>{}</div>",
            ink(drawing),
        )

    @admin.display(description="Confidence", ordering="confidence")
    def confidence_percent(self, drawing: Drawing) -> str:
        return f"{drawing.confidence:.1%}"

    @admin.action(description="Confirm the author's label")
    def confirm(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        self._record(request, queryset, Verdict.CONFIRM)

    @admin.action(description="Relabel to the digit chosen beside")
    def relabel(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        label = self.chosen_label(request)
        self._record(request, queryset, Verdict.RELABEL, lambda drawing: label)

    @admin.action(description="Relabel to what the model read")
    def accept_model(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        self._record(request, queryset, Verdict.RELABEL, lambda drawing: drawing.predicted_label)

    @admin.action(description="Ambiguous")
    def ambiguous(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        self._record(request, queryset, Verdict.AMBIGUOUS)

    @admin.action(description="Reject")
    def reject(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        self._record(request, queryset, Verdict.REJECT)

    @admin.action(description="Compute the state from the reviews again")
    def rebuild(self, request: HttpRequest, queryset: QuerySet[Drawing]) -> None:
        for drawing in queryset.order_by("pk"):
            rebuild_status(drawing)
        self.message_user(request, "The state follows from the reviews again.", messages.SUCCESS)

    def _record(
        self,
        request: HttpRequest,
        queryset: QuerySet[Drawing],
        verdict: str,
        label_of: Callable[[Drawing], int | None] = lambda drawing: None,
    ) -> None:
        self.judge(
            request,
            queryset,
            lambda drawing: reviews.record_verdict(
                drawing,
                reviewer=request.user,
                verdict=verdict,
                label=label_of(drawing),
                decide=True,
            ),
        )


@admin.register(Misclassification)
class MisclassificationAdmin(VerdictActions, admin.ModelAdmin):
    list_display = (
        "thumbnail",
        "index",
        "true_label",
        "predicted_label",
        "confidence_percent",
        "verdict",
        "run",
    )
    list_display_links = ("thumbnail", "index")
    list_filter = (
        "verdict",
        DigitFilter.of("true_label"),
        DigitFilter.of("predicted_label"),
        ("evaluation", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("evaluation__run", "evaluation__dataset")
    search_fields = ("=index", "=evaluation__run__id")
    readonly_fields = ("thumbnail",)
    inlines = (ReviewInline,)
    actions = ("model_error", "ambiguous", "label_wrong")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Misclassification]:
        bulky = ("confusion", "per_class", "calibration")
        return super().get_queryset(request).defer(*(f"evaluation__{name}" for name in bulky))

    @admin.display(description="Image", ordering="index")
    def thumbnail(self, row: Misclassification) -> SafeString:
        evaluation = row.evaluation
        url = reverse("dataset_image", args=[evaluation.dataset_id, evaluation.split, row.index])
        return format_html(_THUMBNAIL, url)

    @admin.display(description="Confidence", ordering="confidence")
    def confidence_percent(self, row: Misclassification) -> str:
        return f"{row.confidence:.1%}"

    @admin.display(ordering="evaluation__run")
    def run(self, row: Misclassification) -> str:
        return str(row.evaluation.run)

    @admin.action(description="Model error: the stored label is right")
    def model_error(self, request: HttpRequest, queryset: QuerySet[Misclassification]) -> None:
        self._record(request, queryset, Verdict.MODEL_ERROR)

    @admin.action(description="Ambiguous")
    def ambiguous(self, request: HttpRequest, queryset: QuerySet[Misclassification]) -> None:
        self._record(request, queryset, Verdict.AMBIGUOUS)

    @admin.action(description="Stored label is wrong (right digit beside, if known)")
    def label_wrong(self, request: HttpRequest, queryset: QuerySet[Misclassification]) -> None:
        self._record(request, queryset, Verdict.LABEL_WRONG, self.chosen_label(request))

    def _record(self, request, queryset, verdict: str, label: int | None = None) -> None:
        self.judge(
            request,
            queryset,
            lambda row: reviews.record_misclassification_verdict(
                row, reviewer=request.user, verdict=verdict, label=label, decide=True
            ),
        )


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("label", "owner", "state", "drawings_taken", "max_drawings", "created_at")
    list_display += ("expires_at", "last_used_at")
    list_filter = (("owner", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("owner",)
    search_fields = ("label", "hint", "owner__username")
    date_hierarchy = "created_at"
    exclude = ("digest",)
    actions = ("revoke",)

    def view_on_site(self, obj) -> str:
        return reverse("share_drawings", args=[obj.pk])

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        ended = sum(share_links.revoke_share_link(link) for link in queryset)
        self.message_user(request, f"Links revoked: {ended}.", messages.SUCCESS)


@admin.register(Review)
class ReviewAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("id", "subject", "verdict", "label", "decides", "reviewer", "created_at")
    list_filter = ("verdict", "decides", ("reviewer", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("reviewer", "drawing", "misclassification")
    search_fields = ("=drawing__id", "reviewer__username")
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).defer("drawing__strokes", "drawing__probabilities")

    @admin.display(ordering="drawing")
    def subject(self, review: Review) -> str:
        return str(review.drawing or review.misclassification)


class PromotionInline(ReadOnly, admin.TabularInline):
    model = Promotion
    fields = readonly_fields = ("promoted_at", "promoted_by", "reason")


class ReasonForm(ActionForm):
    reason = forms.CharField(required=False, max_length=REASON_MAX, label="Reason: ")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("__str__", "serves", "recipe", "owner", "accuracy", "contract_id", "created_at")
    list_filter = ("run__recipe", "contract_id")
    search_fields = ("=number", "sha256", "run__owner__username", "run__recipe")
    inlines = (PromotionInline,)
    action_form = ReasonForm
    actions = ("promote",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        newest = Promotion.objects.order_by("-id").values("model")[:1]
        return model_versions().annotate(production=Subquery(newest))

    def view_on_site(self, obj) -> str:
        return reverse("model", args=[obj.number])

    @admin.display(boolean=True)
    def serves(self, version: ModelVersion) -> bool:
        return version.pk == version.production

    @admin.display(ordering="run__recipe")
    def recipe(self, version: ModelVersion) -> str:
        return version.run.recipe

    @admin.display(ordering="run__owner")
    def owner(self, version: ModelVersion) -> str:
        return str(version.run.owner)

    @admin.display(description="Test accuracy")
    def accuracy(self, version: ModelVersion) -> str | None:
        evaluation = headline_evaluation(version)
        return f"{evaluation.accuracy:.2%}" if evaluation else None

    @admin.action(description="Promote the selected version (give a reason)")
    def promote(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one version to promote.", messages.WARNING)
            return
        try:
            promote(chosen[0], by=request.user, reason=request.POST.get("reason", ""))
        except PromotionError as error:
            self.message_user(request, str(error), messages.WARNING)
        else:
            self.message_user(request, f"{chosen[0]} serves now.", messages.SUCCESS)


@admin.register(Promotion)
class PromotionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("id", "model", "promoted_by", "promoted_at", "reason")
    list_select_related = ("model", "promoted_by")
    search_fields = ("=model__number", "promoted_by__username", "reason")
    date_hierarchy = "promoted_at"
