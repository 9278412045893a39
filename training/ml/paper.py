"""Tell the ink of a picture from its paper: polarity, uneven light and noise."""

from __future__ import annotations

import numpy as np
from PIL import Image

_LEAST_CONTRAST = 0.06
"""Ink must stand out from the paper by this share of full range, and by five times the noise."""

_WIDEST_PEN = 0.25
"""A stroke is narrower than this share of the picture's longer side; a shadow is wider."""

_BLOTS = 3.0
"""What stands out on the whole is ink too if it covers less than this times the narrow parts."""


def ink_on_paper(grey: np.ndarray) -> np.ndarray | None:
    """How much of each pixel is ink: (H, W) float32 in [0, 1]; None where nothing stands out.

    `grey` (H, W) is luminance in [0, 1]. Ink is narrow, and darker or lighter than the paper both
    next to it and on the whole: the edge of a shadow is not narrow, and the inside of a zero is no
    lighter than the paper on the whole.
    """
    offset = grey - _paper(grey)
    sides = [(-offset, _narrow(-offset)), (offset, _narrow(offset))]
    side, narrow = max(sides, key=lambda pair: _weight(np.minimum(*pair)))
    if _weight(np.minimum(side, narrow)) == 0:
        side, narrow = max(sides, key=lambda pair: _weight(pair[0]))
    ink, broad = _as_ink(narrow), _as_ink(side)
    # A marker's blots are wider than a pen, but not by as much as a shadow.
    if broad is not None and np.count_nonzero(broad > 0.5) < _BLOTS * _area(ink):
        ink = broad
    return None if ink is None else _keep_digit(ink)


def _area(ink: np.ndarray | None) -> float:
    return np.inf if ink is None else float(np.count_nonzero(ink > 0.5))


def _least(values: np.ndarray) -> float:
    """What ink must exceed in `values` (H, W), most of which are paper, given their grain."""
    step = 1 + max(values.shape) // 100
    return max(_LEAST_CONTRAST, 5 * 1.4826 * float(np.median(np.abs(values[::step, ::step]))))


def _weight(values: np.ndarray) -> float:
    return float(values[values > _least(values)].sum())


def _as_ink(values: np.ndarray) -> np.ndarray | None:
    """`values` (H, W) as shares of full ink: (H, W) float32 in [0, 1]."""
    strong = values[values > _least(values)]
    if not strong.size:
        return None
    level = float(np.median(values[values > _half_of_ink(strong)]))
    return np.clip(values / level, 0, 1).astype(np.float32)


def _narrow(side: np.ndarray) -> np.ndarray:
    """What stands out of `side` (H, W) and is narrower than _WIDEST_PEN: the white top-hat."""
    from scipy import ndimage

    height, width = side.shape
    few = max(1, round(max(height, width) / 100))
    small = side[: height - height % few or None, : width - width % few or None]
    if few > 1:
        small = small.reshape(height // few, few, width // few, few).mean(axis=(1, 3))
    window = max(3, round(_WIDEST_PEN * max(small.shape)))
    ground = ndimage.grey_opening(small, (window, window), mode="nearest")
    if few > 1:
        image = Image.fromarray(ground.astype(np.float32))
        ground = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    narrow = side - ground
    return narrow - np.median(narrow[::few, ::few])


def _paper(grey: np.ndarray) -> np.ndarray:
    """The light of the paper under the ink: (H, W), a quadratic surface of the coordinates."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape)
    step = max(1, max(grey.shape) // 64)
    values = grey[::step, ::step].ravel().astype(float)
    rows, columns = (axis.ravel() for axis in np.meshgrid(y[::step], x[::step], indexing="ij"))
    terms = [np.ones_like(rows), columns, rows, columns**2, columns * rows, rows**2]
    sample = np.stack(terms, axis=1).astype(float)
    surface = np.zeros(6)
    surface[0] = np.median(values)
    for _ in range(8):
        away = np.abs(values - sample @ surface)
        spread = max(1.4826 * float(np.median(away)), 0.01)
        weights = 1 / (1 + (away / (2 * spread)) ** 4)
        weighted = sample * weights[:, None]
        surface = np.linalg.solve(weighted.T @ sample + 1e-6 * np.eye(6), weighted.T @ values)
    one, right, down, right2, cross, down2 = surface.astype(np.float32)
    across = one + right * x + right2 * x * x
    return across + (down * y + down2 * y * y)[:, None] + cross * y[:, None] * x


def _half_of_ink(values: np.ndarray) -> float:
    """Half the strength of full ink, where a stroke's soft edge has its middle.

    Full ink is the mean of the upper of the two most unlike groups of `values` (N,) (Otsu, 1979).
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


def _keep_digit(ink: np.ndarray) -> np.ndarray | None:
    """Drop specks, frames, and what comes in from the border if a digit is inside."""
    from scipy import ndimage

    labels, count = ndimage.label(ink > 0.5, np.ones((3, 3)))
    if count == 0:
        return None
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:].astype(float)
        unlikely = np.zeros(count, bool)
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        unlikely[np.unique(border[border > 0]) - 1] = True
        for index, place in enumerate(ndimage.find_objects(labels)):
            unlikely[index] |= _is_frame(labels[place] == index + 1)
        if not unlikely.all() and sizes[~unlikely].max() > 0.1 * sizes.max():
            sizes[unlikely] = 0
        keep = np.concatenate([[False], sizes >= 0.04 * sizes.max()])
        near = ndimage.binary_dilation(keep[labels], np.ones((3, 3)), iterations=2)
        ink = np.where(near, ink, 0)
    return ink


def _is_frame(part: np.ndarray, edge: int = 2) -> bool:
    """Whether the ink of `part` (H, W), cut to its box, lies nearly all along that box."""
    if min(part.shape) < 5 * edge:
        return False
    return np.count_nonzero(part[edge:-edge, edge:-edge]) < 0.1 * np.count_nonzero(part)
