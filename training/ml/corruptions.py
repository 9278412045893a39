"""Damage that happens to real drawings and photos, in three strengths, the same every time.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", and MNIST-C (Mu and Gilmer, 2019), with fewer kinds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

STRENGTHS = ("slight", "medium", "strong")
_SEED = 20240611


@dataclass(frozen=True)
class Corruption:
    """A kind of damage. amounts: what `apply` is given at each of the three strengths."""

    name: str
    meaning: str
    unit: str
    amounts: tuple[float, float, float]
    apply: Callable[[np.ndarray, float], np.ndarray]


def corrupt(corruption: Corruption, strength: int, images: np.ndarray) -> np.ndarray:
    """(N, 28, 28) uint8 after the damage. images: the same, unchanged. strength: 0, 1 or 2.

    The same images give the same result, whatever else is computed.
    """
    floats = images.astype(np.float32) / 255
    changed = corruption.apply(floats, corruption.amounts[strength])
    return np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)


def _noise(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(_SEED).standard_normal(images.shape, dtype=np.float32)
    return images + deviation * noise


def _blur(images: np.ndarray, radius: float) -> np.ndarray:
    return ndimage.gaussian_filter(images, (0, radius, radius), mode="constant")


def _rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Every other image turns the other way."""
    turned = np.empty_like(images)
    for start, sign in ((0, 1), (1, -1)):
        turned[start::2] = ndimage.rotate(
            images[start::2], sign * degrees, axes=(2, 1), reshape=False, order=1
        )
    return turned


def _scale(images: np.ndarray, factor: float) -> np.ndarray:
    """About the middle of the image."""
    middle = (images.shape[1] - 1) / 2
    return ndimage.affine_transform(
        images,
        np.array([1, 1 / factor, 1 / factor]),
        offset=(0, middle - middle / factor, middle - middle / factor),
        order=1,
    )


def _thin(images: np.ndarray, share: float) -> np.ndarray:
    """That share of the way to the minimum over each pixel and its four neighbours; from 1 on,
    twice."""
    return _towards(images, share, ndimage.grey_erosion)


def _thick(images: np.ndarray, share: float) -> np.ndarray:
    return _towards(images, share, ndimage.grey_dilation)


def _towards(images: np.ndarray, share: float, end: Callable) -> np.ndarray:
    cross = ndimage.generate_binary_structure(2, 1)[None]
    while share > 0:
        images = images + min(share, 1) * (end(images, footprint=cross, mode="constant") - images)
        share -= 1
    return images


def _contrast(images: np.ndarray, left: float) -> np.ndarray:
    """Ink and paper come nearer to the image's mean: `left` is what remains of the difference."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + (images - mean) * left


def _occlude(images: np.ndarray, side: float) -> np.ndarray:
    """A black square of so many pixels, each image's own, within the middle 20 x 20."""
    side = int(side)
    rng = np.random.default_rng(_SEED)
    corners = rng.integers(4, 24 - side + 1, (len(images), 2))
    covered = images.copy()
    for image, (row, column) in zip(covered, corners, strict=True):
        image[row : row + side, column : column + side] = 0
    return covered


CORRUPTIONS = (
    Corruption("Noise", "Grain, as of a camera in the dark", "of white", (0.1, 0.25, 0.4), _noise),
    Corruption("Blur", "Out of focus", "px", (0.7, 1.2, 1.8), _blur),
    Corruption("Rotation", "Turned, half of them each way", "°", (10, 20, 35), _rotate),
    Corruption("Scale", "Drawn smaller in the frame", "×", (0.85, 0.7, 0.55), _scale),
    Corruption("Thin", "A finer pen", "px finer", (0.35, 0.7, 1.0), _thin),
    Corruption("Thick", "A broader pen", "px broader", (0.5, 1.0, 1.7), _thick),
    Corruption("Contrast", "Pale ink on grey paper", "is left", (0.6, 0.35, 0.2), _contrast),
    Corruption("Occlusion", "A part is covered", "px square", (4, 6, 9), _occlude),
)
