"""NumPy's `.npz`: arrays of images and of labels. Never a pickle: arrays of objects are refused.

Every array's header is read, and its size compared with the limits, before anything is reserved.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.ml.digits import CLASSES
from training.ml.uploads.archive import DAMAGE, open_archive, unreadable
from training.ml.uploads.members import Good, LeftOut, Limits, LocalFile, Refused, Report, shown
from training.ml.uploads.stacks import PIECE_BYTES, image_shape, members

PAIRS = (
    ("train_images", "train_labels", "train"),
    ("x_train", "y_train", "train"),
    ("val_images", "val_labels", "train"),
    ("x_val", "y_val", "train"),
    ("test_images", "test_labels", "test"),
    ("x_test", "y_test", "test"),
    ("images", "labels", ""),
    ("x", "y", ""),
)
_EXPECTED = (
    "expected arrays called images and labels, or train_images, train_labels, test_images, "
    "test_labels, or x_train, y_train, x_test, y_test"
)
_SHAPES = "(N, 28, 28), (N, 784), (N, H, W) or (N, H, W, 3)"


@dataclass(frozen=True)
class _Array:
    """An array in the archive, so far only its header."""

    info: zipfile.ZipInfo
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    begins: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_npz(file: LocalFile, limits: Limits, report: Report) -> Iterator[Good | LeftOut]:
    """Every image of every pair of arrays that is there. Raises Refused."""
    with open_archive(file, limits) as archive:
        arrays = {
            info.filename[:-4].lower(): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
        pairs = [pair for pair in PAIRS if pair[0] in arrays or pair[1] in arrays]
        if not pairs:
            names = ", ".join(sorted(arrays)) or "none"
            raise Refused(file.name, "", f"{_EXPECTED}; got {shown(names)}.")
        used = {name for pair in pairs for name in pair[:2]}
        for name in sorted(arrays.keys() - used):
            yield LeftOut(file.name, f"array {name}", f"this array is not used: {_EXPECTED}")
        checked = [_pair(archive, file.name, arrays, pair, limits) for pair in pairs]
        total = sum(len(labels) for _, labels, _ in checked)
        if total > limits.members:
            raise Refused(
                file.name, "", f"expected at most {limits.members:,} images, got {total:,}."
            )
        done = 0
        for images, labels, split in checked:
            try:
                top = _top(archive, images)
                pieces = _pieces(archive, images)
                for member in members(pieces, labels, top=top, split=split, file=file.name):
                    if done % 1024 == 0:
                        report(done / total)
                    done += 1
                    yield member
            except DAMAGE as error:
                raise _damaged(file.name, images.name, error) from error


def _pair(
    archive: zipfile.ZipFile,
    file: str,
    arrays: dict[str, zipfile.ZipInfo],
    pair: tuple[str, str, str],
    limits: Limits,
) -> tuple[_Array, np.ndarray, str]:
    for name, other in (pair[:2], pair[1::-1]):
        if name not in arrays:
            raise Refused(file, f"array {other}", f"expected an array called {name} beside it.")
    images = _header(archive, file, arrays[pair[0]], pair[0])
    labels = _labels(archive, file, _header(archive, file, arrays[pair[1]], pair[1]), limits)
    one = image_shape(images.shape)
    place = f"array {images.name}"
    if one is None:
        raise Refused(file, place, f"expected {_SHAPES}, got {images.shape}.")
    if math.prod(one[:2]) > limits.pixels:
        raise Refused(
            file,
            place,
            f"expected at most {limits.pixels:,} pixels an image, got {math.prod(one[:2]):,}.",
        )
    if images.shape[0] != len(labels):
        raise Refused(
            file,
            f"array {pair[1]}",
            f"expected {images.shape[0]:,} labels for as many images, got {len(labels):,}.",
        )
    return images, labels, pair[2]


def _header(archive: zipfile.ZipFile, file: str, info: zipfile.ZipInfo, name: str) -> _Array:
    place = f"array {name}"
    if why := unreadable(info):
        raise Refused(file, place, f"{why}.")
    try:
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read(stream)
            begins = stream.tell()
    except Exception as error:  # hostile headers fail in as many ways as there are
        raise _damaged(file, name, error) from error
    if dtype.hasobject:
        raise Refused(
            file, place, "expected numbers, got Python objects: a pickle is never opened."
        )
    if dtype.kind not in "uifb" or dtype.itemsize > 8:
        raise Refused(file, place, f"expected numbers, got {shown(str(dtype))}.")
    array = _Array(info, name, shape, dtype, fortran, begins)
    if min(shape, default=0) < 0 or array.nbytes != info.file_size - begins:
        raise Refused(
            file,
            place,
            f"expected {array.nbytes:,} bytes for {shown(str(shape))} {dtype}, "
            f"got {info.file_size - begins:,}.",
        )
    return array


def _labels(archive: zipfile.ZipFile, file: str, array: _Array, limits: Limits) -> np.ndarray:
    """(N,) numbers; from one-hot rows where the array has ten columns."""
    place = f"array {array.name}"
    columns = math.prod(array.shape[1:])
    if len(array.shape) not in (1, 2) or columns not in (1, CLASSES):
        raise Refused(
            file, place, f"expected labels (N,) or one-hot (N, {CLASSES}), got {array.shape}."
        )
    if array.shape[0] > limits.members:
        raise Refused(
            file, place, f"expected at most {limits.members:,} labels, got {array.shape[0]:,}."
        )
    try:
        values = _whole(archive, array)
    except DAMAGE as error:
        raise _damaged(file, array.name, error) from error
    if columns == 1:
        return values.reshape(-1)
    one_hot = ((values == 0) | (values == 1)).all(axis=1) & (values.sum(axis=1) == 1)
    return np.where(one_hot, values.argmax(axis=1), -1)


def _top(archive: zipfile.ZipFile, images: _Array) -> float:
    """1 or 255: what full ink is in this array."""
    if images.dtype == bool:
        return 1.0
    if images.dtype.kind != "f":
        return 255.0
    highest = 0.0
    for piece in _pieces(archive, images):
        highest = max(highest, float(piece[np.isfinite(piece)].max(initial=0.0)))
    return 1.0 if highest <= 1 else 255.0


def _pieces(archive: zipfile.ZipFile, images: _Array) -> Iterator[np.ndarray]:
    one = image_shape(images.shape)
    count = images.shape[0]
    if images.fortran:
        yield _whole(archive, images).reshape(count, *one)
        return
    bytes_each = images.nbytes // count
    each = max(1, PIECE_BYTES // bytes_each)
    with archive.open(images.info) as stream:
        _exactly(stream, images.begins)
        for start in range(0, count, each):
            some = min(each, count - start)
            content = _exactly(stream, some * bytes_each)
            yield np.frombuffer(content, images.dtype).reshape(some, *one)


def _whole(archive: zipfile.ZipFile, array: _Array) -> np.ndarray:
    with archive.open(array.info) as stream:
        _exactly(stream, array.begins)
        content = _exactly(stream, array.nbytes)
    order = "F" if array.fortran else "C"
    return np.frombuffer(content, array.dtype).reshape(array.shape, order=order)


def _exactly(stream, count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError(f"expected {count:,} bytes, got {len(content):,}")
    return content


def _damaged(file: str, name: str, error: Exception) -> Refused:
    reason = shown(str(error)) or type(error).__name__
    return Refused(file, f"array {name}", f"expected an array, but it cannot be read ({reason}).")
