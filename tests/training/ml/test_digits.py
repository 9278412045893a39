import io

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.digits import BadDigits, Digits, load_npz, save_npz


def test_a_saved_set_is_read_back_with_the_same_digest():
    digits = synthetic_digits(train=20, test=5)
    buffer = io.BytesIO()
    save_npz(digits, buffer)
    buffer.seek(0)
    assert load_npz(buffer).digest == digits.digest


def test_one_changed_pixel_changes_the_digest():
    digits = synthetic_digits(train=20, test=5)
    changed = digits.train_images.copy()
    changed[3, 4, 5] ^= 1
    other = Digits(changed, digits.train_labels, digits.test_images, digits.test_labels)
    assert other.digest != digits.digest


def test_swapped_splits_change_the_digest():
    a = synthetic_digits(train=20, test=20)
    swapped = Digits(a.test_images, a.test_labels, a.train_images, a.train_labels)
    assert swapped.digest != a.digest


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("train_images", np.zeros((4, 28, 27), np.uint8), r"expected \(N, 28, 28\) uint8"),
        ("train_images", np.zeros((4, 28, 28), np.float32), "float32"),
        ("train_labels", np.zeros(3, np.uint8), r"expected \(4,\) uint8, got \(3,\)"),
        ("test_labels", np.array([0, 10], np.uint8), "expected 0 to 9, got 10"),
    ],
)
def test_arrays_of_another_kind_are_refused(name, value, message):
    arrays = {
        "train_images": np.zeros((4, 28, 28), np.uint8),
        "train_labels": np.zeros(4, np.uint8),
        "test_images": np.zeros((2, 28, 28), np.uint8),
        "test_labels": np.zeros(2, np.uint8),
    }
    with pytest.raises(BadDigits, match=message):
        Digits(**{**arrays, name: value})


def test_a_file_that_would_run_code_is_not_read():
    buffer = io.BytesIO()
    pickled = np.array([{"a": 1}], dtype=object)
    names = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(buffer, **dict.fromkeys(names, pickled))
    buffer.seek(0)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_npz(buffer)


def test_a_missing_array_is_named():
    buffer = io.BytesIO()
    np.savez(buffer, train_images=np.zeros((1, 28, 28), np.uint8))
    buffer.seek(0)
    with pytest.raises(BadDigits, match="train_labels"):
        load_npz(buffer)
