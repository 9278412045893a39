"""Checkpoints: one file an epoch, atomic, checksummed; the newest two are kept.

A file is a first line, `digitsite-checkpoint 1 <SHA-256 of the rest> <bytes of the rest>`, then a
NumPy .npz of the arrays, with the metadata as JSON in the array `meta`. Nothing in it is executed.
"""

import hashlib
import io
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KEPT = 2
_MAGIC = "digitsite-checkpoint 1"
_NAME = re.compile(r"epoch-(\d{5})\.ckpt")
logger = logging.getLogger(__name__)


class UnsoundCheckpoint(ValueError):
    """The file is cut short or its content is not what was written."""


@dataclass(frozen=True)
class Checkpoint:
    """Where training stands after `epoch` whole epochs: arrays in a fixed order, and JSON."""

    epoch: int
    arrays: list[np.ndarray]
    meta: dict[str, Any]


def save(directory: Path, checkpoint: Checkpoint) -> Path:
    """Write durably (temporary name, fsync, rename, fsync of the folder), then keep the newest two.

    Files of later epochs go too: training would have gone on from them, were they sound.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"epoch-{checkpoint.epoch:05d}.ckpt"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(_pack(checkpoint))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _fsync_folder(directory)
    numbered = _numbered(directory)
    past = [old for epoch, old in numbered if epoch <= checkpoint.epoch]
    unsound = [later for epoch, later in numbered if epoch > checkpoint.epoch]
    for superseded in past[:-KEPT] + unsound:
        superseded.unlink(missing_ok=True)
    return path


def load(path: Path) -> Checkpoint:
    """Read one file. Raises UnsoundCheckpoint if a byte is missing or changed."""
    first, _, body = path.read_bytes().partition(b"\n")
    parts = first.decode("ascii", "replace").rsplit(" ", 2)
    if len(parts) != 3 or parts[0] != _MAGIC:
        raise UnsoundCheckpoint(f"{path.name} is not a checkpoint of this version")
    if parts[2] != str(len(body)):
        raise UnsoundCheckpoint(f"{path.name}: expected {parts[2]} bytes, got {len(body)}")
    if hashlib.sha256(body).hexdigest() != parts[1]:
        raise UnsoundCheckpoint(f"{path.name}: the content does not have its checksum")
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        meta = json.loads(stored["meta"].tobytes())
        arrays = [stored[f"array_{i:04d}"] for i in range(len(stored.files) - 1)]
    return Checkpoint(meta.pop("epoch"), arrays, meta)


def newest(directory: Path) -> Checkpoint | None:
    """The newest sound checkpoint; unsound ones are skipped with a warning in the log."""
    for _, path in reversed(_numbered(directory)):
        try:
            return load(path)
        except (UnsoundCheckpoint, OSError, ValueError) as error:
            logger.warning("skipping a checkpoint: %s", error)
    return None


def _pack(checkpoint: Checkpoint) -> bytes:
    meta = json.dumps({**checkpoint.meta, "epoch": checkpoint.epoch}, sort_keys=True).encode()
    named = {f"array_{i:04d}": array for i, array in enumerate(checkpoint.arrays)}
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.frombuffer(meta, dtype=np.uint8), **named)
    body = buffer.getvalue()
    return f"{_MAGIC} {hashlib.sha256(body).hexdigest()} {len(body)}\n".encode() + body


def _numbered(directory: Path) -> list[tuple[int, Path]]:
    if not directory.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def _fsync_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
