"""What people write about the dataset they upload, checked once for all ways in."""

from dataclasses import asdict, dataclass

from training.ml.uploads import is_one_line
from training.models import DatasetUpload

NAME_MAX = 60
LICENCE_MAX = 200
SOURCE_MAX = 300
DESCRIPTION_MAX = 4000
_LINE_ENDS = dict.fromkeys(map(ord, "\n\r\t"), " ")


class UploadError(Exception):
    """What was sent cannot become a dataset; the message is one sentence for a person."""


@dataclass(frozen=True)
class Texts:
    """Raises UploadError for what is too long, is no text, or for a name of nothing.

    split: what all images are for, `train` or `test`, where the files name no splits.
    """

    name: str
    licence: str = ""
    source: str = ""
    description: str = ""
    split: str = DatasetUpload.Split.TRAIN

    def __post_init__(self) -> None:
        for field in ("name", "licence", "source", "description"):
            object.__setattr__(self, field, getattr(self, field).strip())
        if not 1 <= len(self.name) <= NAME_MAX:
            raise UploadError(f"A name has 1 to {NAME_MAX} characters, got {len(self.name)}.")
        for field, most in (
            ("licence", LICENCE_MAX),
            ("source", SOURCE_MAX),
            ("description", DESCRIPTION_MAX),
        ):
            got = len(getattr(self, field))
            if got > most:
                raise UploadError(f"The {field} has at most {most:,} characters, got {got:,}.")
        for field in ("name", "licence", "source"):
            if not is_one_line(getattr(self, field)):
                raise UploadError(f"The {field} is one line of printable text.")
        if not is_one_line(self.description.translate(_LINE_ENDS)):
            raise UploadError("The description is printable text.")
        if self.split not in DatasetUpload.Split.values:
            raise UploadError(
                f"There is no split {self.split[:40]!r}; there are "
                f"{' and '.join(DatasetUpload.Split.values)}."
            )

    def fields(self) -> dict[str, str]:
        return asdict(self)
