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

_CLEAN = 2
"""Grey levels of 255 within which the paper of a clean picture is all the same."""

_STRAYS = 0.005
"""Of a clean picture's other pixels, at most this share is not on the ink's side of the paper."""

_SAMPLE_SIDE = 200
"""Which side of the paper the ink is on is found on about so many rows and columns."""

_PAPER_SIDE = 40
"""The paper's light is fitted to about so many rows and columns."""


_SETTLED = 1e-4
"""Share of full range: the fit of the paper's light ends when it changes by no more."""


def ink_on_paper(grey: np.ndarray) -> np.ndarray | None:
    """How much of each pixel is ink: (H, W) float32 in [0, 1]; None where nothing stands out.

    `grey` (H, W) uint8 is luminance. Ink is narrow, and darker or lighter than the paper both
    next to it and on the whole: the edge of a shadow is not narrow, and the inside of a zero is no
    lighter than the paper on the whole.
    """
    ink = _on_clean_paper(grey)
    if ink is None:
        ink = _on_uneven_paper(grey)
    return None if ink is None else _keep_digit(ink)


def _on_clean_paper(grey: np.ndarray) -> np.ndarray | None:
    """The short way for scans and drawing programs, whose paper has one grey level up to the
    picture's edge: as `_on_uneven_paper`, from the 256 grey levels; None for other pictures."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = int(edge[0])
    if int(edge.max()) - paper > _CLEAN or paper - int(edge.min()) > _CLEAN:
        return None
    counts = np.array(Image.fromarray(grey).histogram())
    darker, lighter = max(paper - _CLEAN, 0), paper + _CLEAN + 1
    dark, light = counts[:darker].sum(), counts[lighter:].sum()
    if dark + light > grey.size / 2 or min(dark, light) > _STRAYS * max(dark, light):
        return None
    strength = np.arange(256, dtype=np.float32) - paper
    strength = np.maximum(strength if light > dark else -strength, 0) / 255
    levels = np.flatnonzero((strength > _LEAST_CONTRAST) & (counts > 0))
    if not levels.size:
        return None
    ink = np.minimum(strength / _full_ink_counted(strength[levels], counts[levels]), 1)
    inked_levels = np.flatnonzero(ink > 0.5)
    inked = grey >= inked_levels[0] if light > dark else grey <= inked_levels[-1]
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    high, wide = (int(line[-1] - line[0]) + 1 for line in (rows, columns))
    # A filled area is no stroke; there may be a digit in it.
    if np.count_nonzero(inked) > 0.6 * high * wide and min(high, wide) > _WIDEST_PEN * max(
        grey.shape
    ):
        return None
    # Nobody asks for what is farther than a pixel from the ink.
    box = tuple(slice(max(line[0] - 1, 0), line[-1] + 2) for line in (rows, columns))
    found = np.zeros(grey.shape, np.float32)
    found[box] = ink[grey[box]]
    return found


def _on_uneven_paper(grey: np.ndarray) -> np.ndarray | None:
    values = grey.astype(np.float32) / 255
    offset = values - _paper(values)
    step = max(1, max(grey.shape) // _SAMPLE_SIDE)
    few, small = offset[::step, ::step], _small(offset)
    sides = []
    for sign in (-1, 1):
        side, ground = sign * few, _ground(sign * small)
        sides.append((side, _less_ground(side, ground), ground, sign))
    found = max(sides, key=lambda side: _weight(np.minimum(side[0], side[1])))
    if _weight(np.minimum(found[0], found[1])) == 0:
        found = max(sides, key=lambda side: _weight(side[0]))
    *_, ground, sign = found
    side = offset if sign > 0 else -offset
    narrow = _less_ground(side, ground)
    level, broad_level = _ink_level(narrow), _ink_level(side)
    # A marker's blots are wider than a pen, but not by as much as a shadow.
    if broad_level is not None and (
        level is None or _area(side, broad_level) < _BLOTS * _area(narrow, level)
    ):
        narrow, level = side, broad_level
    return None if level is None else np.clip(narrow / level, 0, 1)


def _area(values: np.ndarray, level: float) -> int:
    return int(np.count_nonzero(values > 0.5 * level))


def _least(values: np.ndarray) -> float:
    """What ink must exceed in `values` (H, W), most of which are paper, given their grain."""
    step = _step_of_grain(values)
    return max(_LEAST_CONTRAST, 5 * 1.4826 * float(np.median(np.abs(values[::step, ::step]))))


def _step_of_grain(values: np.ndarray) -> int:
    """A few thousand of `values` (H, W) tell as much about paper as all of them."""
    return 1 + max(values.shape) // 64


def _weight(values: np.ndarray) -> float:
    return float(values[values > _least(values)].sum())


def _ink_level(values: np.ndarray) -> float | None:
    """What full ink is in `values` (H, W); None where nothing stands out."""
    strong = values[values > _least(values)]
    return _full_ink(strong) if strong.size else None


def _full_ink(strong: np.ndarray) -> float:
    """What full ink is in `strong` (N,), the values that stand out."""
    return float(np.median(strong[strong > _half_of_ink(strong)]))


def _full_ink_counted(levels: np.ndarray, counts: np.ndarray) -> float:
    """`_full_ink` of `levels` (N,), each of which is there `counts` (N,) times."""
    upper = levels > _half_of_ink(levels, counts)
    levels, counts = levels[upper], counts[upper]
    order = np.argsort(levels)
    until = np.cumsum(counts[order])
    middles = np.searchsorted(until, [(until[-1] - 1) // 2, until[-1] // 2], side="right")
    return float(levels[order[middles]].mean())


def _small(values: np.ndarray) -> np.ndarray:
    """`values` (H, W) float32 averaged down to about 100 rows and columns."""
    few = max(1, round(max(values.shape) / 100))
    return np.asarray(Image.fromarray(values).reduce(few)) if few > 1 else values


def _ground(small: np.ndarray) -> np.ndarray:
    """What of `small` (H, W) is wider than a pen."""
    from scipy import ndimage

    window = max(3, round(_WIDEST_PEN * max(small.shape)))
    return ndimage.grey_opening(small, (window, window), mode="nearest")


def _less_ground(side: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """What stands out of `side` (H, W) beyond its `ground`: the white top-hat."""
    if ground.shape != side.shape:
        image = Image.fromarray(ground)
        ground = np.asarray(image.resize(side.shape[::-1], Image.Resampling.BILINEAR))
    narrow = side - ground
    step = _step_of_grain(narrow)
    narrow -= np.median(narrow[::step, ::step])
    return narrow


def _paper(grey: np.ndarray) -> np.ndarray:
    """The light of the paper under the ink: (H, W), a quadratic surface of the coordinates."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape)
    step = max(1, max(grey.shape) // _PAPER_SIDE)
    values = grey[::step, ::step].ravel().astype(float)
    rows, columns = (axis.ravel() for axis in np.meshgrid(y[::step], x[::step], indexing="ij"))
    terms = [np.ones_like(rows), columns, rows, columns**2, columns * rows, rows**2]
    sample = np.stack(terms).astype(float)
    surface = np.zeros(6)
    surface[0] = np.median(values)
    for _ in range(8):
        away = np.abs(values - surface @ sample)
        spread = max(1.4826 * float(np.median(away)), 0.01)
        ratio = away / (2 * spread)
        ratio *= ratio
        weighted = sample / (1 + ratio * ratio)
        before = surface
        surface = np.linalg.solve(weighted @ sample.T + 1e-6 * np.eye(6), weighted @ values)
        if np.abs(surface - before).max() < _SETTLED:
            break
    one, right, down, right2, cross, down2 = surface.astype(np.float32)
    across = one + right * x + right2 * x * x
    paper = (cross * y)[:, None] * x
    paper += across
    paper += (down * y + down2 * y * y)[:, None]
    return paper


def _half_of_ink(values: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Half the strength of full ink, where a stroke's soft edge has its middle.

    Full ink is the mean of the upper of the two most unlike groups of `values` (N,) (Otsu, 1979),
    each of which is there once, or `counts` (N,) times.
    """
    bins = 64
    width = float(values.max()) / bins
    places = (values * (1 / width)).astype(np.int64).clip(max=bins - 1)
    histogram = np.bincount(places, counts, minlength=bins)
    middles = (np.arange(bins) + 0.5) * width
    below = np.cumsum(histogram)
    above = below[-1] - below
    sums = np.cumsum(histogram * middles)
    apart = sums / np.maximum(below, 1) - (sums[-1] - sums) / np.maximum(above, 1)
    best = int(np.argmax(np.where((below > 0) & (above > 0), below * above * apart**2, -1.0)))
    upper = values >= best * width
    if counts is None:
        return float(values[upper].mean()) / 2
    return float(values[upper] @ counts[upper] / counts[upper].sum()) / 2


def _keep_digit(ink: np.ndarray) -> np.ndarray | None:
    """Drop specks, frames, and what comes in from the border if a digit is inside."""
    from scipy import ndimage

    inked = ink > 0.5
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    labels, count = ndimage.label(inked[box], np.ones((3, 3)))
    if count == 1:
        return ink
    sizes = np.bincount(labels.ravel())[1:].astype(float)
    unlikely = np.zeros(count, bool)
    unlikely[_on_border(labels, box, ink.shape) - 1] = True
    for index, place in enumerate(ndimage.find_objects(labels)):
        unlikely[index] |= _is_frame(labels[place] == index + 1)
    if not unlikely.all() and sizes[~unlikely].max() > 0.1 * sizes.max():
        sizes[unlikely] = 0
    keep = np.concatenate([[False], sizes >= 0.04 * sizes.max()])
    kept = np.zeros(ink.shape, np.uint8)
    kept[box] = keep[labels]
    # The soft edge around a part stays with it.
    return np.where(ndimage.maximum_filter(kept, 5), ink, 0)


def _on_border(labels: np.ndarray, box: tuple[slice, slice], shape: tuple[int, int]) -> np.ndarray:
    """The `labels` (of the `box` in a picture of that shape) that touch the picture's border."""
    rows, columns = box
    lines = [
        (rows.start == 0, labels[0]),
        (rows.stop == shape[0], labels[-1]),
        (columns.start == 0, labels[:, 0]),
        (columns.stop == shape[1], labels[:, -1]),
    ]
    touching = np.unique(np.concatenate([[0], *(line for at_edge, line in lines if at_edge)]))
    return touching[1:].astype(int)


def _is_frame(part: np.ndarray, edge: int = 2) -> bool:
    """Whether the ink of `part` (H, W), cut to its box, lies nearly all along that box."""
    if min(part.shape) < 5 * edge:
        return False
    return np.count_nonzero(part[edge:-edge, edge:-edge]) < 0.1 * np.count_nonzero(part)
