"""Distances to a shape: those of SciPy, without its milliseconds."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from training.ml.distance import peaks, squared_distance


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (33, 57), (150, 90)])
def test_squared_distances_are_exact(size, share):
    shape = np.random.default_rng(0).random(size) < share
    shape[size[0] // 2, size[1] // 3] = True

    expected = np.rint(ndimage.distance_transform_edt(~shape) ** 2)
    assert_array_equal(squared_distance(shape), expected)


@pytest.mark.parametrize("most", [1, 2.5, 7])
def test_what_is_nearer_than_the_limit_is_exact_and_the_rest_is_farther(most):
    shape = np.random.default_rng(1).random((60, 80)) < 0.01

    expected = np.rint(ndimage.distance_transform_edt(~shape) ** 2)
    found = squared_distance(shape, most)
    near = expected <= most**2
    assert_array_equal(found[near], expected[near])
    assert (found[~near] > most**2).all()


def test_without_a_shape_everything_is_far():
    assert (squared_distance(np.zeros((300, 300), bool)) > 170**2).all()


def test_peaks_are_no_lower_than_any_neighbour():
    values = np.random.default_rng(2).integers(0, 9, (30, 40))

    assert_array_equal(peaks(values), values == ndimage.maximum_filter(values, 3))
