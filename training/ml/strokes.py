"""From pen strokes to the picture a model sees.

The strokes are the truth: they are scaled, redrawn with a pen as wide as MNIST's and centred by
mass, so the picture does not depend on the canvas, its pen, the pressure or where one drew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from training.ml.ink import BOX, CENTRE, EDGE, PEN, SIDE, DrawingError, centre_of_mass

MAX_POINTS = 20_000
MAX_STROKES = 500
MAX_COORDINATE = 1e6

DOT_SIZE = 0.01
"""A drawing smaller than this (1 % of the canvas) stays as small as it is: it is a dot."""

_STEP = 1.0
"""Longest piece of a stroke, in pixels, that is drawn in one window."""

_EXACT_PIECES = 600
"""Above this many pieces the path is reduced to a grid of 1/16 px before it is drawn."""

_CELLS_A_PIXEL = 16
_MAX_PIECES = 30_000

Strokes = Sequence[Sequence[Sequence[float]]]


def strokes_to_image(strokes: Strokes, *, pen: float = PEN) -> np.ndarray:
    """Draw `strokes` as MNIST would have: (28, 28) uint8, white ink on black.

    `strokes` is a list of strokes, each a list of points `[x, y]`, `[x, y, t]` or
    `[x, y, t, pressure]`: x and y as shares of the canvas, y down; time and pressure are ignored.
    `pen` is the width of the pen in pixels of the result.

    A dot (or one point repeated) gives a dot in the middle; a straight line gives a line of 20 px.
    Raises DrawingError with code `empty`, `malformed`, `not_finite`, `out_of_range` or `too_long`.
    """
    return _draw(read_strokes(strokes), pen)


def read_strokes(strokes: Strokes) -> list[np.ndarray]:
    """Validate: a list of (points, 2) float64 arrays, one for each stroke that has a point.

    Raises DrawingError as `strokes_to_image` does.
    """
    if isinstance(strokes, (str, bytes, dict)) or not isinstance(strokes, Iterable):
        raise DrawingError("malformed", "A drawing is a list of strokes.")
    paths: list[np.ndarray] = []
    points = 0
    for number, stroke in enumerate(strokes):
        if number >= MAX_STROKES:
            raise DrawingError("too_long", f"A drawing has at most {MAX_STROKES} strokes.")
        path = _read_stroke(stroke)
        points += len(path)
        if points > MAX_POINTS:
            raise DrawingError(
                "too_long", f"A drawing has at most {MAX_POINTS:,} points; this one has more."
            )
        if len(path):
            paths.append(path)
    if not paths:
        raise DrawingError("empty", "There is nothing drawn yet.")
    return paths


def _read_stroke(stroke: Sequence[Sequence[float]]) -> np.ndarray:
    if isinstance(stroke, (str, bytes, dict)) or not hasattr(stroke, "__len__"):
        raise DrawingError("malformed", "A stroke is a list of points.")
    if len(stroke) == 0:
        return np.empty((0, 2))
    if len(stroke) > MAX_POINTS:
        raise DrawingError(
            "too_long", f"A drawing has at most {MAX_POINTS:,} points, got {len(stroke):,}."
        )
    try:
        path = np.array([(point[0], point[1]) for point in stroke])
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        path = None
    if path is None or path.shape != (len(stroke), 2) or path.dtype.kind not in "fiu":
        raise DrawingError("malformed", "A point is [x, y], with time and pressure if known.")
    path = path.astype(float)
    if not np.isfinite(path).all():
        raise DrawingError("not_finite", "A coordinate is not a finite number.")
    largest = float(np.abs(path).max())
    if largest > MAX_COORDINATE:
        raise DrawingError(
            "out_of_range",
            f"Coordinates run from 0 to 1, at most {MAX_COORDINATE:,.0f}; got {largest:,.0f}.",
        )
    return path


def draw_paths(drawings: Sequence[list[np.ndarray]], pens: np.ndarray) -> np.ndarray:
    """Drawings as `read_strokes` gives them, each with a pen of its own: (N, 28, 28) uint8.

    All at once, which costs a third of one after another.
    """
    parts = [_fitted(paths, pen) for paths, pen in zip(drawings, pens, strict=True)]
    counts = [len(starts) for starts, _ in parts]
    which = np.repeat(np.arange(len(parts)), counts)
    starts, ends = (np.concatenate(ends_of) for ends_of in zip(*parts, strict=True))
    widths = np.repeat(pens, counts)
    rough = _ink(starts + CENTRE, ends + CENTRE, widths, which, len(parts))
    shift = 2 * CENTRE - np.array([centre_of_mass(picture) for picture in rough])[which]
    fine = _ink(starts + shift, ends + shift, widths, which, len(parts))
    return np.rint(fine * 255).astype(np.uint8)


def _draw(paths: list[np.ndarray], pen: float) -> np.ndarray:
    starts, ends = _fitted(paths, pen)
    rough = _ink(starts + CENTRE, ends + CENTRE, pen)[0]
    shift = CENTRE + (CENTRE - np.array(centre_of_mass(rough)))
    return np.rint(_ink(starts + shift, ends + shift, pen)[0] * 255).astype(np.uint8)


def _fitted(paths: list[np.ndarray], pen: float) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of a drawing in pixels, about its middle: (K, 2) and (K, 2)."""
    everything = np.concatenate(paths)
    low, high = everything.min(axis=0), everything.max(axis=0)
    # The pen goes half its width beyond the points at either end of the box.
    scale = (BOX - pen) / max(float((high - low).max()), DOT_SIZE)
    return _pieces([(path - (low + high) / 2) * scale for path in paths])


def _pieces(paths: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Cut the paths (in pixels) into straight pieces no longer than a pixel: (K, 2) and (K, 2)."""
    starts = np.concatenate([path[:-1] if len(path) > 1 else path for path in paths])
    ends = np.concatenate([path[1:] if len(path) > 1 else path for path in paths])
    if len(starts) > _EXACT_PIECES:
        starts, ends = _on_grid(starts, ends)
    counts = np.ceil(np.hypot(*(ends - starts).T) / _STEP).astype(int).clip(min=1)
    if counts.sum() > _MAX_PIECES:
        return _as_dots(starts, ends, counts)
    if (counts > 1).any():
        which = np.repeat(np.arange(len(starts)), counts)
        first = np.cumsum(counts) - counts
        share = ((np.arange(len(which)) - first[which]) / counts[which])[:, None]
        step = ((ends - starts) / counts[:, None])[which]
        starts = starts[which] + share * (ends - starts)[which]
        ends = starts + step
    return starts, ends


def _on_grid(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move the ends of pieces to a grid of 1/16 px and keep each piece of the path once."""
    cells = np.rint(np.hstack([starts, ends]) * _CELLS_A_PIXEL).astype(np.int16)
    # Four numbers of 16 bits are one of 64: far quicker to sort than rows are.
    cells = np.unique(cells.view(np.int64)).view(np.int16).reshape(-1, 4)
    moved = (cells[:, :2] != cells[:, 2:]).any(axis=1)
    # Where the pen rested on a line there is the line's ink; elsewhere it left a dot.
    inked = np.ascontiguousarray(cells[moved]).view(np.int32)
    dots = np.ascontiguousarray(cells[:, :2]).view(np.int32)[:, 0]
    pieces = cells[moved | ~np.isin(dots, inked)] / _CELLS_A_PIXEL
    return pieces[:, :2], pieces[:, 2:]


def _as_dots(
    starts: np.ndarray, ends: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A scribble of many crossings as the cells of 1/4 px it goes through: at most 6,400 dots."""
    half = round(BOX * 2) + 1
    seen = np.zeros((2 * half, 2 * half), bool)
    for share in np.linspace(0, 1, 4 * int(counts.max()) + 1):
        cells = np.rint((starts + share * (ends - starts)) * 4).astype(np.int16) + half
        seen[cells[:, 0], cells[:, 1]] = True
    dots = (np.argwhere(seen) - half) / 4
    return dots, dots


def _ink(
    starts: np.ndarray,
    ends: np.ndarray,
    pen: float | np.ndarray,
    which: np.ndarray | int = 0,
    count: int = 1,
) -> np.ndarray:
    """Coverage (count, 28, 28) in [0, 1] of round pens that follow the pieces `starts` to `ends`.

    pen: the width, one for all or (K,). which: the picture each piece belongs to, 0 or (K,).

    The ink at a pixel depends on its centre's distance to the nearest piece, and falls linearly
    from 1 to 0 over EDGE pixels at half the pen's width. Each piece is looked at in a small window
    only, the rest of the picture being out of its reach.
    """
    reach = int(np.ceil(np.max(pen) / 2 + EDGE / 2 + _STEP / 2 - 0.5))
    window = np.arange(-reach, reach + 1)
    corner = np.floor((starts + ends) / 2).astype(np.int32)
    columns = corner[:, 0, None] + window
    rows = corner[:, 1, None] + window
    along = ends - starts
    # Pixel centres relative to the start of the piece: x is (K, 1, W), y is (K, W, 1).
    x = ((columns + 0.5) - starts[:, 0, None])[:, None, :]
    y = ((rows + 0.5) - starts[:, 1, None])[:, :, None]
    ax, ay = along[:, 0, None, None], along[:, 1, None, None]
    length = np.maximum(ax * ax + ay * ay, 1e-12)
    nearest = np.clip((x * ax + y * ay) / length, 0.0, 1.0)
    x = x - nearest * ax
    y = y - nearest * ay
    distance = np.sqrt(x * x + y * y)
    half = np.reshape(np.asarray(pen) / 2, (-1, 1, 1))
    ink = np.clip((half - distance) / EDGE + 0.5, 0.0, 1.0)
    # A margin around the picture takes what falls outside it.
    margin = SIDE
    wide = 3 * SIDE
    rows = rows + np.reshape(which, (-1, 1)) * wide
    place = (rows[:, :, None] + margin) * wide + (columns[:, None, :] + margin)
    picture = np.zeros(count * wide * wide)
    np.maximum.at(picture, place.ravel(), ink.ravel())
    inner = slice(margin, margin + SIDE)
    return picture.reshape(count, wide, wide)[:, inner, inner]
