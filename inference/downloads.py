"""Streams a model's file to whoever may download it, from whatever storage holds it."""

from django.core.files.storage import default_storage
from django.http import Http404, StreamingHttpResponse

from digitsite.streaming import stored_chunks
from inference.model_files import FORMATS, stored_files
from inference.models import ModelVersion


def download(version: ModelVersion, format: str) -> StreamingHttpResponse:
    """The exported file under a name that tells the version. Raises Http404."""
    stored = {file.format: file for file in stored_files(version)}.get(format)
    if stored is None:
        raise Http404(f"{version} has no .{format} file.")
    if not default_storage.exists(stored.name):
        raise Http404(f"The .{format} file of {version} is missing from the storage.")
    return StreamingHttpResponse(
        stored_chunks(stored.name),
        content_type=FORMATS[format].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{stored.download_name}"',
            "Content-Length": str(default_storage.size(stored.name)),
            "ETag": f'"{stored.sha256}"',
            "Cache-Control": "private, no-cache",
        },
    )
