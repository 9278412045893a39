"""Drawings with their strokes as files that other programs read.

npz     images (N, 28, 28) and labels (N,) uint8, and one array for each other field of
        inference.drawing_rows, in the same order; see `_arrays`
zip     one PNG for each drawing in a folder for its digit, 7/drawing-000012.png, and drawings.jsonl
jsonl   one object a line: the fields of inference.drawing_rows, the image as 28 rows of 28 pixels
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing

import numpy as np

from training.dataset_files import json_line
from training.dataset_pictures import png
from training.npy_parts import PART_BYTES, npy_of, npy_parts, npy_size
from training.zip_stream import ZipStream

Batches = Iterable[list[dict]]
ABOUT = "Drawings of a Digitsite. Licence: drawn by the people of that site."


def file_parts(batches: Batches, format: str) -> Iterator[bytes]:
    """The bytes of a file of these rows. Raises KeyError for another format."""
    return {"npz": _npz, "zip": _pngs, "jsonl": _lines}[format](batches)


def _lines(batches: Batches) -> Iterator[bytes]:
    for batch in batches:
        for row in batch:
            yield _line(row)


def _line(row: dict) -> bytes:
    shown = row | {
        "created_at": row["created_at"].isoformat(),
        "image": _image(row).tolist(),
    }
    return json_line(shown)


def _image(row: dict) -> np.ndarray:
    return np.frombuffer(row["image"], np.uint8).reshape(28, 28)


def _pngs(batches: Batches) -> Iterator[bytes]:
    archive = ZipStream(ABOUT)
    with tempfile.TemporaryFile() as lines:
        for batch in batches:
            for row in batch:
                lines.write(_line(row))
                yield archive.add(f"{row['label']}/drawing-{row['id']:06}.png", png(_image(row)))
        size = lines.tell()
        yield from archive.add_parts("drawings.jsonl", _from_start(lines), size=size)
    yield archive.close()


_COLUMNS = {
    "images": (np.uint8, (28, 28)),
    "labels": (np.uint8, ()),
    "ids": (np.int64, ()),
    "author_labels": (np.uint8, ()),
    "settled_labels": (np.int8, ()),
    "predicted_labels": (np.uint8, ()),
    "statuses": ("<U10", ()),
    "authors": (np.int32, ()),
    "folds": ("<U8", ()),
    "devices": ("<U7", ()),
    "models": (np.int32, ()),
    "created_at": ("<M8[ms]", ()),
    "drawing_starts": (np.int64, ()),
    "stroke_starts": (np.int64, ()),
    "points": (np.float64, (3,)),
}


def _npz(batches: Batches) -> Iterator[bytes]:
    """The arrays of `_COLUMNS`, and author_names: authors[n] is the place of drawing n's author in
    it. settled_labels has -1 where no review has settled it; created_at is in UTC.

    The strokes of drawing n are those from drawing_starts[n] to drawing_starts[n + 1]; the points
    of stroke s are points[stroke_starts[s]:stroke_starts[s + 1]], each x, y and milliseconds (NaN
    if the time is not known).

    How many there are is known only at the end, so the columns wait in files that have no name.
    """
    archive = ZipStream(ABOUT)
    names: dict[str, int] = {}
    with ExitStack() as open_files:
        columns = {
            name: open_files.enter_context(closing(_Column(dtype, shape)))
            for name, (dtype, shape) in _COLUMNS.items()
        }
        columns["drawing_starts"].add([0])
        columns["stroke_starts"].add([0])
        for batch in batches:
            for name, values in _arrays(batch, names).items():
                columns[name].add(values)
            _add_strokes(batch, columns)
        for name, column in columns.items():
            size = npy_size(column.dtype, column.shape)
            yield from archive.add_parts(f"{name}.npy", column.npy(), size=size)
    known = np.array(list(names), dtype=str if names else "<U1")
    yield from archive.add_parts("author_names.npy", npy_parts(known), size=known.nbytes)
    yield archive.close()


def _arrays(batch: list[dict], names: dict[str, int]) -> dict[str, list]:
    """A value for each drawing; `names` learns the authors it does not know."""
    settled = [row["settled_label"] for row in batch]
    return {
        "images": [_image(row) for row in batch],
        "labels": [row["label"] for row in batch],
        "ids": [row["id"] for row in batch],
        "author_labels": [row["author_label"] for row in batch],
        "settled_labels": [-1 if label is None else label for label in settled],
        "predicted_labels": [row["predicted_label"] for row in batch],
        "statuses": [row["status"] for row in batch],
        "authors": [names.setdefault(row["author"], len(names)) for row in batch],
        "folds": [row["fold"] for row in batch],
        "devices": [row["device"] for row in batch],
        "models": [row["model"] for row in batch],
        "created_at": [row["created_at"].replace(tzinfo=None) for row in batch],
    }


def _add_strokes(batch: list[dict], columns: dict[str, "_Column"]) -> None:
    strokes = [stroke for row in batch for stroke in row["strokes"]]
    points = [(*point, np.nan)[:3] for stroke in strokes for point in stroke]
    counts = [len(row["strokes"]) for row in batch]
    columns["drawing_starts"].add(columns["drawing_starts"].last + np.cumsum(counts))
    if strokes:
        ends = np.cumsum([len(stroke) for stroke in strokes])
        columns["stroke_starts"].add(columns["stroke_starts"].last + ends)
        columns["points"].add(points)


class _Column:
    """An array that grows, in a file."""

    def __init__(self, dtype, row_shape: tuple[int, ...]) -> None:
        self.dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the column
        self._count = 0
        self.last = 0  # the newest value, of numbers

    def add(self, values) -> None:
        array = np.asarray(values, self.dtype).reshape(-1, *self._row_shape)
        self._file.write(array.tobytes())
        self._count += len(array)
        if len(array) and self.dtype.kind == "i":
            self.last = int(array.flat[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._count, *self._row_shape)

    def npy(self) -> Iterator[bytes]:
        return npy_of(self.dtype, self.shape, _from_start(self._file))

    def close(self) -> None:
        self._file.close()


def _from_start(file) -> Iterator[bytes]:
    file.seek(0)
    while part := file.read(PART_BYTES):
        yield part
