"""What MNIST's ink looks like: the figures every picture of a digit is made to match.

The figures were measured on MNIST's 60,000 training images (`benchmarks/domain_gap.py --ink`
prints them); no test image and no drawing of a person went into them.
"""

from __future__ import annotations

import numpy as np

SIDE = 28
"""Pixels along one side of the picture a model sees."""

BOX = 20.0
"""Pixels along the longer side of the ink's box: true of 99.97 % of MNIST's images."""

CENTRE = 14.5
"""Where the centre of mass lies, in pixels from the edge; pixel `i` spans `i` to `i + 1`.

MNIST puts it at index 14.00 +- 0.29 (an integer shift), which is 14.5 from the edge."""

PEN = 2.5
"""Width of the pen in pixels; the median stroke of MNIST is 2.6 wide, half of all 2.1 to 3.1."""

EDGE = 1.2
"""Pixels over which the ink falls from full to none, across the edge of a stroke."""


class DrawingError(ValueError):
    """A drawing or a picture that cannot be read, said in a sentence for the person who made it.

    `code` is stable and meant for programs; the message is meant for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def centre_of_mass(ink: np.ndarray) -> tuple[float, float]:
    """The centre of mass (x, y) of `ink` (H, W), in pixels from the left and top edge.

    Raises ZeroDivisionError for a picture without ink.
    """
    columns = ink.sum(axis=0, dtype=float)
    rows = ink.sum(axis=1, dtype=float)
    total = float(columns.sum())
    if total <= 0:
        raise ZeroDivisionError("a picture without ink has no centre of mass")
    x = float(columns @ (np.arange(columns.size) + 0.5)) / total
    y = float(rows @ (np.arange(rows.size) + 0.5)) / total
    return x, y
