"""Tell the ink of a picture from its paper: polarity, uneven light and noise."""

from __future__ import annotations

import numpy as np

_LEAST_CONTRAST = 0.06
"""Ink must stand out from the paper by this share of full range, and by five times the noise."""


def ink_on_paper(grey: np.ndarray) -> np.ndarray | None:
    """How much of each pixel is ink: (H, W) float32 in [0, 1]; None where nothing stands out.

    `grey` (H, W) is luminance in [0, 1]. The paper's light is a quadratic surface fitted robustly
    (the ink, being the minority, has no say); ink is what lies on the side of it, darker or
    lighter, that stands out more.
    """
    from scipy import ndimage

    offset = grey - _paper(grey)
    noise = 1.4826 * float(np.median(np.abs(offset)))
    dark, light = (_weight(side, noise) for side in (-offset, offset))
    offset = -offset if dark >= light else offset
    if max(dark, light) == 0:
        return None
    offset = np.maximum(offset, 0)
    cut = _otsu(offset[offset > _floor(noise)])
    strong = offset > cut
    level = float(np.median(offset[strong]))
    ink = np.clip((offset - noise) / max(level - noise, 1e-6), 0, 1).astype(np.float32)
    return _keep_digit(ink, ndimage)


def _floor(noise: float) -> float:
    return max(_LEAST_CONTRAST, 5 * noise)


def _weight(side: np.ndarray, noise: float) -> float:
    return float(side[side > _floor(noise)].sum())


def _paper(grey: np.ndarray) -> np.ndarray:
    """The light of the paper under the ink: (H, W), a quadratic surface of the coordinates."""
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    step = max(1, max(height, width) // 64)
    few = (slice(None, None, step), slice(None, None, step))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    sample = terms[(slice(None), *few)].reshape(6, -1).T
    values = grey[few].ravel().astype(float)
    surface = np.zeros(6)
    surface[0] = np.median(values)
    for _ in range(8):
        away = np.abs(values - sample @ surface)
        spread = max(1.4826 * float(np.median(away)), 0.01)
        weights = 1 / (1 + (away / (2 * spread)) ** 4)
        weighted = sample * weights[:, None]
        surface = np.linalg.solve(weighted.T @ sample + 1e-6 * np.eye(6), weighted.T @ values)
    return np.tensordot(surface, terms, 1)


def _otsu(values: np.ndarray) -> float:
    """The cut that parts `values` (N,) into the two most unlike groups (Otsu, 1979), halved.

    Half of the mean of the upper group is where a stroke's soft edge has its middle.
    """
    counts, edges = np.histogram(values, bins=64, range=(0.0, float(values.max())))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    best = int(np.nanargmax(np.where(above > 0, between, -1.0)))
    return float(values[values >= edges[best]].mean()) / 2


def _keep_digit(ink: np.ndarray, ndimage) -> np.ndarray | None:
    """Drop specks, and what comes in from the border of the picture if a digit is inside."""
    labels, count = ndimage.label(ink > 0.5, np.ones((3, 3)))
    if count == 0:
        return None
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:].astype(float)
        on_border = np.zeros(count, bool)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        on_border[np.unique(border[border > 0]) - 1] = True
        if not on_border.all() and sizes[~on_border].max() > 0.1 * sizes.max():
            sizes[on_border] = 0
        keep = np.concatenate([[False], sizes >= 0.04 * sizes.max()])
        near = ndimage.binary_dilation(keep[labels], np.ones((3, 3)), iterations=2)
        ink = np.where(near, ink, 0)
    return ink
