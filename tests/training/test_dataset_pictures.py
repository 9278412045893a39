import io

import numpy as np
import pytest
from PIL import Image

from tests.training.ml.synthetic import synthetic_digits
from training.dataset_pictures import NoSuchImage, image_png, sheet_png
from training.ml.digits import Digits


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "L"
        return np.asarray(image)


def one_class(values: list[int], label: int = 3) -> Digits:
    """A training split of flat images with these grey values, all of one class."""
    images = np.zeros((len(values), 28, 28), np.uint8) + np.array(values, np.uint8)[:, None, None]
    labels = np.full(len(values), label, np.uint8)
    return Digits(images, labels, images[:1], labels[:1])


def test_an_image_comes_out_as_it_is_stored():
    digits = synthetic_digits()
    np.testing.assert_array_equal(pixels(image_png(digits, "test", 5)), digits.test_images[5])
    np.testing.assert_array_equal(pixels(image_png(digits, "train", 0)), digits.train_images[0])


@pytest.mark.parametrize("index", [-1, 64, 10_000])
def test_an_index_outside_the_split_is_refused_with_the_range(index):
    with pytest.raises(NoSuchImage, match="0 to 63"):
        image_png(synthetic_digits(test=64), "test", index)


@pytest.mark.parametrize("split", ["validation", "__class__", ""])
def test_an_unknown_split_is_refused(split):
    with pytest.raises(NoSuchImage, match="train and test"):
        image_png(synthetic_digits(), split, 0)


def test_a_sheet_spreads_over_the_whole_class_in_order():
    sheet = pixels(sheet_png(one_class(list(range(1, 201))), "train", 3))
    assert sheet.shape == (56, 560)
    shown = [int(sheet[row * 28, column * 28]) for row in range(2) for column in range(20)]
    assert shown[0] == 1
    assert shown[-1] == 200
    assert shown == sorted(set(shown))


def test_a_small_class_leaves_the_rest_of_its_sheet_black():
    sheet = pixels(sheet_png(one_class([50, 60]), "train", 3))
    assert np.unique(sheet[:28, :56]).tolist() == [50, 60]
    assert not sheet[:, 56:].any()
    assert not sheet[28:].any()
