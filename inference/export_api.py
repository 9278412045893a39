"""REST: drawings as files."""

from django.http import HttpRequest
from ninja import Router

from digitsite.accounts.api_access import may
from digitsite.accounts.roles import Capability
from inference.drawing_export import export_all, export_own

router = Router()


@router.get("/drawings/files/{str:format}", auth=may(Capability.DRAW), tags=["drawings"])
def export_drawings(request: HttpRequest, format: str):
    """All of one's own drawings with their strokes, as npz, zip or jsonl."""
    return export_own(format, by=request.auth)


@router.get("/drawings/files/all/{str:format}", auth=may(Capability.ADMINISTER), tags=["drawings"])
def export_all_drawings(request: HttpRequest, format: str):
    """Everybody's, with the authors' names. For administrators."""
    return export_all(format, by=request.auth)
