"""Files of a run in the storage, under `runs/<run>/`.

`checkpoints/epoch-00003-fence-000002.ckpt` and `<fence>/model.onnx`: a claim writes only names
that carry its own fence, so that a trainer which has lost its claim overwrites nobody's file.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from training import storage
from training.services.claims import Claim

CHECKPOINTS_KEPT = 2
_CHECKPOINT = re.compile(r"epoch-(\d{5})-fence-(\d{6,})\.ckpt")


class ExportedFile(Protocol):
    path: Path
    sha256: str
    bytes: int


def store_checkpoint(claim: Claim, file: Path) -> str:
    """Make the trainer's newest checkpoint durable; its name in the storage."""
    name = f"{_checkpoints_of(claim)}/{file.stem}-fence-{claim.fence:06d}.ckpt"
    storage.store(name, file)
    return name


def fetch_checkpoints(pointer: str, folder: Path) -> None:
    """Bring the checkpoint that a run points to, and the one before it, to a local folder.

    What cannot be read is left out: the trainer then goes back by one, at the worst to the start.
    """
    if not pointer:
        return
    for name in _up_to(pointer)[-CHECKPOINTS_KEPT:]:
        epoch = _key(name)[0]
        with suppress(FileNotFoundError):
            storage.fetch(name, folder / f"epoch-{epoch:05d}.ckpt")


def drop_older_checkpoints(claim: Claim, pointer: str) -> None:
    """Keep the newest two up to the pointer; what older claims left, whole or half, goes too."""
    kept = set(_up_to(pointer)[-CHECKPOINTS_KEPT:])
    storage.delete(
        name
        for name in storage.names_in(_checkpoints_of(claim))
        if name not in kept and _key(name) and _key(name)[1] <= claim.fence
    )
    storage.drop_unfinished(_checkpoints_of(claim))


def store_artifacts(claim: Claim, files: Mapping[str, ExportedFile]) -> dict[str, dict]:
    """Make the exported files durable; {"onnx": {"name", "sha256", "bytes"}, ...}."""
    artifacts = {}
    for kind, file in files.items():
        name = f"runs/{claim.run_id}/{claim.fence}/{file.path.name}"
        storage.store(name, file.path)
        artifacts[kind] = {"name": name, "sha256": file.sha256, "bytes": file.bytes}
    return artifacts


def drop_other_artifacts(claim: Claim) -> None:
    """After success: remove what claims that died in the middle of exporting have left."""
    for fence in range(1, claim.fence):
        folder = f"runs/{claim.run_id}/{fence}"
        storage.delete(storage.names_in(folder))
        storage.drop_unfinished(folder)


def _checkpoints_of(claim: Claim) -> str:
    return f"runs/{claim.run_id}/checkpoints"


def _up_to(pointer: str) -> list[str]:
    """The pointer's file and, of each earlier epoch, the one of the highest fence; oldest first."""
    newest: dict[int, str] = {}
    for name in storage.names_in(pointer.rpartition("/")[0]):
        key = _key(name)
        if key and key <= _key(pointer):
            newest[key[0]] = name  # names are sorted: the highest fence of an epoch comes last
    newest[_key(pointer)[0]] = pointer
    return [newest[epoch] for epoch in sorted(newest)]


def _key(name: str) -> tuple[int, int] | None:
    """(epoch, fence) of a checkpoint's name."""
    match = _CHECKPOINT.fullmatch(name.rpartition("/")[2])
    return (int(match[1]), int(match[2])) if match else None
