"""From the files of an upload to a dataset: read, screened, stored, recorded."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage

from training import storage, upload_report
from training.ml.digits import Digits
from training.ml.uploads import LeftOut, Limits, LocalFile, Refused, read_upload
from training.models import Dataset, DatasetUpload
from training.services.datasets import store_content
from training.services.leak_guard import screen

Report = Callable[[str, float], None]
LEAK = "the same picture, exactly or nearly, is in a split that models are judged by"

READING_SHARE = 0.6


@dataclass(frozen=True)
class Made:
    """What an upload comes to. leaks: the leak guard's report, empty where it was not asked."""

    digits: Digits
    report: dict
    report_file: str
    leaks: dict


def limits() -> Limits:
    return Limits(
        members=settings.UPLOAD_MAX_MEMBERS,
        unpacked_bytes=settings.UPLOAD_MAX_UNPACKED_BYTES,
        ratio=settings.UPLOAD_MAX_RATIO,
        pixels=settings.UPLOAD_MAX_PIXELS,
    )


def make(upload: DatasetUpload, files: list[LocalFile], report: Report) -> Made:
    """Read the files, leave out what models are judged by, store what remains and the report.

    report: is told what is being done and the share, 0..1, that is done. Raises
    training.ml.uploads.Refused and ConnectionError.
    """
    reading = "Reading the images"
    contents = read_upload(
        files,
        limits(),
        alone=upload.split,
        report=lambda share: report(reading, READING_SHARE * share),
    )
    digits, left_out, leaks = contents.digits, list(contents.left_out), {}
    # Content that is a dataset already has been screened, and gives that dataset again.
    if not Dataset.objects.filter(digest=digits.digest).exists():
        report("Comparing with the images that models are judged by", READING_SHARE)
        screened = screen(digits)
        gone = np.setdiff1d(np.arange(len(digits.train_labels)), screened.kept_train_indices)
        left_out += [LeftOut(*contents.places["train"][index], LEAK) for index in gone.tolist()]
        digits, leaks = screened.digits, screened.report
        if not len(digits.train_labels) and not len(digits.test_labels):
            raise Refused("", "", f"Nothing is left of {len(gone):,} images: of each, {LEAK}.")
    report("Storing the dataset", 0.95)
    store_content(digits)
    summary = upload_report.summary(contents, left_out, upload.files)
    return Made(digits, summary, _store_report(left_out), leaks)


def _store_report(left_out: list[LeftOut]) -> str:
    """The name of the file, which its content gives; none where nothing was left out."""
    if not left_out:
        return ""
    content = upload_report.as_csv(left_out)
    name = f"upload-reports/{hashlib.sha256(content).hexdigest()}.csv"
    if not default_storage.exists(name):
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "report.csv"
            local.write_bytes(content)
            storage.store(name, local)
    return name
