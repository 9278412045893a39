"""A small set of digits stirred into a large one, at a chosen share of the training split."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from training.ml.digits import Digits

DEFAULT_SMALL_SHARE = 0.2
"""Of the training split. With drawings as the small set, models read people who had not drawn for
them better than with 0.3 (benchmarks/rounds.py)."""

MOST_COPIES = 30
"""An image repeated more often than this would be learned by heart, whatever share is asked for."""


@dataclass(frozen=True)
class Mixture:
    """digits: the large set's images in their order, then the small set's, repeated; the test split
    is the large set's. sources: (R,) which image of the small set each of the last R images is."""

    digits: Digits
    sources: np.ndarray

    @property
    def share(self) -> float:
        """What share of the training split the small set makes up, 0..1."""
        return len(self.sources) / len(self.digits.train_labels)


def mix(large: Digits, small: Digits, *, large_share: float) -> Mixture:
    """All training images of `large`, and those of `small` in turn until they fill their share.

    large_share: 0..1. Every image of `small` goes in at least once, whatever the share, and at most
    MOST_COPIES times; after whole rounds, the first ones go in once more than the last. The same
    arrays and share give the same result.
    """
    count = len(small.train_labels)
    sources = np.resize(np.arange(count), slots(len(large.train_labels), count, large_share))
    return Mixture(
        Digits(
            np.concatenate([large.train_images, small.train_images[sources]]),
            np.concatenate([large.train_labels, small.train_labels[sources]]),
            large.test_images,
            large.test_labels,
        ),
        sources,
    )


def slots(large: int, small: int, large_share: float) -> int:
    """How many training images `small` images fill beside `large` others; see `mix`."""
    most = small * MOST_COPIES
    wanted = ceil(large * (1 - large_share) / large_share) if large_share > 0 else most
    return min(max(wanted, small), most)
