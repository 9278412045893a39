import numpy as np
import pytest

from training.ml.neighbours import DIMENSIONS, Reduced, nearest


def points(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def test_the_nearest_are_those_of_plain_distances():
    train, queries = points(300, 8), points(40, 8, seed=1)
    indices, distances = nearest(queries, train, 10)
    plain = np.linalg.norm(queries[:, None] - train[None], axis=2)
    assert (indices == plain.argsort(axis=1)[:, :10]).all()
    assert distances == pytest.approx(np.sort(plain, axis=1)[:, :10], abs=1e-4)


def test_nobody_is_their_own_neighbour_even_among_copies():
    train = points(50, 4)
    train[10:25] = train[10]
    indices, _ = nearest(train, train, 10, same=True)
    assert indices.shape == (50, 10)
    assert not (indices == np.arange(50)[:, None]).any()
    assert set(indices[10]) <= set(range(10, 25))


def test_of_few_images_all_are_neighbours():
    assert nearest(points(3, 4), points(4, 4, seed=1), 10)[0].shape == (3, 4)
    assert nearest(points(1, 4), points(1, 4), 10, same=True)[0].shape == (1, 0)


def test_wide_features_are_reduced_and_narrow_ones_kept():
    wide = points(200, 3) @ points(3, 300, seed=2)
    reduced = Reduced(wide)
    assert reduced.train.shape == (200, DIMENSIONS)
    assert np.linalg.norm(reduced(wide[:1]) - reduced(wide[1:2])) == pytest.approx(
        np.linalg.norm(wide[0] - wide[1]), rel=1e-3
    )
    narrow = points(20, 16)
    assert (Reduced(narrow).train == narrow).all()
