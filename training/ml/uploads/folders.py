"""A zip of class folders: `0/` to `9/` with PNG or JPEG pictures, in `train/` and `test/` or not.

The folder directly above a picture names its digit; a folder further up may name its split.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from training.ml.ink import DrawingError
from training.ml.picture_file import MAX_BYTES
from training.ml.uploads.archive import DAMAGE, open_archive, parts, unreadable
from training.ml.uploads.members import Good, LeftOut, Limits, LocalFile, Report, split_in
from training.ml.uploads.pixels import from_picture

_ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".npz", ".zst")
_DIGITS = set("0123456789")
_REPORT_EVERY = 64


def read_folders(file: LocalFile, limits: Limits, report: Report) -> Iterator[Good | LeftOut]:
    """Every picture in the archive, in the order of its directory.

    What an operating system adds by itself is passed over. Raises Refused.
    """
    with open_archive(file, limits) as archive:
        members = [info for info in archive.infolist() if not _is_of_the_system(info)]
        for number, info in enumerate(members):
            if number % _REPORT_EVERY == 0:
                report(number / len(members))
            yield _read(archive, info, file.name, limits)


def _is_of_the_system(info: zipfile.ZipInfo) -> bool:
    *folders, name = parts(info)
    return not name or "__MACOSX" in folders or name.startswith(".") or name.lower() == "thumbs.db"


def _read(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str, limits: Limits
) -> Good | LeftOut:
    *folders, name = parts(info)
    place = "/".join((*folders, name))
    if name.lower().endswith(_ARCHIVES):
        return LeftOut(file, place, "an archive inside the archive is not opened")
    if not folders or folders[-1] not in _DIGITS:
        return LeftOut(file, place, "expected a folder 0 to 9 directly above the picture")
    if why := unreadable(info):
        return LeftOut(file, place, why)
    if info.file_size > MAX_BYTES:
        return LeftOut(file, place, f"expected at most {MAX_BYTES // 2**20} MiB for a picture")
    try:
        with archive.open(info) as stream:
            content = stream.read(MAX_BYTES + 1)
        image, how = from_picture(content, limits.pixels)
    except DrawingError as error:
        return LeftOut(file, place, str(error))
    except DAMAGE:
        return LeftOut(file, place, "this member of the archive is damaged")
    split = next(filter(None, map(split_in, reversed(folders[:-1]))), "")
    return Good(split, image, int(folders[-1]), how, file, place)
