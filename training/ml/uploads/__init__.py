"""Datasets in the formats people have: `.npz`, IDX, zips of class folders, CSV.

Whatever is in a file is judged here as hostile. A bad member never costs the good ones: it is left
out, and listed with its file, its place and what was expected. A container that is wrong is refused
as a whole, in the same words. Arrays come out; nothing is written.
"""

from training.ml.uploads.contents import Contents, read_upload
from training.ml.uploads.detect import FORMATS
from training.ml.uploads.members import LeftOut, Limits, LocalFile, Refused, is_one_line, shown

__all__ = [
    "FORMATS",
    "Contents",
    "LeftOut",
    "Limits",
    "LocalFile",
    "Refused",
    "is_one_line",
    "read_upload",
    "shown",
]
