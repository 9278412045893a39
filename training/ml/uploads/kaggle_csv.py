"""CSV as in Kaggle's digit recogniser: `label,pixel0,...,pixel783`, one digit a line.

A line that is wrong is left out by its number; a header that is wrong refuses the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from training.ml.digits import CLASSES
from training.ml.ink import SIDE, DrawingError
from training.ml.uploads.idx import DAMAGE, opened
from training.ml.uploads.members import (
    Good,
    LeftOut,
    Limits,
    LocalFile,
    Refused,
    Report,
    shown,
    split_in,
)
from training.ml.uploads.pixels import from_array

COLUMNS = 1 + SIDE * SIDE
LINE_BYTES = 32 * 1024
_LAYOUT = f"{COLUMNS} columns with commas, the label and {COLUMNS - 1} pixels"
_REPORT_EVERY = 256
_USUAL = {str(value).encode(): value for value in range(256)}


class _BadLine(ValueError):
    """What was expected of a line, and what is there."""


def read_csv(files: list[LocalFile], limits: Limits, report: Report) -> Iterator[Good | LeftOut]:
    """Every line of every file. Raises Refused."""
    sizes = [file.path.stat().st_size for file in files]
    lines = unpacked = 0
    for number, file in enumerate(files):
        split = split_in(file.name)
        try:
            with opened(file) as stream:
                for place, line, begins in _pieces(stream):
                    lines += begins
                    unpacked += len(line)
                    _check(file.name, place, lines, unpacked, limits)
                    if not begins:
                        continue
                    if lines % _REPORT_EVERY == 0:
                        # How far a gzip is unpacked nobody knows; its lines are as long as others.
                        report(min(1.0, (sum(sizes[:number]) + stream.tell()) / sum(sizes)))
                    if place == 1:
                        line = line.removeprefix(b"\xef\xbb\xbf")
                        if _is_header(line, file.name):
                            continue
                    if line.strip():
                        yield _digit(line, split, file.name, f"line {place}")
        except DAMAGE as error:
            raise Refused(file.name, "end", "the file is cut off or damaged.") from error


def _check(file: str, place: int, lines: int, unpacked: int, limits: Limits) -> None:
    if lines > limits.members + 1:
        raise Refused(file, f"line {place}", f"expected at most {limits.members:,} lines.")
    if unpacked > limits.unpacked_bytes:
        raise Refused(
            file, f"line {place}", f"expected at most {limits.unpacked_bytes:,} bytes unpacked."
        )


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """(number of the line from 1, bytes, whether they begin it): all of a line but for long ones,
    which come in several pieces, the first of LINE_BYTES + 1."""
    place, begins = 1, True
    while piece := stream.readline(LINE_BYTES + 1):
        yield place, piece, begins
        begins = piece.endswith(b"\n")
        place += begins


def _is_header(line: bytes, file: str) -> bool:
    """Whether the first line names columns. Raises Refused if it is neither that nor a digit."""
    cells = [cell.strip(b" \"'\r\n") for cell in line.split(b",")]
    first = shown(cells[0].decode("utf-8", "replace"))
    if len(cells) == COLUMNS - 1 and first.lower().startswith("pixel"):
        raise Refused(
            file,
            "line 1",
            f"expected the first column to be label, got {first}: like Kaggle's test.csv, this "
            "file does not say which digits its images are.",
        )
    if len(cells) != COLUMNS:
        raise Refused(file, "line 1", f"expected {_LAYOUT}, got {len(cells)} column(s).")
    if first.lower() in ("label", "class", "digit"):
        return True
    if all(cell.replace(b".", b"", 1).isdigit() for cell in cells):
        return False
    raise Refused(file, "line 1", f"expected the first column to be label, got {first}.")


def _digit(line: bytes, split: str, file: str, place: str) -> Good | LeftOut:
    try:
        label, pixels = _values(line)
        image, how = from_array(pixels.reshape(SIDE, SIDE))
    except (_BadLine, DrawingError) as error:
        return LeftOut(file, place, str(error))
    return Good(split, image, label, how, file, place)


def _values(line: bytes) -> tuple[int, np.ndarray]:
    """(label, (784,) uint8). Raises _BadLine."""
    if len(line) > LINE_BYTES:
        raise _BadLine(f"expected {_LAYOUT}, got a line of more than {LINE_BYTES:,} bytes")
    cells = line.strip().replace(b'"', b"").split(b",")
    if len(cells) != COLUMNS:
        raise _BadLine(f"expected {COLUMNS} values with commas, got {len(cells)}")
    try:  # the usual way to write a number, which is looked up in a tenth of the time
        values = bytes(map(_USUAL.__getitem__, cells))
    except KeyError:
        values = [_whole_number(cell, column) for column, cell in enumerate(cells)]
    if not 0 <= values[0] < CLASSES:
        raise _BadLine(f"expected a label 0 to {CLASSES - 1}, got {values[0]}")
    if min(values) < 0 or max(values) > 255:
        pixel = next(i for i, value in enumerate(values[1:]) if not 0 <= value <= 255)
        raise _BadLine(f"expected pixels 0 to 255, got {values[1 + pixel]} in pixel {pixel}")
    return values[0], np.frombuffer(bytes(values), np.uint8)[1:]


def _whole_number(cell: bytes, column: int) -> int:
    text = cell.decode("utf-8", "replace").strip()
    try:
        number = float(text)
        if "_" not in text and number == int(number) and abs(number) < 1e9:
            return int(number)
    except (ValueError, OverflowError):
        pass
    what = "a label" if column == 0 else f"a whole number in pixel {column - 1}"
    raise _BadLine(f"expected {what}, got {shown(text)[:40] or 'nothing'}")
