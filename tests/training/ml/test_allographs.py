"""Digits drawn from templates: every form of every digit, the same for the same seed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from training.ml.allographs import FORMS, draw_form, draw_forms
from training.ml.preprocess import strokes_to_image


def test_every_digit_has_a_form():
    assert {form.digit for form in FORMS} == set(range(10))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.digit} {form.name}")
def test_no_two_hands_are_alike_but_all_are_legible_as_the_form(form):
    rng = np.random.default_rng(0)
    images = np.stack([strokes_to_image(draw_form(form, rng)) for _ in range(20)]).astype(float)

    lit = images.reshape(20, -1)
    lit /= np.linalg.norm(lit, axis=1, keepdims=True)
    likeness = lit @ lit.T
    assert likeness[~np.eye(20, dtype=bool)].max() < 0.999
    assert np.median(likeness) > 0.45


def test_forms_come_equally_often_and_mixed():
    images, labels = draw_forms(10 * len(FORMS), seed=1)

    assert images.shape == (10 * len(FORMS), 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    counts = np.bincount([form.digit for form in FORMS]) * 10
    assert_array_equal(np.bincount(labels), counts)
    assert len(set(labels[:20].tolist())) > 5


def test_the_same_seed_gives_the_same_bytes():
    first, again, other = (draw_forms(40, seed) for seed in (3, 3, 4))

    assert_array_equal(first[0], again[0])
    assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_pens_are_as_different_as_mnists():
    images, _ = draw_forms(300, seed=2)

    ink = images.reshape(300, -1).sum(axis=1) / 255
    # MNIST's 5th, 50th and 95th percentiles: 53, 101, 163.
    assert 40 < np.percentile(ink, 5) < 66
    assert 85 < np.median(ink) < 117
    assert 130 < np.percentile(ink, 95) < 180
