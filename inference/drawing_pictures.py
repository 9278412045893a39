"""Drawings as pictures for people: the strokes as SVG paths, the 28 x 28 image as PNG."""

import base64
import io
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image

SIDE = 1000
"""Side of the square that stroke paths are fitted into, in SVG units."""

INK_SHARE = 0.72
"""Share of the square that the longer side of the drawing takes."""

SMALLEST_BOX = 0.01
"""Drawings below this size (a dot) are not blown up further; in canvas units."""


def stroke_paths(strokes: Sequence[Sequence[Sequence[float]]]) -> list[str]:
    """SVG path data, one a stroke, fitted and centred in a square of SIDE.

    `strokes` are [[[x, y, ...], ...], ...] with y down, in any unit. Corners are rounded by
    quadratic curves through the middles of the segments, so that a coarse pen looks like a pen.
    """
    points = [point for stroke in strokes for point in stroke]
    if not points:
        return []
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    box = max(max(xs) - min(xs), max(ys) - min(ys), SMALLEST_BOX)
    scale = SIDE * INK_SHARE / box
    left = SIDE / 2 - scale * (max(xs) + min(xs)) / 2
    top = SIDE / 2 - scale * (max(ys) + min(ys)) / 2
    return [
        _path([(left + scale * point[0], top + scale * point[1]) for point in stroke])
        for stroke in strokes
        if stroke
    ]


def _path(points: list[tuple[float, float]]) -> str:
    start = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    if len(points) == 1:
        return f"{start}h0"  # with round caps: a dot
    pieces = [start]
    for (x, y), (after_x, after_y) in pairwise(points[1:]):
        pieces.append(f"Q{x:.0f} {y:.0f} {(x + after_x) / 2:.0f} {(y + after_y) / 2:.0f}")
    pieces.append(f"L{points[-1][0]:.0f} {points[-1][1]:.0f}")
    return "".join(pieces)


def digit_png(pixels: bytes) -> bytes:
    """PNG of 784 grey bytes, row by row. Raises ValueError for another length."""
    if len(pixels) != 784:
        raise ValueError(f"A digit has 784 pixels, got {len(pixels)}.")
    file = io.BytesIO()
    Image.frombytes("L", (28, 28), bytes(pixels)).save(file, "PNG")
    return file.getvalue()


def digit_data_uri(pixels: bytes) -> str:
    """The PNG inside the page: the review queue shows the next drawing without a second request."""
    return "data:image/png;base64," + base64.b64encode(digit_png(pixels)).decode("ascii")
