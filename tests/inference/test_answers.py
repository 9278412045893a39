"""Below a stated confidence an answer is two candidates, wherever it is told."""

import numpy as np
import pytest

from inference.answers import SURE_FROM, answers


def row(**probabilities: float) -> np.ndarray:
    """(1, 10) float32, with the rest shared by the digits that are not named."""
    given = {int(name[1:]): share for name, share in probabilities.items()}
    rest = (1 - sum(given.values())) / (10 - len(given))
    return np.array([[given.get(digit, rest) for digit in range(10)]], np.float32)


@pytest.mark.parametrize(
    ("confidence", "sure"), [(SURE_FROM - 0.001, False), (SURE_FROM, True), (0.99, True)]
)
def test_an_answer_is_sure_from_the_stated_confidence_on(confidence, sure):
    (answer,) = answers(row(d3=confidence))
    assert (answer["label"], answer["sure"]) == (3, sure)


def test_the_candidates_are_the_two_likeliest_digits_in_this_order():
    (answer,) = answers(row(d7=0.3, d1=0.5))
    assert (answer["label"], answer["candidates"], answer["sure"]) == (1, [1, 7], False)


def test_equal_candidates_are_in_the_order_of_the_digits():
    (answer,) = answers(row(d4=0.45, d9=0.45))
    assert answer["candidates"] == [4, 9]
