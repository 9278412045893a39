"""A dataset as files that other programs read, and that the upload page reads again.

npz     the whole dataset: the arrays train_images, train_labels, test_images and test_labels; one
        split: images (N, 28, 28) uint8, white ink on black, and labels (N,) uint8
zip     one PNG for each image in a folder for each digit: train/7/00012.png, or 7/00012.png
jsonl   one object a line: {"split": "train", "index": 12, "label": 7, "image": [28 rows of pixels]}

Names are made of small letters and digits only, and the same content always gives the same bytes.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from training.dataset_pictures import SPLITS, png
from training.ml.digits import Digits
from training.npy_parts import npy_parts, npy_size
from training.zip_stream import ZipStream


@dataclass(frozen=True)
class Format:
    """A kind of file. title: for a button."""

    title: str
    purpose: str
    ending: str
    media_type: str


FORMATS: dict[str, Format] = {
    "npz": Format("NumPy", "Arrays for np.load", "npz", "application/zip"),
    "zip": Format("PNG images", "A folder for each digit", "zip", "application/zip"),
    "jsonl": Format("JSON Lines", "One object a line", "jsonl", "application/jsonl"),
}


def file_parts(
    digits: Digits, format: str, split: str | None = None, about: str = ""
) -> Iterator[bytes]:
    """The bytes of a file. split: train or test; None for both.

    about: a sentence on where it comes from, kept as the comment of files that have one. Raises
    KeyError for a format that is not in FORMATS.
    """
    make: Callable[..., Iterator[bytes]] = {"npz": _npz, "zip": _pngs, "jsonl": _lines}[format]
    return make(digits, split, about)


def _arrays(digits: Digits, split: str) -> tuple[np.ndarray, np.ndarray]:
    return getattr(digits, f"{split}_images"), getattr(digits, f"{split}_labels")


def _npz(digits: Digits, split: str | None, about: str) -> Iterator[bytes]:
    archive = ZipStream(about)
    for part in (split,) if split else SPLITS:
        before = "" if split else f"{part}_"
        for name, array in zip(("images", "labels"), _arrays(digits, part), strict=True):
            size = npy_size(array.dtype, array.shape)
            yield from archive.add_parts(f"{before}{name}.npy", npy_parts(array), size=size)
    yield archive.close()


def _pngs(digits: Digits, split: str | None, about: str) -> Iterator[bytes]:
    archive = ZipStream(about)
    for part in (split,) if split else SPLITS:
        before = "" if split else f"{part}/"
        for index, (image, label) in enumerate(zip(*_arrays(digits, part), strict=True)):
            yield archive.add(f"{before}{label}/{index:05}.png", png(image))
    yield archive.close()


def _lines(digits: Digits, split: str | None, about: str) -> Iterator[bytes]:
    for part in (split,) if split else SPLITS:
        for index, (image, label) in enumerate(zip(*_arrays(digits, part), strict=True)):
            yield json_line(
                {"split": part, "index": index, "label": int(label), "image": image.tolist()}
            )


def json_line(row: dict) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"
