"""Drawings as plain rows for files, some at a time, so that their number does not matter."""

from collections.abc import Iterator

from django.db.models import QuerySet

from inference.models import Drawing

FETCHED = 500
_FIELDS = (
    "pk",
    "label",
    "settled_label",
    "predicted_label",
    "status",
    "fold",
    "device",
    "origin",
    "contract_id",
    "model__number",
    "author__username",
    "share_link",
    "created_at",
    "image",
    "strokes",
)


def rows(drawings: QuerySet[Drawing], *, for_admins: bool) -> Iterator[list[dict]]:
    """Lists of at most FETCHED rows, in the order of their numbers, each with one query.

    A row has
        id, created_at (datetime)
        label            0..9: what the reviews settled on, else what its author says
        author_label     0..9: what its author says
        settled_label    0..9, or None while no review has settled it
        predicted_label  0..9: what the model said when it was drawn
        status           of Drawing.Status; that reviewers differ is told to admins only, to others
                         such a drawing waits
        author           a name; link:12 for visitors of share link 12
        fold, device, origin, contract, model (a version's number)
        image            784 bytes, row by row
        strokes          [[[x, y, milliseconds], ...], ...], 0..1, y down; [] of an uploaded picture
    """
    newest = drawings.order_by("-pk").values_list("pk", flat=True).first() or 0
    last = 0
    while found := list(
        drawings.filter(pk__gt=last, pk__lte=newest).order_by("pk").values(*_FIELDS)[:FETCHED]
    ):
        last = found[-1]["pk"]
        yield [_row(values, for_admins) for values in found]


def _row(values: dict, for_admins: bool) -> dict:
    settled = values["settled_label"]
    status = values["status"]
    if status == Drawing.Status.DISPUTED and not for_admins:
        status = Drawing.Status.PENDING
    return {
        "id": values["pk"],
        "label": values["label"] if settled is None else settled,
        "author_label": values["label"],
        "settled_label": settled,
        "predicted_label": values["predicted_label"],
        "status": str(status),
        "author": values["author__username"] or f"link:{values['share_link']}",
        "fold": values["fold"],
        "device": values["device"],
        "origin": values["origin"],
        "contract": values["contract_id"],
        "model": values["model__number"],
        "created_at": values["created_at"],
        "image": bytes(values["image"]),
        "strokes": values["strokes"],
    }
