import numpy as np
import pytest

from training.ml.occlusion import GREY, MARGIN, PATCH, Explanation, cover, explain


def block(row: int, column: int) -> np.ndarray:
    image = np.zeros((28, 28), np.uint8)
    image[row : row + 4, column : column + 4] = 255
    return image


def reader_of(row: int, column: int):
    """A model that reads 3 as surely as there is ink in one place, else 8."""

    def read(images: np.ndarray) -> np.ndarray:
        ink = images[:, row : row + 4, column : column + 4].mean(axis=(1, 2)) / 255
        probabilities = np.full((len(images), 10), 0.01, np.float32)
        probabilities[:, 3] = 0.02 + 0.7 * ink
        probabilities[:, 8] = 0.9 - 0.87 * ink
        return probabilities

    return read


def test_the_first_image_is_the_untouched_one_and_each_other_has_one_grey_patch():
    image = block(8, 12)
    covering = cover(image)
    assert (covering.images[0] == image).all()
    for covered, (row, column) in zip(covering.images[1:], covering.corners, strict=True):
        patch = (slice(row, row + PATCH), slice(column, column + PATCH))
        assert (covered[patch] == GREY).all()
        covered[patch] = image[patch]
        assert (covered == image).all()


@pytest.mark.parametrize(("row", "column"), [(8, 12), (0, 0), (24, 24), (24, 0)])
def test_all_ink_is_covered_and_nothing_far_from_it(row, column):
    image = block(row, column)
    corners = cover(image).corners
    touched = np.zeros((28, 28), bool)
    for top, left in corners:
        assert min(top, left) >= 0
        assert max(top, left) <= 28 - PATCH
        touched[top : top + PATCH, left : left + PATCH] = True
    assert touched[image > 0].all()
    rows, columns = np.nonzero(touched)
    assert rows.min() >= row - MARGIN - 1
    assert rows.max() <= row + 3 + MARGIN
    assert columns.min() >= column - MARGIN - 1
    assert columns.max() <= column + 3 + MARGIN


def test_a_whole_digit_is_one_batch_of_at_most_169():
    image = np.full((28, 28), 255, np.uint8)
    assert len(cover(image).corners) == 169


def test_the_heat_is_where_the_answer_comes_from():
    image = block(6, 18) + block(18, 6)
    covering = cover(image)
    found = explain(covering, reader_of(6, 18)(covering.images))
    assert found.answer == 3
    assert found.heat.max() == 1
    assert found.heat[6:10, 18:22].min() > 0.1
    assert np.abs(found.heat[18:22, 6:10]).max() == 0
    assert found.place == "upper right"
    assert (found.label, found.confidence) == (8, pytest.approx(0.463, abs=0.01))
    assert found.sentence == (
        "The upper right decides: with it covered, the model would read 8 instead of 3."
    )


def test_ink_that_speaks_against_the_answer_is_cold():
    covering = cover(block(6, 18) + block(18, 6))
    doubt = covering.images[:, 18:22, 6:10].mean(axis=(1, 2)) / 255
    probabilities = np.full((len(doubt), 10), 0.01)
    probabilities[:, 9] = 0.9 - 0.3 * doubt
    probabilities[:, 4] = 0.02 + 0.3 * doubt
    found = explain(covering, probabilities)
    assert found.answer == 9
    assert found.heat.min() < -0.5
    assert found.heat[18:22, 6:10].max() < 0
    assert np.abs(found.heat[6:10, 18:22]).max() == 0


def test_a_change_that_is_hardly_there_is_not_painted_in_full_colour():
    covering = cover(block(8, 8))
    probabilities = np.full((len(covering.images), 10), 0.01)
    probabilities[:, 5] = 0.91
    probabilities[1, 5] = 0.909
    found = explain(covering, probabilities)
    assert 0 < found.heat.max() < 0.1
    assert found.sentence == (
        "No single part decides: whatever is covered, the model still reads 5, at least 90 % sure."
    )


@pytest.mark.parametrize(
    ("corner", "place"),
    [
        ((4, 4), "upper left"),
        ((12, 4), "left side"),
        ((12, 12), "middle"),
        ((4, 12), "upper middle"),
        ((20, 20), "lower right"),
        ((12, 20), "right side"),
        ((0, 24), "upper right"),
    ],
)
def test_places_have_names(corner, place):
    image = block(*corner)
    covering = cover(image)
    assert explain(covering, reader_of(*corner)(covering.images)).place == place


def test_a_sure_answer_is_never_called_surer_than_it_is():
    found = Explanation(7, np.zeros((28, 28)), "middle", 7, 0.998)
    assert "at least 99 % sure" in found.sentence
