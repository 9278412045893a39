"""Cohen's kappa against scikit-learn and known answers."""

import math

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from inference.agreement import agreement, named_by_either, of_class, wilson

# A busy machine is slow, not wrong.
unhurried = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANSWERS = st.lists(st.tuples(st.sampled_from("1237"), st.sampled_from("1237")), min_size=1)


def table(both: int, first: int, second: int, neither: int) -> list[tuple[str, str]]:
    """Answers with these counts of yes/yes, yes/no, no/yes, no/no."""
    return (
        [("y", "y")] * both + [("y", "n")] * first + [("n", "y")] * second + [("n", "n")] * neither
    )


@unhurried
@given(ANSWERS)
def test_kappa_is_the_one_of_scikit_learn(answers):
    first, second = zip(*answers, strict=True)
    found = agreement(answers)
    if found.kappa is None:
        assert len({*first, *second}) == 1
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
        assert -1 <= found.low <= found.kappa <= found.high <= 1


def test_a_textbook_example():
    found = agreement(table(20, 5, 10, 15))
    assert found.share == 0.7
    assert found.kappa == pytest.approx(0.4)
    assert (found.low, found.high) == pytest.approx((0.151, 0.649), abs=0.002)
    assert found.in_words == "fair"


def test_who_always_agrees_has_a_kappa_of_one_without_doubt():
    found = agreement(table(20, 0, 0, 20))
    assert (found.kappa, found.low, found.high) == pytest.approx((1, 1, 1))
    assert found.in_words == "almost perfect"


def test_chance_agreement_is_zero():
    assert agreement(table(25, 25, 25, 25)).kappa == pytest.approx(0)


def test_where_both_always_said_the_same_one_thing_there_is_no_kappa():
    found = agreement([("7", "7")] * 9)
    assert (found.kappa, found.share, found.in_words) == (None, 1.0, "")
    assert agreement([]).share is None


def test_a_class_is_judged_against_all_others():
    answers = [("1", "1")] * 8 + [("1", "7")] * 2 + [("3", "5")] * 10
    assert of_class(answers, "1").agreed == 18
    assert named_by_either(answers, "1") == 10
    assert named_by_either(answers, "7") == 2


def test_few_items_are_called_few():
    assert agreement([("1", "1")] * 29).is_few
    assert not agreement([("1", "1")] * 30).is_few


def test_the_interval_of_a_share_is_wilsons():
    low, high = wilson(9, 10)
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 0) == (0, 1)
    assert math.isclose(wilson(10, 10)[1], 1)
