import numpy as np
import pytest

from training.ml import error_map as module
from training.ml.error_map import error_map


def test_all_misread_and_some_right_images_are_placed_the_same_every_time(monkeypatch):
    monkeypatch.setattr(module, "RIGHT_MOST", 60)
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(size=(60, 8)), rng.normal(8, 1, size=(60, 8))])
    wrong = np.zeros(120, bool)
    wrong[[3, 50, 110]] = True
    drawn = error_map(features.astype(np.float32), wrong, np.full(120, 0.9))
    again = error_map(features.astype(np.float32), wrong, np.full(120, 0.9))
    assert {3, 50, 110} <= set(drawn.indices)
    assert drawn.places.shape == (63, 2)
    assert np.abs(drawn.places).max() == pytest.approx(1)
    assert (drawn.places == again.places).all()
    first = drawn.indices < 60
    apart = np.linalg.norm(drawn.places[first].mean(0) - drawn.places[~first].mean(0))
    assert apart > 0.5  # two groups of features are two groups on the map


@pytest.mark.parametrize("count", [0, 1, 4, 20])
def test_few_or_equal_images_have_places_too(count):
    drawn = error_map(np.ones((count, 8), np.float32), np.ones(count, bool), np.ones(count))
    assert drawn.places.shape == (count, 2)
    assert np.isfinite(drawn.places).all()
