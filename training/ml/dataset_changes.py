"""What is different between two versions of a dataset: pictures that came, went, changed.

Two images are the same picture when they have the same 784 bytes; a picture may be in a split
several times. For each split, an image of the newer version that the older one does not have there
is, in this order,
    relabelled  the split had the picture, with another label
    moved       it is in the other split no more
    added       else; `again` counts those of them whose picture the older version has somewhere
and an image of the older version that is neither relabelled nor moved, and not there any more, is
    removed
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from training.ml.digits import CLASSES, Digits

SPLITS = ("train", "test")
KINDS = ("added", "removed", "relabelled", "moved")


@dataclass(frozen=True)
class Example:
    """An image that changed. Of removed ones split and index are places in the older version.

    label: its digit now, of removed ones then. was: of relabelled ones the digit before.
    """

    kind: str
    split: str
    index: int
    label: int
    was: int | None = None


@dataclass(frozen=True)
class Changes:
    """counts: (split, kind) -> (10,) int64 by digit, of KINDS and "again" and "same"."""

    counts: dict[tuple[str, str], np.ndarray]
    examples: list[Example]


def compare(older: Digits, newer: Digits, *, examples: int = 24) -> Changes:
    """At most `examples` of each kind, spread over the digits and the splits."""
    segments = [(digits, split) for digits in (older, newer) for split in SPLITS]
    labels = [getattr(digits, f"{split}_labels") for digits, split in segments]
    keys = [picture_keys(getattr(digits, f"{split}_images")) for digits, split in segments]
    names, places = np.unique(np.concatenate(keys), return_inverse=True)
    counts = np.zeros((4, len(names), CLASSES), np.int32)
    segment = np.repeat(np.arange(4), [len(some) for some in labels])
    np.add.at(counts, (segment, places, np.concatenate(labels)), 1)
    before, after = counts[:2], counts[2:]  # (split, picture, digit)

    came, went = np.maximum(after - before, 0), np.maximum(before - after, 0)
    swaps = np.minimum(came.sum(2), went.sum(2))
    relabelled, lost = _first(came, swaps), _first(went, swaps)
    came, went = came - relabelled, went - lost
    moves = np.minimum(came.sum(2), went.sum(2)[::-1])
    moved = _first(came, moves)
    came, went = came - moved, went - _first(went, moves[::-1])
    again = came * (before.sum((0, 2)) > 0)[None, :, None]

    found = {"added": came, "removed": went, "relabelled": relabelled, "moved": moved}
    tables = found | {"again": again, "same": after - came - relabelled - moved}
    places_of = np.split(places, np.cumsum([len(some) for some in labels])[:-1])
    shown = []
    for kind, table in found.items():
        first = 0 if kind == "removed" else 2
        for split, picture, digit in _spread(table, examples):
            here = places_of[first + split] == picture
            here &= labels[first + split] == digit
            was = int(lost[split, picture].argmax()) if kind == "relabelled" else None
            index = int(np.flatnonzero(here)[0])
            shown.append(Example(kind, SPLITS[split], index, int(digit), was))
    return Changes(
        {
            (split, kind): table[number].sum(0)
            for number, split in enumerate(SPLITS)
            for kind, table in tables.items()
        },
        shown,
    )


def picture_keys(images: np.ndarray) -> np.ndarray:
    """(N,) uint64 of (N, 28, 28) uint8: the same for the same bytes. Of 200,000 pictures two
    different ones share a key with a probability of one in a thousand million."""
    digests = (blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), np.uint64)


def _first(table: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Of each row (..., 10) of counts the first `amount` (...), the lowest digits first."""
    filled = np.minimum(np.cumsum(table, axis=-1), amount[..., None])
    return np.diff(filled, axis=-1, prepend=0)


def _spread(table: np.ndarray, most: int) -> np.ndarray:
    """(M, 3) places of what is not zero in a (split, picture, digit) table, digits in turn."""
    places = np.argwhere(table)
    groups = places[:, 0] * CLASSES + places[:, 2]
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    turn = np.arange(len(order)) - starts  # how many of the same digit come before
    chosen = order[np.argsort(turn, kind="stable")[:most]]
    return places[chosen[np.argsort(groups[chosen], kind="stable")]]
