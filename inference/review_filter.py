"""What a reviewer asked to see: the filters of the queue, in the page's address."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

from django.conf import settings

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference.models import Drawing


class Kind(StrEnum):
    """`ALL` shows drawings first, then test images."""

    ALL = ""
    DRAWINGS = "drawings"
    IMAGES = "images"


KIND_NAMES = {
    Kind.ALL: "Everything",
    Kind.DRAWINGS: "Drawings",
    Kind.IMAGES: "Misclassified test images",
}


@dataclass(frozen=True)
class QueueFilter:
    """Every field's default means: no matter."""

    kind: Kind = Kind.ALL
    label: int | None = None  # the digit that the author, or the dataset, says
    read: int | None = None  # the digit that the model said
    disagreeing: bool = False
    origin: str = ""
    device: str = ""
    author: int | None = None
    evaluation: int | None = None  # of test images; None is production's newest

    @property
    def wants_drawings(self) -> bool:
        return self.kind != Kind.IMAGES and self.evaluation is None

    @property
    def wants_images(self) -> bool:
        return not (
            self.kind == Kind.DRAWINGS or self.origin or self.device or self.author is not None
        )

    @property
    def is_set(self) -> bool:
        return self != QueueFilter()

    def query(self) -> str:
        """The query string that `parse` reads back; empty when nothing is filtered."""
        given = {
            name: 1 if value is True else value
            for name, value in asdict(self).items()
            if value is not None and value is not False and value != ""
        }
        return urlencode(given)

    def without(self, name: str) -> "QueueFilter":
        return replace(self, **{name: getattr(QueueFilter(), name)})


def parse(query: Mapping[str, str], reviewer: User) -> QueueFilter:
    """The filters of an address. What is not understood, or not this reviewer's to use, is left
    out, so that an old link still opens the queue."""
    kind = query.get("kind", "")
    origin, device = query.get("origin", ""), query.get("device", "")
    return QueueFilter(
        kind=Kind(kind) if kind in set(Kind) else Kind.ALL,
        label=_digit(query.get("label")),
        read=_digit(query.get("read")),
        disagreeing=query.get("disagreeing") == "1",
        origin=origin if origin in Drawing.Origin.values else "",
        device=device if device in Drawing.Device.values else "",
        author=_number(query.get("author")) if may_choose_author(reviewer) else None,
        evaluation=_number(query.get("evaluation")),
    )


def may_choose_author(reviewer: User) -> bool:
    """Administrators, unless a blind second opinion is required."""
    return settings.REVIEWS_REQUIRED == 1 and reviewer.can(Capability.ADMINISTER)


def _digit(text: str | None) -> int | None:
    return int(text) if text in set("0123456789") else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None
