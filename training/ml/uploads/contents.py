"""An upload as a whole: its digits by split, and the list of what was left out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.ml.digits import Digits
from training.ml.uploads.detect import read_members
from training.ml.uploads.members import Good, LeftOut, Limits, LocalFile, Refused, Report

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Contents:
    """format: a key of FORMATS. left_out: in the order of the files, then repetitions.

    places: for each split, (file, place) of each of its images. how: how many images stayed the
    same, were inverted, were redrawn. had_splits: whether the files named splits themselves.
    """

    format: str
    digits: Digits
    left_out: list[LeftOut]
    places: dict[str, list[tuple[str, str]]]
    how: dict[str, int]
    had_splits: bool


def read_upload(
    files: list[LocalFile],
    limits: Limits | None = None,
    *,
    alone: str = "train",
    report: Report = lambda share: None,
) -> Contents:
    """Read all files of an upload, of whichever format.

    alone: the split of everything where the files name none. Images without a split beside others
    that have one are learned from. Pictures that are there twice in a split are kept once; with
    labels that differ, not at all. Raises Refused where nothing is left.
    """
    kind, members = read_members(files, limits or Limits(), report)
    good: list[Good] = []
    left_out: list[LeftOut] = []
    for member in members:
        (good if isinstance(member, Good) else left_out).append(member)
    had_splits = any(one.split for one in good)
    rest = "train" if had_splits else alone
    kept, repeated = _without_repetitions([one._replace(split=one.split or rest) for one in good])
    left_out += repeated
    if not kept:
        raise _nothing_left(files, left_out)
    by_split = {split: [one for one in kept if one.split == split] for split in SPLITS}
    how = Counter(one.how for one in kept)
    return Contents(
        kind,
        Digits(*(array for split in SPLITS for array in _arrays(by_split[split]))),
        left_out,
        {split: [(one.file, one.place) for one in by_split[split]] for split in SPLITS},
        {name: how[name] for name in ("same", "inverted", "redrawn")},
        had_splits,
    )


def _without_repetitions(good: list[Good]) -> tuple[list[Good], list[LeftOut]]:
    """The first of each picture of a split, none of a picture whose labels differ; and the rest."""
    groups: dict[tuple[str, bytes], list[int]] = {}
    for number, one in enumerate(good):
        groups.setdefault((one.split, one.image.tobytes()), []).append(number)
    dropped: dict[int, str] = {}
    for numbers in groups.values():
        if len(numbers) == 1:
            continue
        labels = sorted({good[number].label for number in numbers})
        if len(labels) == 1:
            reason = f"the same picture as {good[numbers[0]].place}"
            dropped |= dict.fromkeys(numbers[1:], reason)
        else:
            reason = f"this picture is there {len(numbers)} times, labelled {_listed(labels)}"
            dropped |= dict.fromkeys(numbers, reason)
    repeated = [
        LeftOut(good[number].file, good[number].place, dropped[number])
        for number in sorted(dropped)
    ]
    return [one for number, one in enumerate(good) if number not in dropped], repeated


def _listed(labels: Iterable[int]) -> str:
    return " and ".join(map(str, labels))


def _arrays(some: list[Good]) -> tuple[np.ndarray, np.ndarray]:
    if not some:
        return np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8)
    return np.stack([one.image for one in some]), np.array([one.label for one in some], np.uint8)


def _nothing_left(files: list[LocalFile], left_out: list[LeftOut]) -> Refused:
    if not left_out:
        return Refused(files[0].name, "", "expected at least one image, got none.")
    first = left_out[0]
    reason = first.reason.rstrip(".")
    more = f" None of its {len(left_out):,} members can be used." if len(left_out) > 1 else ""
    return Refused(first.file, first.place, f"{reason}.{more}")
