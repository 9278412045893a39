import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.mixing import MOST_COPIES, mix, slots

LARGE = synthetic_digits(1, train=300, test=20)
SMALL = synthetic_digits(2, train=40, test=10)


def test_the_small_set_fills_its_share_in_whole_rounds():
    mixture = mix(LARGE, SMALL, large_share=0.75)
    assert mixture.share == pytest.approx(0.25)
    assert len(mixture.digits.train_labels) == 400
    assert np.bincount(mixture.sources).tolist() == [3] * 20 + [2] * 20
    assert (mixture.digits.train_images[:300] == LARGE.train_images).all()
    assert (mixture.digits.train_images[300:] == SMALL.train_images[mixture.sources]).all()
    assert (mixture.digits.train_labels[300:] == SMALL.train_labels[mixture.sources]).all()


def test_the_test_split_is_the_large_sets():
    digits = mix(LARGE, SMALL, large_share=0.75).digits
    assert (digits.test_images == LARGE.test_images).all()
    assert (digits.test_labels == LARGE.test_labels).all()


def test_every_image_goes_in_once_even_where_that_is_more_than_the_share():
    mixture = mix(LARGE, SMALL, large_share=0.99)
    assert mixture.sources.tolist() == list(range(40))


def test_a_few_images_are_not_repeated_without_end():
    assert slots(60_000, 3, 0.5) == 3 * MOST_COPIES
    assert slots(60_000, 3, 0.0) == 3 * MOST_COPIES


def test_the_same_share_gives_the_same_bytes():
    assert (
        mix(LARGE, SMALL, large_share=0.6).digits.digest
        == mix(LARGE, SMALL, large_share=0.6).digits.digest
        != mix(LARGE, SMALL, large_share=0.61).digits.digest
    )
