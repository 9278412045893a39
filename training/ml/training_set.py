"""What a run learns from and what it is validated on: chosen from a seed, the same every time."""

import numpy as np

from training.ml.allographs import draw_forms
from training.ml.hyperparameters import Hyperparameters

# Streams of random numbers, so that no two uses of one seed share numbers; `trainer` has others.
_SPLIT, _FORMS = 1, 4


def split_indices(images: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training indices, validation indices) of images; the same for the same seed.

    Copies of an image, as a mixture has them, are on the side of the first one, so that validation
    asks for nothing that was learned; there, the first one stands for all.
    """
    order = np.random.default_rng([seed, _SPLIT]).permutation(len(images))
    aside = np.zeros(len(images), dtype=bool)
    aside[order[: round(len(images) * share)]] = True
    _, firsts, group = np.unique(_fingerprints(images), return_index=True, return_inverse=True)
    first = firsts[group]
    is_first = first == np.arange(len(images))
    return np.flatnonzero(~aside[first]), np.flatnonzero(aside & is_first)


def with_drawn_forms(
    images: np.ndarray, labels: np.ndarray, hyperparameters: Hyperparameters
) -> tuple[np.ndarray, np.ndarray]:
    """images (N, 28, 28) uint8 and labels (N,), then the share of drawn forms asked for."""
    count = round(len(labels) * hyperparameters.drawn_forms)
    if not count:
        return images, labels
    seed = int(np.random.SeedSequence([hyperparameters.seed, _FORMS]).generate_state(1)[0])
    drawn = draw_forms(count, seed)
    return np.concatenate([images, drawn[0]]), np.concatenate([labels, drawn[1]])


def _fingerprints(images: np.ndarray) -> np.ndarray:
    """(N,) uint64: equal for equal images; for two that differ, equal by a chance of 2^-64."""
    pixels = images.reshape(len(images), -1)
    factors = np.random.default_rng(0).integers(0, 2**64, pixels.shape[1], np.uint64)
    return np.einsum("np,p->n", pixels, factors, dtype=np.uint64, casting="unsafe")
