"""Hands a dataset out as a file, over the web or into a folder."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.http import Http404, StreamingHttpResponse
from django.utils.text import slugify

from digitsite.accounts import limits
from digitsite.accounts.models import User
from digitsite.streaming import made_in_threads
from training.dataset_files import FORMATS, file_parts
from training.dataset_pictures import SPLITS
from training.models import Dataset
from training.services.datasets import DatasetUnreadable, load_digits

NAME_MAX = 60


def export(
    dataset: Dataset, format: str, split: str | None = None, *, by: User
) -> StreamingHttpResponse:
    """The file as a download. split: train or test; both if None or empty.

    Raises Http404 for a format or a split there is not and for a dataset whose file is lost, and
    digitsite.accounts.rate.TooOften.
    """
    known_format(format)
    if split and split not in SPLITS:
        raise Http404(f"There is no split {split!r}; there are {' and '.join(SPLITS)}.")
    limits.exports.take(by.pk)
    try:
        parts = dataset_parts(dataset, format, split)
    except DatasetUnreadable as error:
        raise Http404(f"{dataset} cannot be exported: {error}.") from error
    return as_download(parts, file_name(dataset, format, split), format)


def known_format(format: str) -> None:
    """Raises Http404 for a format that nothing is exported in."""
    if format not in FORMATS:
        raise Http404(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")


def dataset_parts(dataset: Dataset, format: str, split: str | None = None) -> Iterator[bytes]:
    """The bytes of the file; the dataset is read now. Raises DatasetUnreadable."""
    about = f"{dataset}, SHA-256 {dataset.digest}. Source: {dataset.source}. " + (
        f"Licence: {dataset.licence}." if dataset.licence else "No licence is stated."
    )
    return file_parts(load_digits(dataset), format, split or None, about)


def file_name(dataset: Dataset, format: str, split: str | None = None) -> str:
    """Safe on every system: small letters, digits, - and one dot."""
    name = slugify(dataset.name)[:NAME_MAX].strip("-_") or "dataset"
    end = f"-{split}" if split else ""
    return f"{name}-v{dataset.version}{end}.{FORMATS[format].ending}"


def as_download(parts: Iterator[bytes], name: str, format: str) -> StreamingHttpResponse:
    """An attachment that is made while it is sent."""
    return StreamingHttpResponse(
        made_in_threads(parts),
        content_type=FORMATS[format].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def write_file(parts: Iterator[bytes], target: Path) -> int:
    """The whole file or none of it; how many bytes it has. Raises OSError."""
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in parts:
                file.write(chunk)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)
    return size
