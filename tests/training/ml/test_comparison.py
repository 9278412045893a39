import json

import numpy as np
import pytest

from training.ml.comparison import compare, compare_mistakes, mcnemar_exact, newcombe_paired
from training.ml.metrics import wilson_interval

#                  0  1  2  3  4  5  6  7
LABELS = np.array([0, 1, 1, 2, 7, 7, 9, 9])
BEFORE = np.array([0, 1, 7, 2, 1, 7, 4, 9])
AFTER_ = np.array([0, 1, 1, 3, 2, 7, 9, 9])


def test_every_image_is_in_one_of_four_groups():
    found = compare(LABELS, BEFORE, AFTER_)
    assert (found.fixed, found.broken, found.both_wrong) == ([2, 6], [3], [4])
    assert (found.both_right, found.count) == (4, 8)
    assert found.before.value == 5 / 8
    assert found.after.value == 6 / 8
    assert (found.before.low, found.before.high) == wilson_interval(5, 8)


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [
        # Armitage and Berry, Statistical Methods in Medical Research, 1994: two culture media.
        (12, 2, 212 / 2**14),
        (2, 12, 212 / 2**14),
        (5, 0, 2 / 2**5),
        (0, 6, 2 / 2**6),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_is_the_two_sided_binomial_tail(fixed, broken, p):
    assert mcnemar_exact(fixed, broken) == pytest.approx(p)


def test_the_paired_interval_is_the_published_one():
    """The media again: 20 both, 12 and 2 alone, 16 neither; StatsDirect prints these limits."""
    found = newcombe_paired(20, 12, 2, 16)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.056156, abs=1e-6)
    assert found.high == pytest.approx(0.329207, abs=1e-6)


def test_swapping_the_models_mirrors_the_difference():
    there, back = compare(LABELS, BEFORE, AFTER_), compare(LABELS, AFTER_, BEFORE)
    assert there.difference.value == -back.difference.value == 1 / 8
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert (there.p, there.fixed) == (back.p, back.broken)


def test_the_interval_of_equal_models_holds_zero():
    same = compare(LABELS, BEFORE, BEFORE)
    assert same.p == 1
    assert same.difference.low < 0 < same.difference.high
    assert not same.is_worse(0.05)
    assert not same.is_better(0.05)


def _breaking(digit: int, count: int, images: int = 100) -> tuple[np.ndarray, ...]:
    """`images` of every digit, all read right before; after, `count` of one digit are not."""
    labels = np.repeat(np.arange(10), images)
    after = labels.copy()
    after[digit * images : digit * images + count] = (digit + 1) % 10
    return labels, labels, after


def test_worse_and_better_need_a_p_below_alpha():
    labels, before, after = _breaking(3, 6)
    assert compare(labels, before, after).p == pytest.approx(2 / 2**6)
    assert compare(labels, before, after).is_worse(0.05)
    assert compare(labels, after, before).is_better(0.05)
    assert not compare(labels, after, before).is_worse(0.05)
    assert not compare(*_breaking(3, 5)).is_worse(0.05)  # 2 / 2**5 > 0.05


def test_each_digit_is_compared_on_its_own_images():
    labels, before, after = _breaking(3, 6)
    rows = compare(labels, before, after).digits
    assert [row.digit for row in rows] == list(range(10))
    assert {row.support for row in rows} == {100}
    assert (rows[3].broken, rows[3].fixed) == (6, 0)
    assert rows[3].after.value == pytest.approx(0.94)
    assert rows[3].difference.value == pytest.approx(-0.06)
    assert rows[3].difference.high < 0
    assert rows[4].p == 1


@pytest.mark.parametrize(("count", "falls"), [(8, False), (9, True)])
def test_a_digit_falls_only_beyond_the_share_of_alpha_that_ten_digits_leave(count, falls):
    """2 / 2**8 = 0.0078 > 0.05 / 10 > 2 / 2**9."""
    assert bool(compare(*_breaking(3, count)).fallen_digits(0.05)) == falls


def test_holm_gives_the_second_digit_a_ninth_and_stops_at_the_first_that_holds():
    labels, before, after = _breaking(3, 12)
    after[700:709] = 1
    assert [row.digit for row in compare(labels, before, after).fallen_digits(0.05)] == [3, 7]
    after[708] = 7  # 2 / 2**8 > 0.05 / 9
    assert [row.digit for row in compare(labels, before, after).fallen_digits(0.05)] == [3]


def test_a_digit_that_rises_is_not_among_the_fallen():
    labels, before, after = _breaking(3, 12)
    assert compare(labels, after, before).fallen_digits(0.05) == []


def test_a_digit_without_images_has_no_figures():
    found = compare(LABELS, BEFORE, AFTER_)
    assert found.digits[5].support == 0
    assert found.digits[5].difference is None
    assert found.digits[5].p is None


def test_mistakes_alone_give_the_same():
    wrong = [
        {int(i): int(LABELS[i]) for i in np.flatnonzero(answers != LABELS)}
        for answers in (BEFORE, AFTER_)
    ]
    support = np.bincount(LABELS, minlength=10)
    assert compare_mistakes(support, *wrong) == compare(LABELS, BEFORE, AFTER_)


def test_the_report_is_plain_json():
    told = json.loads(json.dumps(compare(LABELS, BEFORE, AFTER_).as_dict()))
    assert told["broken"] == [3]
    assert told["digits"][7]["before"]["value"] == 0.5


@pytest.mark.parametrize(
    "arrays",
    [
        ([], [], []),
        ([1, 2], [1, 2], [1]),
        ([[1]], [[1]], [[1]]),
        ([10], [1], [1]),
        ([-1], [1], [1]),
    ],
)
def test_what_is_no_set_of_answers_is_refused(arrays):
    with pytest.raises(ValueError, match="expected"):
        compare(*(np.array(values, int) for values in arrays))


@pytest.mark.parametrize(
    ("support", "before", "after", "sentence"),
    [
        ([1] * 9, {}, {}, "ten digits"),
        ([0] * 10, {}, {}, "ten digits"),
        ([1] * 10, {0: 3}, {0: 4}, "image 0 is a 3 for one model and a 4"),
        ([1] * 10, {0: 3, 1: 3}, {}, "more mistakes"),
        ([1] * 10, {0: 11}, {}, "more mistakes"),
    ],
)
def test_mistakes_that_cannot_be_are_refused(support, before, after, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare_mistakes(support, before, after)


def test_two_models_without_a_mistake_are_equal():
    found = compare_mistakes([3] * 10, {}, {})
    assert (found.both_right, found.p, found.before.value) == (30, 1.0, 1.0)
