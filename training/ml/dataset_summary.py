"""What a set of digits looks like as a whole: its ink, the mean of each class, its repeats."""

from dataclasses import dataclass

import numpy as np

from training.ml.dataset_changes import picture_keys
from training.ml.digits import CLASSES, IMAGE_SIZE

INK_BINS = np.linspace(0, 0.4, 41)
"""Shares of full ink; MNIST has 0.13 on average. The last bin also takes what is above it."""
_AT_ONCE = 4096


@dataclass(frozen=True)
class Summary:
    """ink: (40,) int64, images by their mean pixel over 255, in the bins of INK_BINS.
    means: (10, 28, 28) uint8, the mean image of each class, black where it is empty.
    mean_ink: of all images, 0..1. distinct: how many different pictures there are."""

    ink: np.ndarray
    means: np.ndarray
    mean_ink: float
    distinct: int


def summarize(images: np.ndarray, labels: np.ndarray) -> Summary:
    """Of one split: images (N, 28, 28) uint8, labels (N,) uint8."""
    sums = np.zeros((CLASSES, IMAGE_SIZE, IMAGE_SIZE), np.float64)
    for digit in range(CLASSES):
        of_class = images[labels == digit]
        for at in range(0, len(of_class), _AT_ONCE):
            sums[digit] += of_class[at : at + _AT_ONCE].sum(axis=0, dtype=np.uint32)
    counts = np.bincount(labels, minlength=CLASSES)
    means = sums / np.maximum(counts, 1)[:, None, None]
    share = images.mean(axis=(1, 2), dtype=np.float32) / 255
    ink, _ = np.histogram(np.minimum(share, INK_BINS[-1]), INK_BINS)
    return Summary(
        ink=ink,
        means=np.rint(means).astype(np.uint8),
        mean_ink=float(share.mean()) if len(share) else 0.0,
        distinct=len(np.unique(picture_keys(images))),
    )
