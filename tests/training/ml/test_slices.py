import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml.metrics import wilson_interval
from training.ml.slices import SMALL, groups_of, in_fifths, slices

RIGHT = np.array([True] * 30 + [False] * 10 + [True] * 10)


def test_the_worst_slice_comes_first_with_its_interval_and_small_ones_are_marked():
    groups = {"Hand": np.array(["left"] * 40 + ["right"] * 10)}
    worst, best = slices(RIGHT, groups)
    assert (worst.kind, worst.name, worst.count, worst.wrong) == ("Hand", "left", 40, 10)
    assert (worst.low, worst.high) == wilson_interval(30, 40)
    assert not worst.small
    assert (best.accuracy, best.small) == (1.0, True)
    assert SMALL == 20


def test_images_without_a_name_are_in_no_slice():
    groups = {"Author": np.array(["rosa"] * 5 + [""] * 45)}
    assert [(one.name, one.count) for one in slices(RIGHT, groups)] == [("rosa", 5)]


def test_names_for_another_number_of_images_are_refused():
    with pytest.raises(ValueError, match=r"Author: expected \(50,\) names, got \(3,\)"):
        slices(RIGHT, {"Author": np.array(["a", "b", "c"])})


def test_fifths_are_even_and_told_in_words():
    names = in_fifths(np.arange(100.0), "{:.0f} px")
    found, counts = np.unique(names, return_counts=True)
    assert counts.tolist() == [20] * 5
    assert {"under 20 px", "20 px to 40 px", "79 px and more"} == set(found) & {
        "under 20 px",
        "20 px to 40 px",
        "79 px and more",
    }


@pytest.mark.parametrize("values", [np.full(10, 3.0), np.array([1.0] * 9 + [1.0001])])
def test_values_that_cannot_be_told_apart_in_words_share_a_slice(values):
    names = in_fifths(values, "{:.1f} px")
    assert len(set(names)) <= 2


def test_every_kind_names_a_slice_for_every_image():
    digits = synthetic_digits(2)
    answers = np.full((64, 10), 0.02)
    answers[np.arange(64), digits.test_labels] = 0.82
    groups = groups_of(digits.test_images, digits.test_labels, answers)
    assert list(groups) == ["Digit", "Confidence", "Pen width", "Slant", "Size"]
    for names in groups.values():
        assert names.shape == (64,)
        assert (names != "").all()
    assert set(groups["Confidence"]) == {"80 % to 95 %"}
    assert groups["Digit"].tolist() == [str(label) for label in digits.test_labels]
