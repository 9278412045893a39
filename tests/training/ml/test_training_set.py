"""What is learned from and what is kept aside, from a seed."""

import numpy as np
from numpy.testing import assert_array_equal

from tests.training.ml.synthetic import synthetic_digits
from training.ml.hyperparameters import Hyperparameters
from training.ml.training_set import split_indices, with_drawn_forms


def test_copies_of_an_image_are_never_learned_and_validated():
    images = synthetic_digits(train=100).train_images
    mixture = np.concatenate([images, np.resize(images[:20], (300, 28, 28))])
    kept, aside = split_indices(mixture, 0.3, seed=1)
    names = [image.tobytes() for image in mixture]
    assert not {names[i] for i in kept} & {names[i] for i in aside}
    assert len(aside) == len({names[i] for i in aside}) > 20
    assert {names[i] for i in kept} | {names[i] for i in aside} == set(names)


def test_without_copies_the_share_is_kept_aside_exactly():
    images = synthetic_digits(train=100).train_images
    kept, aside = split_indices(images, 0.3, seed=1)
    assert sorted([*kept, *aside]) == list(range(100))
    assert len(aside) == 30


def test_drawn_forms_are_added_to_what_is_learned_as_the_share_asked_for():
    digits = synthetic_digits(train=200)
    given = digits.train_images, digits.train_labels

    images, labels = with_drawn_forms(*given, Hyperparameters(drawn_forms=0.1, seed=3))
    again, _ = with_drawn_forms(*given, Hyperparameters(drawn_forms=0.1, seed=3))
    other, _ = with_drawn_forms(*given, Hyperparameters(drawn_forms=0.1, seed=4))

    assert images.shape == (220, 28, 28)
    assert labels.shape == (220,)
    assert_array_equal(images[:200], given[0])
    assert_array_equal(labels[:200], given[1])
    assert_array_equal(images, again)
    assert (images[200:] != other[200:]).any()


def test_without_drawn_forms_nothing_is_copied():
    digits = synthetic_digits(train=20)
    images, labels = with_drawn_forms(digits.train_images, digits.train_labels, Hyperparameters())
    assert images is digits.train_images
    assert labels is digits.train_labels
