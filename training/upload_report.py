"""What an upload's owner is told about what was left out: a summary, and the whole list as CSV."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

from training.ml.uploads import Contents, LeftOut, shown

FIRST = 100
"""Members that the summary lists; the file has them all."""

KINDS = 12
_COLUMNS = ("file", "place", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def summary(contents: Contents, left_out: Sequence[LeftOut], files: Sequence[dict]) -> dict:
    """JSON for the row of the upload, and for `report["import"]` of its dataset.

    format      a key of training.ml.uploads.FORMATS
    files       [{"name", "bytes"}]
    had_splits  whether the files named splits
    how         {"same", "inverted", "redrawn"}: images that were 28x28 already, that were dark on
                light besides, and that went through the preprocessing contract
    read        members that were read, good or not
    left_out    how many were left out
    kinds       [{"reason", "count"}], the most frequent first, at most KINDS
    first       [{"file", "place", "reason"}], at most FIRST
    """
    kinds = Counter(_kind(one.reason) for one in left_out).most_common(KINDS)
    good = sum(contents.how.values())
    return {
        "format": contents.format,
        "files": [{"name": shown(file["name"]), "bytes": file["bytes"]} for file in files],
        "had_splits": contents.had_splits,
        "how": contents.how,
        "read": good + len(contents.left_out),
        "left_out": len(left_out),
        "kinds": [{"reason": reason, "count": count} for reason, count in kinds],
        "first": [dict(zip(_COLUMNS, map(shown, one), strict=True)) for one in left_out[:FIRST]],
    }


def as_csv(left_out: Sequence[LeftOut]) -> bytes:
    """Everything that was left out, with a header; nothing in it is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for one in left_out:
        writer.writerow([_harmless(shown(cell)) for cell in one])
    return text.getvalue().encode()


def _kind(reason: str) -> str:
    """The reason without what is special to one member."""
    return shown(re.sub(r"(, got | as |; this has | times, | in pixel ).*", "", reason).rstrip("."))


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
