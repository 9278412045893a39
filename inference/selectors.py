"""Reading: models with their results, drawings of a person."""

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference.models import Drawing, ModelVersion, Promotion, ShareLink
from training.models import Evaluation


def model_versions() -> QuerySet[ModelVersion]:
    """Newest first, with all that a list of models shows: no query per row."""
    return (
        ModelVersion.objects.select_related("run__owner", "run__dataset")
        .prefetch_related(
            Prefetch(
                "run__evaluations",
                Evaluation.objects.defer("confusion", "per_class", "calibration").order_by("id"),
            ),
        )
        .order_by("-number")
    )


def headline_evaluation(version: ModelVersion) -> Evaluation | None:
    """The finished evaluation on the test split of the run's own dataset."""
    for evaluation in version.run.evaluations.all():
        if (
            evaluation.dataset_id == version.run.dataset_id
            and evaluation.split == "test"
            and evaluation.status == Evaluation.Status.DONE
        ):
            return evaluation
    return None


def evaluations_of(version: ModelVersion) -> QuerySet[Evaluation]:
    """All of them, the newest first, without their tables."""
    return (
        Evaluation.objects.filter(run=version.run_id)
        .select_related("dataset")
        .defer("confusion", "per_class", "calibration")
        .order_by("-id")
    )


def promotions() -> QuerySet[Promotion]:
    """The whole history, newest first; the first row names the production model."""
    return Promotion.objects.select_related("model", "promoted_by").order_by("-id")


def former_production() -> ModelVersion | None:
    """What served before the production model does: where a roll-back leads."""
    newest = Promotion.objects.order_by("-id").first()
    if newest is None:
        return None
    before = promotions().exclude(model=newest.model_id).first()
    return before and before.model


def drawings_of(author: User) -> QuerySet[Drawing]:
    return (
        Drawing.objects.filter(author=author)
        .select_related("model")
        .defer("strokes", "image", "probabilities")
        .order_by("-id")
    )


def drawings_through(link: ShareLink) -> QuerySet[Drawing]:
    return (
        Drawing.objects.filter(share_link=link)
        .select_related("model")
        .defer("strokes", "image", "probabilities")
        .order_by("-id")
    )


def share_links(owner: User | None) -> QuerySet[ShareLink]:
    """Of one person, or of everybody; newest first."""
    links = ShareLink.objects.select_related("owner").order_by("-id")
    return links if owner is None else links.filter(owner=owner)


def drawings_with_authors() -> QuerySet[Drawing]:
    """With what a page says about each: the author or the share link, and the model."""
    return Drawing.objects.select_related("author", "share_link", "model")


def may_see(user: User, drawing: Drawing) -> bool:
    """One's own drawings and those drawn by one's share links; for reviewers everybody's."""
    if drawing.author_id is not None:
        own = drawing.author_id == user.pk
    else:
        own = drawing.share_link.owner_id == user.pk
    return own or user.can(Capability.REVIEW)


def is_blind_to(user: User, drawing: Drawing) -> bool:
    """With a second opinion required, nobody sees who drew it or what others said before it is
    settled; but for administrators, who decide where reviewers differ."""
    if settings.REVIEWS_REQUIRED == 1:
        return False
    if drawing.status == Drawing.Status.DISPUTED:
        return not user.can(Capability.ADMINISTER)
    return drawing.status == Drawing.Status.PENDING


def tally(drawings: QuerySet[Drawing]) -> dict[str, int]:
    """Counts over drawings: all, those the model read as their author says, those that wait."""
    return drawings.aggregate(
        total=Count("pk"),
        read_right=Count("pk", filter=Q(disagrees=False)),
        pending=Count("pk", filter=Q(status__in=Drawing.UNSETTLED)),
    )
