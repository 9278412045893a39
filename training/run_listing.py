"""Reading many runs: the list with its filters."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery

from training.models import Evaluation, TrainingRun

Status = TrainingRun.Status


@dataclass(frozen=True)
class Filter:
    """What of the list is asked for; None is everything."""

    status: str | None = None
    owner_id: int | None = None

    @classmethod
    def parse(cls, status: str, owner: str, viewer_id: int) -> "Filter":
        """From the query string; what makes no sense filters nothing."""
        if owner == "me":
            owner_id = viewer_id
        else:
            owner_id = int(owner) if owner.isascii() and owner.isdigit() else None
        return cls(status if status in Status.values else None, owner_id)

    def apply(self, runs: QuerySet) -> QuerySet:
        if self.status:
            runs = runs.filter(status=self.status)
        if self.owner_id is not None:
            runs = runs.filter(owner_id=self.owner_id)
        return runs


def listed(wanted: Filter) -> QuerySet[TrainingRun]:
    """Runs, newest first, with `best_val_accuracy` and `test_accuracy` (0..1 or None)."""
    test = Evaluation.objects.filter(
        run=OuterRef("pk"), dataset=OuterRef("dataset"), split="test"
    ).values("accuracy")[:1]
    return (
        wanted.apply(TrainingRun.objects.all())
        .select_related("owner", "dataset")
        .annotate(
            best_val_accuracy=Max("epoch_metrics__val_accuracy"), test_accuracy=Subquery(test)
        )
        .order_by("-id")
    )


def counts(wanted: Filter) -> dict[str, int]:
    """Number of runs in each status, "all" for the sum; the filter's own status is ignored."""
    rows = Filter(owner_id=wanted.owner_id).apply(TrainingRun.objects.order_by())
    found = dict(rows.values_list("status").annotate(Count("id")))
    return {"all": sum(found.values()), **{status: found.get(status, 0) for status in Status}}


def owners() -> QuerySet:
    """People who have launched a run."""
    return (
        get_user_model().objects.filter(training_runs__isnull=False).distinct().order_by("username")
    )
