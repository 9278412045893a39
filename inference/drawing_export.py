"""Hands drawings out as a file: everybody's to administrators, one's own to anybody.

Not to reviewers: where a second opinion is blind, the file would tell them who drew what and what
others have said.
"""

from collections.abc import Iterator

from django.http import StreamingHttpResponse

from digitsite.accounts import limits
from digitsite.accounts.models import User
from inference.drawing_files import file_parts
from inference.drawing_rows import rows
from inference.models import Drawing
from training.dataset_export import as_download, known_format
from training.dataset_files import FORMATS


def export_own(format: str, *, by: User) -> StreamingHttpResponse:
    """All that `by` drew, as a download. Raises Http404 for a format there is not, and TooOften."""
    return _export(format, by, by)


def export_all(format: str, *, by: User) -> StreamingHttpResponse:
    """Everybody's drawings. The caller has checked that `by` administers."""
    return _export(format, None, by)


def _export(format: str, author: User | None, by: User) -> StreamingHttpResponse:
    known_format(format)
    limits.exports.take(by.pk)
    return as_download(drawing_parts(format, author), file_name(format, author), format)


def drawing_parts(format: str, author: User | None = None) -> Iterator[bytes]:
    """The bytes of the file; everybody's drawings without an author."""
    drawings = Drawing.objects.all() if author is None else Drawing.objects.filter(author=author)
    return file_parts(rows(drawings, for_admins=author is None), format)


def file_name(format: str, author: User | None = None) -> str:
    """Without the author's name, in which people may write anything."""
    owner = "" if author is None else f"-of-person-{author.pk}"
    return f"drawings{owner}.{FORMATS[format].ending}"
