"""Uploads of datasets: received by the web process, read by a worker, each once, and told."""

import errno
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from digitsite.accounts.models import User
from training import storage, wakeups
from training.ml.uploads import LocalFile, Refused, shown
from training.models import Dataset, DatasetUpload
from training.services import upload_work
from training.services.datasets import DatasetUnreadable, add_dataset
from training.services.upload_texts import Texts, UploadError

__all__ = ["Texts", "UploadError"]

logger = logging.getLogger(__name__)

Status = DatasetUpload.Status
UNFINISHED = (Status.RECEIVING, Status.PENDING, Status.RUNNING)
MOST_FILES = 8
MOST_AT_ONCE = 4
"""Uploads of one person that may wait or be read; each of them fills the storage."""

MOST_ATTEMPTS = 3
UNHEARD = timedelta(seconds=15)
"""After this long without an attempt, the wake-up counts as lost."""

SILENCE = timedelta(minutes=10)
"""Who reads an upload reports every second, but for the comparison with what models are judged by.
After this long without a word the work is free again."""

RECEIVING = timedelta(hours=2)
"""Longer than any web process takes to put files into the storage."""

_REPORT_EVERY_SECONDS = 1.0


class _TakenOver(Exception):
    """Somebody else has claimed the work meanwhile."""


def request_upload(by: User, files: Iterable[UploadedFile], texts: Texts) -> DatasetUpload:
    """Keep the files and ask a worker to make a dataset of them.

    The commit of the row as pending is the promise. Raises UploadError.
    """
    files = list(files)
    _check_files([(file.name or "", file.size or 0) for file in files])
    _check_name(texts.name)
    if DatasetUpload.objects.filter(owner=by, status__in=UNFINISHED).count() >= MOST_AT_ONCE:
        raise UploadError(
            f"{MOST_AT_ONCE} of your uploads are not finished yet: wait for one of them."
        )
    folder = f"uploads/{uuid.uuid4()}"
    upload = DatasetUpload.objects.create(
        owner=by,
        files=[
            {"name": shown(file.name), "stored": f"{folder}/{number}", "bytes": file.size}
            for number, file in enumerate(files)
        ],
        files_stored=True,  # from now on, perhaps
        **texts.fields(),
    )
    try:
        for file, row in zip(files, upload.files, strict=True):
            with _on_disk(file) as path:
                storage.store(row["stored"], path)
    except OSError as error:
        logger.warning("event=upload-not-stored upload=%d reason=%s", upload.pk, error)
        sentence = _sentence(error)
        _fail(DatasetUpload.objects.filter(pk=upload.pk), sentence)
        raise UploadError(sentence) from error
    with transaction.atomic():
        DatasetUpload.objects.filter(pk=upload.pk, status=Status.RECEIVING).update(
            status=Status.PENDING, created_at=timezone.now()
        )
        transaction.on_commit(lambda: _wake(upload.pk))
    upload.refresh_from_db()
    return upload


def import_files(by: User | None, paths: Iterable[Path], texts: Texts) -> DatasetUpload:
    """Make a dataset of files of this machine here and now. Raises UploadError."""
    paths = list(paths)
    for path in paths:
        if not path.is_file():
            raise UploadError(f"There is no file {path}.")
    _check_files([(path.name, path.stat().st_size) for path in paths])
    _check_name(texts.name)
    upload = DatasetUpload.objects.create(
        owner=by,
        files=[
            {"name": shown(path.name), "stored": "", "bytes": path.stat().st_size} for path in paths
        ],
        status=Status.RUNNING,
        attempt=1,
        beat_at=timezone.now(),
        **texts.fields(),
    )
    locals_ = [LocalFile(row["name"], path) for row, path in zip(upload.files, paths, strict=True)]
    _attempt(upload, lambda: _made(upload, locals_))
    upload.refresh_from_db()
    if upload.status != Status.DONE:
        raise UploadError(upload.error)
    return upload


def left_out(upload: DatasetUpload) -> bytes | None:
    """The whole list of what was left out, as CSV; None where there is none.

    Raises OSError where the storage does not have it or is away.
    """
    if not upload.report_file:
        return None
    with upload.report_file.open("rb") as file:
        return file.read()


def import_upload(upload_id: int) -> None:
    """Read an upload that waits or whose reader is silent; any other stays as it is.

    Safe to repeat. A failure is recorded in its row; one that nobody foresaw is raised, too.
    """
    upload = _claim(upload_id)
    if upload is None:
        return
    _attempt(upload, lambda: storage.patiently(lambda: _from_storage(upload)))


def look_after(sender: object, now: datetime, **kwargs) -> None:
    """Receiver of training.signals.keeper_ticked: lost wake-ups, dead readers, files to remove."""
    rows = DatasetUpload.objects.all()
    broken_off = rows.filter(status=Status.RECEIVING, created_at__lt=now - RECEIVING)
    _fail(broken_off, "The upload broke off before all of it was there. Upload it again.")
    for upload in rows.filter(files_stored=True, status__in=(Status.DONE, Status.FAILED)):
        _remove_files(upload)
    waiting = rows.filter(
        Q(status=Status.PENDING, created_at__lt=now - UNHEARD)
        | Q(status=Status.RUNNING, beat_at__lt=now - SILENCE)
    )
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    if ids and wakeups.waiting(wakeups.DEFAULT_QUEUE) == 0:
        for upload_id in ids:
            if not _wake(upload_id):
                return


def _wake(upload_id: int) -> bool:
    return wakeups.wake_default("training.tasks.import_upload", upload_id)


def _check_files(files: list[tuple[str, int]]) -> None:
    if not 1 <= len(files) <= MOST_FILES:
        raise UploadError(f"Choose 1 to {MOST_FILES} files, got {len(files)}.")
    total = sum(size for _, size in files)
    if total > settings.UPLOAD_MAX_BYTES:
        raise UploadError(
            f"An upload has at most {settings.UPLOAD_MAX_BYTES:,} bytes, got {total:,}."
        )


def _check_name(name: str) -> None:
    others = Dataset.objects.filter(name=name).exclude(kind=Dataset.Kind.UPLOAD)
    if others.exists():
        raise UploadError(f"There is another dataset called {name}: choose another name.")


def _claim(upload_id: int) -> DatasetUpload | None:
    """The row with the number of our attempt, or None where there is nothing to do."""
    now = timezone.now()
    silent = Q(status=Status.RUNNING, beat_at__lt=now - SILENCE)
    free = DatasetUpload.objects.filter(Q(status=Status.PENDING) | silent, pk=upload_id)
    if _fail(
        free.filter(attempt__gte=MOST_ATTEMPTS),
        f"The worker died {MOST_ATTEMPTS} times over this upload, perhaps for want of memory. "
        "Upload it in smaller parts.",
    ):
        return None
    with transaction.atomic():
        claimed = free.update(
            status=Status.RUNNING, attempt=F("attempt") + 1, beat_at=now, progress={}
        )
        return DatasetUpload.objects.get(pk=upload_id) if claimed else None


def _held(upload: DatasetUpload):
    return DatasetUpload.objects.filter(pk=upload.pk, status=Status.RUNNING, attempt=upload.attempt)


def _attempt(upload: DatasetUpload, work) -> None:
    try:
        work()
    except _TakenOver:
        logger.warning("event=upload-taken-over %s attempt=%d", upload, upload.attempt)
        return
    except (Refused, UploadError) as error:
        _fail(_held(upload), str(error))
    except Exception as error:
        _fail(_held(upload), _sentence(error))
        raise
    finally:
        upload.refresh_from_db()
        if upload.is_over:
            _remove_files(upload)


def _from_storage(upload: DatasetUpload) -> None:
    with _workspace(upload) as folder:
        files = []
        for number, row in enumerate(upload.files):
            path = folder / str(number)
            storage.fetch(row["stored"], path)
            files.append(LocalFile(row["name"], path))
        _made(upload, files)


def _made(upload: DatasetUpload, files: list[LocalFile]) -> None:
    told_at = -_REPORT_EVERY_SECONDS

    def report(stage: str, share: float) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at < _REPORT_EVERY_SECONDS and stage == upload.progress.get("stage"):
            return
        told_at = now
        upload.progress = {"stage": stage, "share": round(share, 3)}
        if not _held(upload).update(progress=upload.progress, beat_at=timezone.now()):
            raise _TakenOver

    made = upload_work.make(upload, files, report)
    for attempts_left in (2, 1, 0):
        try:
            _record(upload, made)
            return
        except IntegrityError:  # another dataset of this name was added at the same moment
            if not attempts_left:
                raise


@transaction.atomic
def _record(upload: DatasetUpload, made: upload_work.Made) -> None:
    """The dataset and the end of the upload, in one commit."""
    _check_name(upload.name)
    is_new = not Dataset.objects.filter(digest=made.digits.digest).exists()
    former = Dataset.objects.filter(name=upload.name).order_by("-version").first()
    report = {"import": {key: made.report[key] for key in made.report if key != "first"}}
    if made.leaks:
        report["leaks"] = made.leaks
    names = ", ".join(file["name"] for file in upload.files)
    dataset = add_dataset(
        made.digits,
        name=upload.name,
        kind=Dataset.Kind.UPLOAD,
        source=(upload.source or f"Uploaded: {names}")[:300],
        licence=upload.licence,
        description=upload.description,
        parents=[former] if former else [],
        report=report,
        created_by=upload.owner,
    )
    done = _held(upload).update(
        status=Status.DONE,
        error="",
        progress={},
        dataset=dataset,
        is_new=is_new,
        report=made.report,
        report_file=made.report_file,
        finished_at=timezone.now(),
    )
    if not done:
        raise _TakenOver
    logger.info("event=upload-imported %s dataset=%s is_new=%s", upload, dataset, is_new)


def _fail(rows, sentence: str) -> int:
    return rows.exclude(status__in=(Status.DONE, Status.FAILED)).update(
        status=Status.FAILED, error=sentence[:500], progress={}, finished_at=timezone.now()
    )


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Ask an administrator to free some space, then upload it again."
    if isinstance(error, ConnectionError):
        return "The file storage did not answer for too long. Upload it again when it is back."
    if isinstance(error, MemoryError):
        return "Reading it needs more memory than the worker has. Upload it in smaller parts."
    if isinstance(error, DatasetUnreadable):
        return f"A dataset to compare it with cannot be read: {error}."
    return (
        f"Reading it stopped with an error ({type(error).__name__}). Administrators find more in "
        "the log of worker-default."
    )


def _remove_files(upload: DatasetUpload) -> None:
    """What is over needs no files; from a storage that is away the keeper removes them later."""
    if not upload.files_stored:
        return
    try:
        storage.delete(row["stored"] for row in upload.files)
        storage.drop_unfinished(str(Path(upload.files[0]["stored"]).parent))
    except OSError as error:
        logger.warning("event=upload-files-stay %s reason=%s", upload, error)
        return
    DatasetUpload.objects.filter(pk=upload.pk).update(files_stored=False)


@contextmanager
def _on_disk(file: UploadedFile) -> Iterator[Path]:
    """Where Django has put a large file, or a copy of a small one."""
    if hasattr(file, "temporary_file_path"):
        yield Path(file.temporary_file_path())
        return
    with tempfile.NamedTemporaryFile() as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def _workspace(upload: DatasetUpload) -> Iterator[Path]:
    """A folder of this attempt that is gone afterwards; so is what a dead one left here."""
    parent = settings.HOME / "work"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"upload-{upload.pk}-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"upload-{upload.pk}-", dir=parent) as path:
        yield Path(path)
