"""Keeps out of training what models are judged by: the leak guard, on drawings."""

from dataclasses import dataclass, field

import numpy as np

from inference.snapshot_contents import Images
from training.ml.digits import Digits
from training.models import Dataset
from training.services.datasets import load_digits
from training.services.leak_guard import screen

WHY = "The same picture, exactly or nearly, is in a split that models are judged by"


@dataclass(frozen=True)
class Apart:
    """What may be learned from, and what was left out of it.

    drawings: the training and test split of a dataset of drawings. training: which drawing each of
    its training images is. mnist: MNIST without what the drawings are judged by, None without
    MNIST. Reports are `training.services.leak_guard.screen`'s.
    """

    drawings: Digits
    training: Images
    left_out: list[int]
    report: dict
    mnist: Digits | None = None
    mnist_report: dict = field(default_factory=dict)


def keep_apart(training: Images, judging: Images, mnist: Dataset | None) -> Apart:
    """Leave out of the pool's drawings what is in any test split, and out of MNIST's training
    images what is among the drawings that judge."""
    pool = Digits(training.images, training.labels, judging.images, judging.labels)
    # A mixture's test split is that of MNIST.
    others = Dataset.objects.filter(test_count__gt=0).exclude(kind=Dataset.Kind.MIXED)
    screened = screen(pool, against=others)
    kept = screened.kept_train_indices
    leaking = np.setdiff1d(np.arange(len(training.drawings)), kept)
    apart = Apart(
        drawings=screened.digits,
        training=training.without(leaking),
        left_out=training.drawings[leaking].tolist(),
        report=screened.report,
    )
    if mnist is None or not len(kept):
        return apart
    whole = load_digits(mnist)
    learned = screen(
        Digits(
            whole.train_images,
            whole.train_labels,
            np.empty((0, 28, 28), np.uint8),
            np.empty(0, np.uint8),
        ),
        against=(),
        also={"Drawings that judge": judging.images},
    )
    digits = Digits(
        learned.digits.train_images,
        learned.digits.train_labels,
        whole.test_images,
        whole.test_labels,
    )
    return Apart(
        apart.drawings, apart.training, apart.left_out, apart.report, digits, learned.report
    )
