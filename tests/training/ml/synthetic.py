"""Small sets of digits that a network learns in seconds: each digit is a block of its own."""

import numpy as np

from training.ml.digits import Digits


def synthetic_digits(seed: int = 0, train: int = 256, test: int = 64) -> Digits:
    """Noisy blocks: digit d is a bright 6x6 square at place d of a 4 x 3 grid."""
    rng = np.random.default_rng(seed)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 4)
            image[2 + row * 8 :, 1 + column * 7 :][:6, :6] += 180
        return images, labels

    return Digits(*split(train), *split(test))
