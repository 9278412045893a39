"""Measured of bars whose width, slant and size are known."""

import numpy as np
import pytest
from scipy import ndimage

from training.ml.traits import pen_width, size, slant

BLANK = np.zeros((1, 28, 28), np.uint8)


def bar(width: float, degrees: float = 0.0, height: int = 20) -> np.ndarray:
    """(28, 28) uint8: an upright bar with soft edges, leaning to the right by some degrees."""
    fine = np.zeros((280, 280))
    y, x = np.mgrid[0:280, 0:280] / 10 + 0.05
    axis = 14 - np.tan(np.radians(degrees)) * (y - 14)
    fine[(abs(x - axis) < width / 2) & (abs(y - 14) < height / 2)] = 255
    return np.rint(fine.reshape(28, 10, 28, 10).mean(axis=(1, 3))).astype(np.uint8)


@pytest.mark.parametrize("width", [2.0, 2.5, 4.0])
def test_the_pens_width_is_the_bars_whatever_its_edges(width):
    sharp = bar(width)
    soft = ndimage.gaussian_filter(sharp, 0.4)
    assert pen_width(np.stack([sharp, soft])) == pytest.approx([width, width], rel=0.15)


@pytest.mark.parametrize("degrees", [-20, 0, 20])
def test_slant_is_the_angle_to_the_right(degrees):
    assert slant(bar(2.5, degrees)[None])[0] == pytest.approx(degrees, abs=1.5)


def test_size_is_the_side_of_a_square_as_large_as_the_box():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:15] = 255
    image[0, 0] = 30  # a speck that is hardly there
    assert size(image[None])[0] == pytest.approx(10)


@pytest.mark.parametrize("trait", [pen_width, slant, size])
def test_a_blank_image_has_none_and_no_image_gives_nothing(trait):
    assert trait(BLANK).tolist() == [0]
    assert trait(BLANK[:0]).shape == (0,)
