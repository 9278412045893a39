"""Reading the review queue: what waits for whom, in which order, and how much of it.

Everything here answers from indexes: no query reads all drawings, and counts stop at COUNT_CAP.
"""

from django.conf import settings
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Sum, When
from django.utils import timezone

from digitsite.accounts.models import User
from inference.models import Drawing, Promotion, Review, ReviewHold
from inference.review_filter import QueueFilter
from training.models import Dataset, Evaluation, Misclassification

COUNT_CAP = 1000
"""Longer queues are counted up to one more than this, which is shown as "1,000+"."""

_BULKY = ("confusion", "per_class", "calibration")
EVERYTHING = QueueFilter()


def waiting_drawings(reviewer: User, wanted: QueueFilter = EVERYTHING) -> QuerySet[Drawing]:
    """What waits for this reviewer, first what teaches most.

    Author and model disagree; then the model's narrowest margins; then the oldest. Drawings which
    this reviewer has judged are left out, and their own where two or more reviews are required.
    """
    waiting = Drawing.objects.filter(_chosen(wanted), status=Drawing.Status.PENDING)
    if settings.REVIEWS_REQUIRED > 1:
        waiting = waiting.exclude(author=reviewer)
    return _not_judged(waiting, reviewer, "drawing").order_by("-disagrees", "margin", "id")


def waiting_images(reviewer: User, wanted: QueueFilter = EVERYTHING) -> QuerySet[Misclassification]:
    """Misread test images of one evaluation that wait for this reviewer, the most confident
    mistakes first: among those are the wrong labels."""
    evaluation = wanted.evaluation or newest_evaluation_of_production()
    if evaluation is None:
        return Misclassification.objects.none()
    chosen = {"evaluation": evaluation, "verdict": Misclassification.Verdict.OPEN}
    if wanted.label is not None:
        chosen["true_label"] = wanted.label
    if wanted.read is not None:
        chosen["predicted_label"] = wanted.read
    waiting = Misclassification.objects.filter(**chosen)
    return _not_judged(waiting, reviewer, "misclassification").order_by("-confidence", "index")


def disputed_drawings(admin: User) -> QuerySet[Drawing]:
    """Where enough people answered without agreeing, in the order of the queue. Nobody decides on
    their own drawings."""
    disputed = Drawing.objects.filter(status=Drawing.Status.DISPUTED)
    if settings.REVIEWS_REQUIRED > 1:
        disputed = disputed.exclude(author=admin)
    return disputed.order_by("-disagrees", "margin", "id")  # by id, SQLite would read them all


def disputed_images() -> QuerySet[Misclassification]:
    disputed = Misclassification.objects.filter(verdict=Misclassification.Verdict.DISPUTED)
    return disputed.order_by("id")


def next_for(
    reviewer: User, wanted: QueueFilter = EVERYTHING
) -> Drawing | Misclassification | None:
    """The first of the reviewer's queue that no other reviewer is looking at."""
    found = None
    if wanted.wants_drawings:
        found = _first_free(reviewer, waiting_drawings(reviewer, wanted))
    if found is None and wanted.wants_images:
        found = _first_free(reviewer, waiting_images(reviewer, wanted))
    return found


def next_decision(admin: User) -> Drawing | Misclassification | None:
    """The first disagreement that no other administrator is looking at; drawings before images."""
    return _first_free(admin, disputed_drawings(admin)) or _first_free(admin, disputed_images())


def count_left(reviewer: User, wanted: QueueFilter = EVERYTHING) -> int:
    """Length of the reviewer's queue, held or not; what is above COUNT_CAP is only "more"."""
    count = _capped(waiting_drawings(reviewer, wanted)) if wanted.wants_drawings else 0
    if count <= COUNT_CAP and wanted.wants_images:
        count += _capped(waiting_images(reviewer, wanted))
    return count


def count_decisions(admin: User) -> int:
    """How many disagreements wait for this administrator, up to COUNT_CAP."""
    return _capped(disputed_drawings(admin)) + _capped(disputed_images())


def drawings_to_review() -> int:
    """How many drawings wait for anybody's review, up to COUNT_CAP."""
    return _capped(Drawing.objects.filter(status=Drawing.Status.PENDING).order_by())


def newest_evaluation_of_production() -> int | None:
    """Key of the newest finished evaluation of the model that serves on a test split. Not on
    people's drawings: those have been reviewed already."""
    run = Promotion.objects.order_by("-id").values_list("model__run", flat=True).first()
    done = Evaluation.objects.filter(run=run, split="test", status=Evaluation.Status.DONE)
    done = done.exclude(dataset__kind=Dataset.Kind.DRAWINGS).order_by("-id")
    return done.values_list("pk", flat=True).first()


def with_what_is_shown(subjects: QuerySet) -> QuerySet:
    """With the rows that the page of one item reads, but not their large fields."""
    if subjects.model is Drawing:
        return subjects.select_related("author", "share_link", "model")
    return subjects.select_related("evaluation__dataset", "evaluation__run__model_version").defer(
        *(f"evaluation__{name}" for name in _BULKY)
    )


def newest_standing_review(reviewer: User) -> Review | None:
    """The verdict that an undo would withdraw: every undo cancels the nearest older verdict."""
    withdrawn = 0
    for review in Review.objects.filter(reviewer=reviewer).order_by("-id").iterator(chunk_size=50):
        if review.verdict == Review.Verdict.UNDO:
            withdrawn += 1
        elif withdrawn:
            withdrawn -= 1
        else:
            return review
    return None


def _chosen(wanted: QueueFilter) -> Q:
    exact = {
        "label": wanted.label,
        "predicted_label": wanted.read,
        "author": wanted.author,
        "origin": wanted.origin or None,
        "device": wanted.device or None,
        # Not an exact match: Django writes that as a bare column, for which SQLite has no index.
        "disagrees__gt": False if wanted.disagreeing else None,
    }
    return Q(**{name: value for name, value in exact.items() if value is not None})


def _not_judged(waiting: QuerySet, reviewer: User, subject: str) -> QuerySet:
    """Without the rows on which a verdict of this reviewer stands.

    Asked row by row as the queue is walked, so it costs nothing for those that are never reached.
    Where one verdict settles, what waits has none.
    """
    if settings.REVIEWS_REQUIRED == 1:
        return waiting
    judged = (
        Review.objects.filter(reviewer=reviewer, **{subject: OuterRef("pk")})
        .order_by()
        .values(subject)
        .annotate(standing=Sum(Case(When(verdict=Review.Verdict.UNDO, then=-1), default=1)))
        .filter(standing__gt=0)
    )
    return waiting.exclude(Exists(judged))


def _first_free(reviewer: User, queue: QuerySet) -> Drawing | Misclassification | None:
    key = "drawing" if queue.model is Drawing else "misclassification"
    elsewhere = ReviewHold.objects.filter(
        until__gt=timezone.now(), **{f"{key}__isnull": False}
    ).exclude(reviewer=reviewer)
    # The key alone comes from the index; then one row is read.
    pk = queue.exclude(pk__in=elsewhere.values(key)).values_list("pk", flat=True).first()
    if pk is None:
        return None
    return with_what_is_shown(queue.model.objects.filter(pk=pk)).first()


def _capped(queue: QuerySet) -> int:
    # In their order: it is what leads SQLite to the index, where many rows have the same status.
    return queue.values("pk")[: COUNT_CAP + 1].count()
