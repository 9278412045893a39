"""Streams a model's file to whoever may download it, from whatever storage holds it."""

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import Http404, StreamingHttpResponse

from inference.model_files import FORMATS, stored_files
from inference.models import ModelVersion

CHUNK_BYTES = 256 * 1024


def download(version: ModelVersion, format: str) -> StreamingHttpResponse:
    """The exported file under a name that tells the version. Raises Http404."""
    stored = {file.format: file for file in stored_files(version)}.get(format)
    if stored is None:
        raise Http404(f"{version} has no .{format} file.")
    if not default_storage.exists(stored.name):
        raise Http404(f"The .{format} file of {version} is missing from the storage.")
    return StreamingHttpResponse(
        _chunks(stored.name),
        content_type=FORMATS[format].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{stored.download_name}"',
            "Content-Length": str(default_storage.size(stored.name)),
            "ETag": f'"{stored.sha256}"',
            "Cache-Control": "private, no-cache",
        },
    )


async def _chunks(name: str) -> AsyncIterator[bytes]:
    """Opened only when somebody reads: a client that left before leaves no open file."""
    file = await sync_to_async(default_storage.open, thread_sensitive=False)(name)
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while chunk := await read(CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
