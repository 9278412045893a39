"""REST: uploading datasets."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import File, Form, Router, Schema, Status
from ninja.files import UploadedFile

from digitsite.accounts import limits
from digitsite.accounts.api_access import may
from digitsite.accounts.roles import Capability
from training.api import router as datasets_router
from training.models import DatasetUpload
from training.services import dataset_uploads
from training.services.dataset_uploads import Texts

router = Router(tags=["datasets"])
"""All but the route of the upload itself, whose path the list of datasets has too."""


class UploadIn(Schema):
    """`split` is what all images are for where the files name no splits."""

    name: str
    licence: str = ""
    source: str = ""
    description: str = ""
    split: Literal["train", "test"] = "train"


class UploadOut(Schema):
    """`dataset` is there once `status` is done. `report` tells what was left out, the first 100
    members by name; `/left-out.csv` has them all."""

    id: int
    status: str
    progress: dict[str, Any]
    error: str
    name: str
    files: list[dict[str, Any]]
    dataset: int | None
    is_new: bool
    report: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_dataset(upload: DatasetUpload) -> int | None:
        return upload.dataset_id

    @staticmethod
    def resolve_files(upload: DatasetUpload) -> list[dict[str, Any]]:
        return [{"name": file["name"], "bytes": file["bytes"]} for file in upload.files]


@datasets_router.post(
    "/datasets",
    response={202: UploadOut},
    auth=may(Capability.LAUNCH_RUNS),
    tags=["datasets"],
)
def upload_dataset(request: HttpRequest, file: File[list[UploadedFile]], body: Form[UploadIn]):
    """Upload a dataset, as `multipart/form-data`: a `.npz`, IDX files, a zip of class folders, CSV.

    `file` may be there several times, for the files of images and labels of IDX. A worker reads
    them; ask for the upload again until `status` is done or failed.
    """
    limits.uploads.take(request.auth.pk)
    texts = Texts(**body.model_dump())
    return Status(202, dataset_uploads.request_upload(request.auth, file, texts))


@router.get("/datasets/uploads/{int:pk}", response=UploadOut, auth=may(Capability.LAUNCH_RUNS))
def get_upload(request: HttpRequest, pk: int):
    return _upload(pk)


@router.get("/datasets/uploads/{int:pk}/left-out.csv", auth=may(Capability.LAUNCH_RUNS))
def get_left_out(request: HttpRequest, pk: int):
    """Every member that was left out: file, place, and what was expected of it."""
    try:
        content = dataset_uploads.left_out(_upload(pk))
    except OSError as error:
        raise Http404("The list is missing from the storage.") from error
    return HttpResponse(content or b"file,place,reason\r\n", content_type="text/csv")


def _upload(pk: int) -> DatasetUpload:
    upload = DatasetUpload.objects.filter(pk=pk).first()
    if upload is None:
        raise Http404(f"There is no upload {pk}.")
    return upload
