"""Opens a zip that may be hostile. Nothing is ever unpacked to the disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from training.ml.uploads.members import RATIO_FROM_BYTES, Limits, LocalFile, Refused, shown

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
"""What reading a damaged member raises."""

_COMMON = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END_64, _END_64_SIZE = b"PK\x06\x06", 56
_ENTRY_BYTES = 400
"""An entry of the directory has 46 bytes, its name, and rarely more than a few dozen besides."""


def open_archive(file: LocalFile, limits: Limits) -> zipfile.ZipFile:
    """The archive, once its directory keeps the limits and has no name that climbs out of it.

    Raises Refused.
    """
    size = file.path.stat().st_size
    directory = _directory_bytes(file.path, size)
    if directory is None:
        raise Refused(file.name, "", "expected a zip; its directory, at the end, is missing.")
    if directory > limits.members * _ENTRY_BYTES:
        raise Refused(file.name, "", f"expected at most {limits.members:,} members, got far more.")
    try:
        archive = zipfile.ZipFile(file.path)
    except (*DAMAGE, ValueError, struct.error) as error:
        raise Refused(
            file.name, "", f"expected a zip; its directory cannot be read ({shown(str(error))})."
        ) from error
    try:
        _check(archive, file.name, size, limits)
    except Refused:
        archive.close()
        raise
    return archive


def unreadable(info: zipfile.ZipInfo) -> str:
    """Why a member will not be read, or an empty text."""
    if info.flag_bits & 0x1:
        return "expected no password: this member is encrypted"
    if info.compress_type not in _COMMON:
        return "expected the usual compression of zip files (deflate)"
    return ""


def parts(info: zipfile.ZipInfo) -> list[str]:
    """Folders and name of a member; some programs write backslashes."""
    return info.orig_filename.replace("\\", "/").split("/")


def _check(archive: zipfile.ZipFile, name: str, size: int, limits: Limits) -> None:
    members = archive.infolist()
    if len(members) > limits.members:
        raise Refused(
            name, "", f"expected at most {limits.members:,} members, got {len(members):,}."
        )
    for info in members:
        folders = parts(info)
        if ".." in folders or folders[0] == "" or ":" in folders[0]:
            raise Refused(
                name,
                info.orig_filename,
                "expected names below the archive's own folder; this one leads out of it.",
            )
    total = sum(info.file_size for info in members)
    if total > limits.unpacked_bytes:
        raise Refused(
            name, "", f"expected at most {limits.unpacked_bytes:,} bytes unpacked, got {total:,}."
        )
    if total > RATIO_FROM_BYTES and total > limits.ratio * size:
        raise Refused(
            name,
            "",
            f"expected to unpack to at most {limits.ratio:g} times its size, got "
            f"{total / size:,.0f} times: this looks like a zip bomb.",
        )


def _directory_bytes(path: Path, size: int) -> int | None:
    """The size of the directory that zipfile would read into memory; None if there is none."""
    tail_size = min(size, _END_SIZE + 0xFFFF + _LOCATOR_SIZE)
    with path.open("rb") as file:
        file.seek(size - tail_size)
        tail = file.read(tail_size)
        at = tail.rfind(_END)
        if at < 0 or at + _END_SIZE > len(tail):
            return None
        (directory,) = struct.unpack_from("<L", tail, at + 12)
        locator = at - _LOCATOR_SIZE
        if locator < 0 or tail[locator : locator + 4] != _LOCATOR:
            return directory
        # zipfile believes the record right before the locator, wherever that says it is.
        file.seek(max(0, size - tail_size + locator - _END_64_SIZE))
        record = file.read(_END_64_SIZE)
        if len(record) < _END_64_SIZE or record[:4] != _END_64:
            return directory
        return struct.unpack_from("<Q", record, 40)[0]
