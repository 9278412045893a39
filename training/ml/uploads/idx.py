"""IDX, the format of MNIST's own four files, gzipped or not: one file of images, one of labels.

Which belongs to which split is told by the names (`train`, `t10k` or `test`).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from training.ml.uploads.members import (
    RATIO_FROM_BYTES,
    Good,
    LeftOut,
    Limits,
    LocalFile,
    Refused,
    Report,
    split_in,
)
from training.ml.uploads.stacks import PIECE_BYTES, members

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a damaged gzip raises."""

_TYPES = {0x09: "signed bytes", 0x0B: "shorts", 0x0C: "integers", 0x0D: "floats", 0x0E: "doubles"}


@dataclass(frozen=True)
class _Idx:
    file: LocalFile
    shape: tuple[int, ...]

    @property
    def is_labels(self) -> bool:
        return len(self.shape) == 1

    @property
    def begins(self) -> int:
        return 4 + 4 * len(self.shape)


def opened(file: LocalFile) -> BinaryIO:
    """The file's bytes, unpacked if it is gzipped."""
    with file.path.open("rb") as start:
        is_gzip = start.read(2) == b"\x1f\x8b"
    return gzip.open(file.path, "rb") if is_gzip else file.path.open("rb")


def read_idx(files: list[LocalFile], limits: Limits, report: Report) -> Iterator[Good | LeftOut]:
    """Every image of every pair of files. Raises Refused."""
    pairs = _pairs([_header(file, limits) for file in files])
    total = sum(images.shape[0] for images, _, _ in pairs)
    if total > limits.members:
        raise Refused("", "", f"Expected at most {limits.members:,} images, got {total:,}.")
    done = 0
    for images, labels, split in pairs:
        values = np.concatenate(list(_pieces(labels)))
        found = members(_pieces(images), values, top=255, split=split, file=images.file.name)
        for member in found:
            if done % 1024 == 0:
                report(done / total)
            done += 1
            yield member


def _header(file: LocalFile, limits: Limits) -> _Idx:
    try:
        with opened(file) as stream:
            magic = stream.read(4)
            kind, dimensions = magic[2], magic[3]
            sizes = stream.read(4 * dimensions)
    except (*DAMAGE, IndexError) as error:
        raise _short(file, "the header of an IDX file") from error
    if kind != 0x08:
        got = _TYPES.get(kind, f"type {kind:#04x}")
        raise Refused(file.name, "header", f"expected unsigned bytes (type 0x08), got {got}.")
    if dimensions not in (1, 3):
        raise Refused(
            file.name,
            "header",
            f"expected 3 dimensions for images or 1 for labels, got {dimensions}.",
        )
    if len(sizes) != 4 * dimensions:
        raise _short(file, f"{dimensions} sizes in the header")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    _check(file, shape, limits)
    return _Idx(file, shape)


def _check(file: LocalFile, shape: tuple[int, ...], limits: Limits) -> None:
    """Against the limits, before anything is reserved."""
    if 0 in shape:
        raise Refused(file.name, "header", f"expected at least one image, got {shape}.")
    if shape[0] > limits.members:
        raise Refused(
            file.name, "header", f"expected at most {limits.members:,} images, got {shape[0]:,}."
        )
    if math.prod(shape[1:]) > limits.pixels:
        raise Refused(
            file.name,
            "header",
            f"expected at most {limits.pixels:,} pixels an image, got {shape[1]:,} x {shape[2]:,}.",
        )
    packed, unpacked = file.path.stat().st_size, math.prod(shape)
    if unpacked > limits.unpacked_bytes or unpacked > max(RATIO_FROM_BYTES, limits.ratio * packed):
        raise Refused(
            file.name,
            "header",
            f"the header promises {unpacked:,} bytes, more than a file of {packed:,} bytes may "
            "hold.",
        )


def _pairs(headers: list[_Idx]) -> list[tuple[_Idx, _Idx, str]]:
    """(images, labels, split) of each split."""
    images = [one for one in headers if not one.is_labels]
    labels = [one for one in headers if one.is_labels]
    if len(images) == len(labels) == 1:
        pairs = [(images[0], labels[0], split_in(images[0].file.name))]
    else:
        splits = sorted({split_in(one.file.name) for one in headers}, reverse=True)
        pairs = [_of_split(images, labels, split) for split in splits]
    for image, label, _ in pairs:
        if image.shape[0] != label.shape[0]:
            raise Refused(
                label.file.name,
                "header",
                f"expected {image.shape[0]:,} labels for the images of {image.file.name}, "
                f"got {label.shape[0]:,}.",
            )
    return pairs


def _of_split(images: list[_Idx], labels: list[_Idx], split: str) -> tuple[_Idx, _Idx, str]:
    mine = [[one for one in some if split_in(one.file.name) == split] for some in (images, labels)]
    if len(mine[0]) == len(mine[1]) == 1:
        return mine[0][0], mine[1][0], split
    named = f" with {'t10k or test' if split == 'test' else 'train'} in its name" if split else ""
    raise Refused(
        (mine[0] or mine[1])[0].file.name,
        "",
        f"expected one file of images and one of labels{named}, "
        f"got {len(mine[0])} and {len(mine[1])}.",
    )


def _pieces(idx: _Idx) -> Iterator[np.ndarray]:
    """(n, ...) uint8. Raises Refused where the file is shorter or longer than its header says."""
    bytes_each = math.prod(idx.shape[1:])
    each = max(1, PIECE_BYTES // bytes_each)
    what = f"{math.prod(idx.shape):,} bytes after the header"
    try:
        with opened(idx.file) as stream:
            stream.read(idx.begins)
            for start in range(0, idx.shape[0], each):
                count = min(each, idx.shape[0] - start)
                content = stream.read(count * bytes_each)
                if len(content) != count * bytes_each:
                    raise EOFError
                yield np.frombuffer(content, np.uint8).reshape(count, *idx.shape[1:])
            if stream.read(1):
                raise Refused(idx.file.name, "end", f"expected {what}, got more.")
    except DAMAGE as error:
        raise _short(idx.file, what) from error


def _short(file: LocalFile, what: str) -> Refused:
    return Refused(file.name, "end", f"expected {what}; the file ends early or is damaged.")
