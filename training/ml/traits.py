"""What can be measured of a digit's picture by itself: the pen's width, the slant, the size."""

import numpy as np

INK = 64
"""A pixel from here on, of 255, belongs to the box around the ink."""


def pen_width(images: np.ndarray) -> np.ndarray:
    """(N,) float64: mean width of the strokes in pixels, 0 without ink. images: (N, 28, 28) uint8.

    A stroke of width w and length L >> w has the area w L and the outline 2 L, so w is twice the
    area over the outline. The outline is the image's total variation (the coarea formula), which
    soft edges do not change. Within 15 % from 2 pixels on; finer pens come out too wide.
    """
    ink = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.float64) / 255
    area = ink.sum(axis=(1, 2))
    # Gradients between pixels, each from the four around the point.
    across, down = np.diff(ink, axis=2), np.diff(ink, axis=1)
    across = (across[:, 1:] + across[:, :-1]) / 2
    down = (down[:, :, 1:] + down[:, :, :-1]) / 2
    outline = np.hypot(across, down).sum(axis=(1, 2))
    return 2 * area / np.where(outline > 0, outline, np.inf)


def slant(images: np.ndarray) -> np.ndarray:
    """(N,) float64: degrees by which upright strokes lean to the right, 0 without ink.

    The shear that makes the ink's second moments upright, as in deslanting of handwriting.
    """
    mass, x, y = _moments(images)
    rows = np.arange(images.shape[1]) - y[:, None]
    columns = np.arange(images.shape[2]) - x[:, None]
    ink = images.astype(np.float64)
    mixed = np.einsum("nrc,nr,nc->n", ink, rows, columns)
    upright = np.einsum("nrc,nr->n", ink, rows**2)
    shear = -mixed / np.where(upright > 0, upright, np.inf)
    return np.degrees(np.arctan(shear)) * (mass > 0)


def size(images: np.ndarray) -> np.ndarray:
    """(N,) float64: pixels, the square root of the area of the box around the ink; 0 without ink.

    MNIST scales the longer side of that box to 20 pixels, so there it tells how slim a digit is.
    """
    ink = images >= INK
    return np.sqrt(_extent(ink.any(axis=2)) * _extent(ink.any(axis=1)))


def _extent(inked: np.ndarray) -> np.ndarray:
    """(N,): from the first to the last True of each row of (N, 28)."""
    first = inked.argmax(axis=1)
    last = inked.shape[1] - 1 - inked[:, ::-1].argmax(axis=1)
    return (last - first + 1) * inked.any(axis=1)


def _moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass and centre (x, y), each (N,); the centre of nothing is 0."""
    ink = images.astype(np.float64)
    mass = ink.sum(axis=(1, 2))
    divisor = np.where(mass > 0, mass, np.inf)
    x = ink.sum(axis=1) @ np.arange(images.shape[2]) / divisor
    y = ink.sum(axis=2) @ np.arange(images.shape[1]) / divisor
    return mass, x, y
