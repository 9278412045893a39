"""Files in a bucket that speaks S3, with the errors that a file on a disk would raise.

Whoever reads a file need not know where it is: FileNotFoundError, PermissionError and OSError mean
what they mean elsewhere, and ConnectionError says that the storage is away and may come back.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto
from botocore.config import Config
from django.core.files import File
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3File, S3Storage

# An object up to this size is one PUT: there at once and whole, or not at all. Above it the parts
# become an object when the last one has arrived, which is as whole.
SINGLE_PUT_BYTES = 64 * 1024 * 1024
_NO_KEYS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
)
_AWAY = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    RetriesExceededError,
)
_AWAY_CODES = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "TooManyRequests"}
_FULL_CODES = {"XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"}


class ObjectStorage(S3Storage):
    """The default storage where DIGITSITE_FILES_URL names a bucket. Safe to share by threads."""

    def __init__(self, **options):
        endpoint = options.get("endpoint_url")
        config = Config(
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "max_attempts": 3},
            signature_version="s3v4",
            # Servers of one's own rarely have a host name for each bucket, and some do not know
            # the checksums which boto3 adds to every request since 2025.
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            **options,
            client_config=config,
            transfer_config=TransferConfig(multipart_threshold=SINGLE_PUT_BYTES, use_threads=False),
        )
        self._buckets = threading.local()

    @property
    def bucket(self):
        """Of this thread: boto3's resources are not made to be shared."""
        bucket = getattr(self._buckets, "bucket", None)
        if bucket is None:
            bucket = self._buckets.bucket = self.connection.Bucket(self.bucket_name)
        return bucket

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError(f"Objects are read with open() and written with save(), not {mode!r}.")
        with _errors_of_a_disk(name):
            return _ObjectFile(self._normalize_name(name), mode, self)

    def _save(self, name: str, content: File) -> str:
        with _errors_of_a_disk(name):
            return super()._save(name, content)

    def delete(self, name: str) -> None:
        with _errors_of_a_disk(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _errors_of_a_disk(name):
            return super().exists(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _errors_of_a_disk(path):
            return super().listdir(path)

    def size(self, name: str) -> int:
        with _errors_of_a_disk(name):
            return super().size(name)


class _ObjectFile(S3File):
    """Downloads on the first read."""

    def _get_file(self):
        with _errors_of_a_disk(self.name):
            try:
                return super()._get_file()
            except BaseException:
                if self._file is not None:  # begun, and never to be read
                    self._file.close()
                    self._file = None
                raise

    file = property(_get_file, S3File._set_file)


@contextmanager
def _errors_of_a_disk(name: str) -> Iterator[None]:
    try:
        yield
    except boto.ClientError as error:
        raise _as_os_error(error, name) from error
    except _NO_KEYS as error:
        raise PermissionError(errno.EACCES, "no keys for the file storage", name) from error
    except _AWAY as error:
        raise ConnectionError(f"the file storage does not answer ({error})") from error
    except boto.BotoCoreError as error:
        raise OSError(errno.EIO, f"the file storage cannot be used ({error})", name) from error


def _as_os_error(error: boto.ClientError, name: str) -> OSError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return OSError(errno.ENXIO, "the bucket of the file storage does not exist", name)
    if status == 507 or code in _FULL_CODES:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    if status >= 500 or status == 429 or code in _AWAY_CODES:
        return ConnectionError(f"the file storage is not ready ({error})")
    if status == 404:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"the file storage refuses ({code})", name)
    return OSError(errno.EIO, f"the file storage refuses ({error})", name)
