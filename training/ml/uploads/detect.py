"""Which format an upload has: told by its bytes, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator

from training.ml.uploads.archive import open_archive
from training.ml.uploads.folders import read_folders
from training.ml.uploads.idx import DAMAGE, opened, read_idx
from training.ml.uploads.kaggle_csv import read_csv
from training.ml.uploads.members import Good, LeftOut, Limits, LocalFile, Refused, Report
from training.ml.uploads.npz import read_npz

FORMATS = {
    "npz": "NumPy .npz",
    "idx": "IDX",
    "folders": "zip of class folders",
    "csv": "CSV",
}
_EXPECTED = (
    "expected a NumPy .npz, IDX files (gzipped or not), a zip of folders 0 to 9 with PNG or JPEG "
    "pictures, or a CSV with a label and 784 pixels a line"
)
_A_PICTURE = "a single picture: put pictures into folders 0 to 9, and these into a zip"
_KNOWN = (
    (b"\x93NUMPY", "a single array: save images and labels together with numpy.savez"),
    (b"\x89PNG", _A_PICTURE),
    (b"\xff\xd8\xff", _A_PICTURE),
    (b"\x80", "a pickle, which is never opened: save the arrays with numpy.savez"),
    (b"\x89HDF", "HDF5: save the arrays with numpy.savez"),
    (b"Rar!", "RAR: pack the folders as zip"),
    (b"7z\xbc\xaf", "7z: pack the folders as zip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: unpack it first"),
    (b"BZh", "bzip2: unpack it first"),
    (b"\xfd7zXZ", "xz: unpack it first"),
    (b"PAR1", "Parquet: save it as CSV or .npz"),
)


def read_members(
    files: list[LocalFile], limits: Limits, report: Report
) -> tuple[str, Iterator[Good | LeftOut]]:
    """(format, a key of FORMATS; its members). Raises Refused, also while members are read."""
    if not files:
        raise Refused("", "", "There is no file in this upload.")
    kinds: dict[str, LocalFile] = {}
    for file in files:
        kinds.setdefault(format_of(file, limits), file)
    if len(kinds) > 1:
        listed = ", ".join(f"{file.name} is {FORMATS[kind]}" for kind, file in kinds.items())
        raise Refused("", "", f"Expected files of one format; {listed}.")
    kind = next(iter(kinds))
    if kind == "idx":
        return kind, read_idx(files, limits, report)
    if kind == "csv":
        return kind, read_csv(files, limits, report)
    if len(files) > 1:
        raise Refused(
            files[1].name, "", f"expected one {FORMATS[kind]} at a time, got {len(files)}."
        )
    read = read_npz if kind == "npz" else read_folders
    return kind, read(files[0], limits, report)


def format_of(file: LocalFile, limits: Limits) -> str:
    """A key of FORMATS. Raises Refused."""
    start = _start(file)
    if not start:
        raise Refused(file.name, "", "the file is empty.")
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        with open_archive(file, limits) as archive:
            is_npz = any(name.endswith(".npy") for name in archive.namelist())
        return "npz" if is_npz else "folders"
    if start[:2] == b"\0\0" and len(start) >= 4:
        return "idx"
    for magic, what in _KNOWN:
        if start.startswith(magic):
            raise Refused(file.name, "", f"this is {what}.")
    if b"\0" in start or (b"," not in start and b"label" not in start.lower()):
        raise Refused(file.name, "", f"{_EXPECTED}; this is none of them.")
    return "csv"


def _start(file: LocalFile) -> bytes:
    try:
        with opened(file) as stream:
            return stream.read(512)
    except DAMAGE as error:
        raise Refused(file.name, "", "expected gzip, but it is damaged.") from error
