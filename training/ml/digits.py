"""A labelled set of digits as arrays, and its file format."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

IMAGE_SIZE = 28
CLASSES = 10


class BadDigits(ValueError):
    """The arrays are not a set of digits; the message says which and why."""


@dataclass(frozen=True)
class Digits:
    """Images (N, 28, 28) uint8, white ink on black, and labels (N,) uint8 in 0..9, by split.

    Raises BadDigits if shapes, types or label values are anything else.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            _check(split, getattr(self, f"{split}_images"), getattr(self, f"{split}_labels"))

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the content: names, shapes and bytes of the four arrays."""
        sha256 = hashlib.sha256()
        for name in _NAMES:
            array = np.ascontiguousarray(getattr(self, name))
            sha256.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
            sha256.update(array)
        return sha256.hexdigest()


_NAMES = ("train_images", "train_labels", "test_images", "test_labels")


def _check(split: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (IMAGE_SIZE,) * 2:
        raise BadDigits(
            f"{split} images: expected (N, 28, 28) uint8, got {images.shape} {images.dtype}"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise BadDigits(
            f"{split} labels: expected ({len(images)},) uint8, got {labels.shape} {labels.dtype}"
        )
    if labels.size and labels.max() >= CLASSES:
        raise BadDigits(f"{split} labels: expected 0 to 9, got {labels.max()}")


def save_npz(digits: Digits, file: str | Path | IO[bytes]) -> None:
    """Write the four arrays, compressed."""
    np.savez_compressed(file, **{name: getattr(digits, name) for name in _NAMES})


def load_npz(file: str | Path | IO[bytes]) -> Digits:
    """Read what `save_npz` wrote; nothing in the file is executed.

    Raises BadDigits if an array is missing or has another shape.
    """
    with np.load(file, allow_pickle=False) as arrays:
        missing = [name for name in _NAMES if name not in arrays]
        if missing:
            raise BadDigits(f"the file has no array called {missing[0]}")
        return Digits(*(arrays[name] for name in _NAMES))
