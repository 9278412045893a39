"""REST: the review queue for programs."""

from typing import Literal

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema

from digitsite.accounts.api_access import ApiError, may
from digitsite.accounts.roles import Capability
from inference import review_queue
from inference.models import Drawing, Review
from inference.review_filter import Kind, QueueFilter, may_choose_author
from inference.review_item import is_blind, item_of
from inference.services import holds, reviews
from training.models import Misclassification

router = Router(tags=["review"])
Verdict = Review.Verdict


class QueueIn(Schema):
    """The filters of the Review page; all may be left out. `evaluation` takes test images of that
    one instead of production's newest; `author` is for administrators."""

    kind: Kind = Kind.ALL
    label: int | None = Field(None, ge=0, le=9)
    read: int | None = Field(None, ge=0, le=9)
    disagreeing: bool = False
    origin: Literal["", "pen", "upload"] = ""
    device: Literal["", *Drawing.Device.values] = ""
    author: int | None = None
    evaluation: int | None = None


class ItemOut(Schema):
    """A drawing or a misread test image; `picture` is a PNG of 28 x 28 as a data URI."""

    kind: Literal["drawing", "image"]
    id: int
    name: str
    label: int
    predicted_label: int
    confidence: float
    probabilities: list[float] | None
    model: str
    picture: str | None
    strokes: list | None


class NextOut(Schema):
    """`item` is null when nothing waits that others do not look at. `left` stops at 1,001."""

    item: ItemOut | None
    left: int


class VerdictIn(Schema):
    """`verdict` on a drawing: confirm, relabel (with `label`), ambiguous or reject; on an image:
    model_error, label_wrong (with `label`, if one can tell) or ambiguous."""

    kind: Literal["drawing", "image"]
    id: int
    verdict: str
    label: int | None = None


class ReviewOut(Schema):
    """The row that was added."""

    review: int
    kind: str
    id: int
    verdict: str
    label: int | None


@router.get("/review/next", response=NextOut, auth=may(Capability.REVIEW))
def next_item(request: HttpRequest, filters: Query[QueueIn]):
    """What waits for you, first what teaches most. It is kept from other reviewers for two
    minutes, and from you until you answer: asked again, the same item comes."""
    if filters.author is not None and not may_choose_author(request.auth):
        raise ApiError(403, "forbidden", "Only administrators choose by author, and not where a "
                       "blind second opinion is required.")  # fmt: skip
    wanted = QueueFilter(**filters.model_dump())
    item = item_of(holds.take_next(request.auth, wanted), blind=is_blind())
    return {
        "item": item
        and {
            "kind": item.field,
            "id": item.pk,
            "strokes": item.drawing and item.drawing.strokes,
            **{
                name: getattr(item, name)
                for name in ItemOut.model_fields
                if name not in ("kind", "id", "strokes")
            },
        },
        "left": review_queue.count_left(request.auth, wanted),
    }


@router.post("/review/verdict", response=ReviewOut, auth=may(Capability.REVIEW))
def give_verdict(request: HttpRequest, body: VerdictIn):
    """Add one verdict. 409 when the item was settled meanwhile or you have judged it already."""
    model, words, record = (
        (Drawing, reviews.DRAWING_VERDICTS, reviews.record_verdict)
        if body.kind == "drawing"
        else (
            Misclassification,
            reviews.MISCLASSIFICATION_VERDICTS,
            reviews.record_misclassification_verdict,
        )
    )
    if body.verdict not in words:
        raise ApiError(
            422,
            "invalid",
            f"A verdict on a {body.kind} is one of {', '.join(words)}.",
            field="verdict",
        )
    subject = model.objects.filter(pk=body.id).first()
    if subject is None:
        raise Http404(f"There is no {body.kind} {body.id}.")
    row = record(subject, reviewer=request.auth, verdict=Verdict(body.verdict), label=body.label)
    return _told(row)


@router.post("/review/undo", response=ReviewOut, auth=may(Capability.REVIEW))
def undo_verdict(request: HttpRequest):
    """Withdraw your newest verdict that stands; its item waits again. 409 when there is none."""
    row = reviews.undo(request.auth)
    if row is None:
        raise ApiError(409, "conflict", "There is nothing to undo.")
    return _told(row)


def _told(row: Review) -> dict:
    return {
        "review": row.pk,
        "kind": "drawing" if row.drawing_id else "image",
        "id": row.drawing_id or row.misclassification_id,
        "verdict": row.verdict,
        "label": row.label,
    }
