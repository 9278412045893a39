"""Checkpoints in the storage: `runs/<run>/checkpoints/epoch-00003-fence-000002.ckpt`.

A claim writes only names that carry its own fence, so that a trainer which has lost its claim
overwrites nobody's file.
"""

import re
from contextlib import suppress
from pathlib import Path

from training import storage
from training.services.claims import Claim

KEPT = 2
_NAME = re.compile(r"epoch-(\d{5})-fence-(\d{6,})\.ckpt")


def store(claim: Claim, file: Path) -> str:
    """Make the trainer's newest checkpoint durable; its name in the storage."""
    name = f"runs/{claim.run_id}/checkpoints/{file.stem}-fence-{claim.fence:06d}.ckpt"
    storage.store(name, file)
    return name


def fetch(pointer: str, folder: Path) -> None:
    """Bring the checkpoint that a run points to, and the one before it, to a local folder.

    What cannot be read is left out: the trainer then goes back by one, at the worst to the start.
    """
    if not pointer:
        return
    for name in _up_to(pointer)[-KEPT:]:
        epoch = _key(name)[0]
        with suppress(FileNotFoundError):
            storage.fetch(name, folder / f"epoch-{epoch:05d}.ckpt")


def drop_older(run_id: int, pointer: str) -> None:
    """Keep the newest two up to the pointer, and nothing that an older claim left beyond it."""
    kept = set(_up_to(pointer)[-KEPT:])
    fence = _key(pointer)[1]
    storage.delete(
        name
        for name in storage.names_in(f"runs/{run_id}/checkpoints")
        if name not in kept and _key(name) and _key(name)[1] <= fence
    )


def _up_to(pointer: str) -> list[str]:
    """The pointer's file and, of each earlier epoch, the one of the highest fence; oldest first."""
    folder = pointer.rpartition("/")[0]
    newest: dict[int, str] = {}
    for name in storage.names_in(folder):
        key = _key(name)
        if key and key <= _key(pointer):
            newest[key[0]] = name  # names are sorted: the highest fence of an epoch comes last
    newest[_key(pointer)[0]] = pointer
    return [newest[epoch] for epoch in sorted(newest)]


def _key(name: str) -> tuple[int, int] | None:
    """(epoch, fence) of a checkpoint's name."""
    match = _NAME.fullmatch(name.rpartition("/")[2])
    return (int(match[1]), int(match[2])) if match else None
