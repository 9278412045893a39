"""REST: datasets made of settled drawings."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from digitsite.accounts.api_access import may
from digitsite.accounts.roles import Capability
from inference.models import Snapshot
from inference.services.snapshots import DEFAULT_NAME, request_snapshot
from training.ml.mixing import DEFAULT_SMALL_SHARE

router = Router(tags=["snapshots"])


class SnapshotIn(Schema):
    """`mnist_share`: what share of the mixed training split MNIST makes up, from 0 to below 1."""

    mnist_share: float = 1 - DEFAULT_SMALL_SHARE
    name: str = DEFAULT_NAME


class SnapshotOut(Schema):
    """`drawings` and `mixed` are datasets, once `status` is done; `report.is_new` and
    `report.mixed_is_new` say whether their content is."""

    id: int
    status: str
    name: str
    mnist_share: float
    drawings: int | None
    mixed: int | None
    report: dict[str, Any]
    error: str
    created_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_drawings(snapshot: Snapshot) -> int | None:
        return snapshot.drawings_id

    @staticmethod
    def resolve_mixed(snapshot: Snapshot) -> int | None:
        return snapshot.mixed_id


@router.get("/snapshots", response=list[SnapshotOut], auth=may(Capability.BROWSE))
@paginate(LimitOffsetPagination)
def list_snapshots(request: HttpRequest):
    """Newest first."""
    return Snapshot.objects.all()


@router.post("/snapshots", response={202: SnapshotOut}, auth=may(Capability.LAUNCH_RUNS))
def create_snapshot(request: HttpRequest, body: SnapshotIn):
    """Ask for datasets of the settled drawings: one of them alone, one mixed with MNIST.

    A worker makes them; ask for the snapshot again until `status` is done or failed.
    """
    return Status(202, request_snapshot(request.auth, mnist_share=body.mnist_share, name=body.name))


@router.get("/snapshots/{int:pk}", response=SnapshotOut, auth=may(Capability.BROWSE))
def get_snapshot(request: HttpRequest, pk: int):
    snapshot = Snapshot.objects.filter(pk=pk).first()
    if snapshot is None:
        raise Http404(f"There is no snapshot {pk}.")
    return snapshot
