"""Durable files in the default storage: whole or not there at all.

A storage that is away raises ConnectionError; `patiently` waits for it to come back.
"""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from training import crash_points

logger = logging.getLogger(__name__)

T = TypeVar("T")


def patiently(action: Callable[[], T], *, give_up: Callable[[], bool] = lambda: False) -> T:
    """Do it; while the storage is away do it again, for FILES_PATIENCE_SECONDS at most.

    The action may be repeated after a part of it. Raises the last ConnectionError when patience
    ends or `give_up` says so.
    """
    deadline = time.monotonic() + settings.FILES_PATIENCE_SECONDS
    pause_seconds = 0.1
    while True:
        try:
            return action()
        except ConnectionError as error:
            if give_up() or time.monotonic() + pause_seconds > deadline:
                raise
            logger.warning("event=storage-away reason=%s", error)
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, 1.0)


def store(name: str, source: Path) -> None:
    """Copy a file into the storage under exactly this name.

    On a local disk: temporary name, fsync, rename, fsync of the folder, so that a reader or a
    crash sees all of it or nothing. Elsewhere the storage's own save, which is atomic for objects.

    Raises OSError, for instance when the disk is full (nothing is left behind then), and
    ConnectionError when the storage is away.
    """
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:
        crash_points.reached("half-stored")
        with source.open("rb") as file:
            kept = default_storage.save(name, File(file))
        if kept != name:
            raise FileExistsError(f"{name} was there already, the storage chose {kept}") from None
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with source.open("rb") as reader, part.open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            crash_points.reached("half-stored")
            writer.flush()
            os.fsync(writer.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _fsync_folder(target.parent)


def fetch(name: str, target: Path) -> None:
    """Copy a stored file to a local path. Raises FileNotFoundError and ConnectionError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with default_storage.open(name, "rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)


def names_in(folder: str) -> list[str]:
    """Full names of the files of a stored folder, sorted; none if it does not exist."""
    try:
        _, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(f"{folder}/{file}" for file in files if not file.startswith("."))


def delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)


def drop_unfinished(folder: str) -> None:
    """Remove what processes that died while storing left in a folder that is ours alone.

    The folder goes too if nothing is left in it.
    """
    try:
        local = Path(default_storage.path(folder))
    except NotImplementedError:
        return  # an object appears whole or not at all
    for part in local.glob(".*.part"):
        part.unlink(missing_ok=True)
    with suppress(OSError):
        local.rmdir()


def sha256_of(path: Path) -> str:
    """SHA-256, in hex, of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
