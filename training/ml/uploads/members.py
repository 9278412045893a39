"""What every reader of an upload gives: good members, members left out, or a refusal of all."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

Report = Callable[[float], None]
"""Is told the share, 0 to 1, of an upload that has been read."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN = 160


@dataclass(frozen=True)
class LocalFile:
    """A file of the upload: where it is on this machine, and what its owner calls it."""

    name: str
    path: Path


@dataclass(frozen=True)
class Limits:
    """What an upload may have at most; `digitsite.settings` has the usual figures."""

    members: int = 200_000
    """Images, lines of a CSV file, or files in a zip."""

    unpacked_bytes: int = 1 << 30
    """Of everything in a file, once unpacked."""

    ratio: float = 200.0
    """Unpacked over packed size; not looked at below `RATIO_FROM_BYTES`."""

    pixels: int = 4_000_000
    """Of one picture."""


RATIO_FROM_BYTES = 16 * 1024 * 1024
"""A file that unpacks to less than this can do no harm, however well it is packed."""


class Good(NamedTuple):
    """A digit: image (28, 28) uint8, label 0 to 9.

    split: "train", "test", or "" where the file does not say. how: "same" for an image that was
    28x28 already, "inverted" for one of those that was dark on light, "redrawn" for any other,
    which went through the preprocessing contract. place: line, member or position in its file.
    """

    split: str
    image: np.ndarray
    label: int
    how: str
    file: str
    place: str


class LeftOut(NamedTuple):
    """A member that is not used, where it is, and what was expected of it."""

    file: str
    place: str
    reason: str


class Refused(ValueError):
    """The whole upload is of no use: the file, the place in it, and what was expected."""

    def __init__(self, file: str, place: str, expected: str) -> None:
        where = ", ".join(part for part in (shown(file), shown(place)) if part)
        super().__init__(f"{where}: {expected}" if where else expected)


def shown(name: str) -> str:
    """A name from an upload as it may be shown: one line, not endless."""
    name = _CONTROL.sub("\ufffd", name)
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"


def is_one_line(text: str) -> bool:
    """Whether there is nothing in a text that `shown` would replace."""
    return _CONTROL.search(text) is None


def split_in(name: str) -> str:
    """The split that a file or folder name tells: "train", "test" or "".

    What people call validation is for learning here: a run takes its own share of it.
    """
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    if words & {"test", "testing", "t10k", "tests"}:
        return "test"
    if words & {"train", "training", "val", "valid", "validation"}:
        return "train"
    return ""
