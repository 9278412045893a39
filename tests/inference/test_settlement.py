"""Rows of verdicts to the state of a drawing, without a database."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from inference.settlement import DISPUTED, Settlement, blind, settle, standing

# A busy machine is slow, not wrong.
unhurried = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANN, BOB, CAT = 1, 2, 3


@dataclass(frozen=True)
class Row:
    reviewer_id: int
    verdict: str
    label: int | None = None
    decides: bool = False


def confirm(who: int, label: int = 7) -> Row:
    return Row(who, "confirm", label)


def relabel(who: int, label: int) -> Row:
    return Row(who, "relabel", label)


def undo(who: int) -> Row:
    return Row(who, "undo")


def test_without_verdicts_a_drawing_waits():
    assert settle([], required=1) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (confirm(ANN), Settlement("confirm", 7)),
        (relabel(ANN, 1), Settlement("relabel", 1)),
        (Row(ANN, "ambiguous"), Settlement("ambiguous", None)),
        (Row(ANN, "reject"), Settlement("reject", None)),
    ],
)
def test_one_verdict_settles_where_one_is_required(row, expected):
    assert settle([row], required=1) == expected


def test_two_equal_verdicts_settle_where_two_are_required():
    assert settle([relabel(ANN, 1)], required=2) is None
    assert settle([relabel(ANN, 1), relabel(BOB, 1)], required=2) == Settlement("relabel", 1)


def test_two_relabels_to_different_digits_do_not_agree():
    assert settle([relabel(ANN, 1), relabel(BOB, 2)], required=2) is DISPUTED


def test_only_as_many_answers_as_are_required_can_be_disputed():
    rows = [relabel(ANN, 1), relabel(BOB, 2)]
    assert settle(rows, required=3) is None
    assert settle([*rows, relabel(CAT, 3)], required=3) is DISPUTED
    assert settle([*rows, undo(BOB)], required=2) is None


def test_a_decision_outweighs_any_number_of_verdicts_and_can_be_withdrawn():
    rows = [confirm(ANN), confirm(BOB)]
    decided = [*rows, Row(CAT, "reject", None, decides=True)]
    assert settle(decided, required=2) == Settlement("reject", None)
    assert settle([*decided, undo(CAT)], required=2) == Settlement("confirm", 7)


def test_who_decides_after_having_judged_leaves_the_blind_verdict_to_be_compared():
    rows = [confirm(ANN), relabel(BOB, 2), Row(ANN, "relabel", 2, decides=True)]
    assert [(row.reviewer_id, row.verdict) for row in blind(rows)] == [
        (ANN, "confirm"),
        (BOB, "relabel"),
    ]
    assert blind([Row(CAT, "reject", None, decides=True)]) == []


def test_a_third_reviewer_breaks_the_tie():
    rows = [relabel(ANN, 1), confirm(BOB), relabel(CAT, 1)]
    assert settle(rows, required=2) == Settlement("relabel", 1)


def test_nobody_agrees_with_themselves():
    assert settle([confirm(ANN), confirm(ANN)], required=2) is None


def test_a_newer_verdict_of_the_same_reviewer_replaces_the_older():
    assert settle([confirm(ANN), relabel(ANN, 2)], required=1) == Settlement("relabel", 2)


def test_undo_withdraws_only_the_newest_verdict_of_its_reviewer():
    rows = [confirm(ANN), relabel(BOB, 2), undo(BOB)]
    assert settle(rows, required=1) == Settlement("confirm", 7)
    assert settle([*rows, undo(ANN)], required=1) is None


def test_undo_of_a_change_of_mind_brings_the_first_verdict_back():
    assert settle([confirm(ANN), relabel(ANN, 2), undo(ANN)], required=1) == Settlement(
        "confirm", 7
    )


def test_among_equal_votes_the_last_one_given_decides():
    assert settle([confirm(ANN), relabel(BOB, 2)], required=1) == Settlement("relabel", 2)


def test_more_votes_beat_a_later_vote():
    rows = [confirm(ANN), confirm(BOB), relabel(CAT, 2)]
    assert settle(rows, required=1) == Settlement("confirm", 7)


ROWS = st.lists(
    st.one_of(
        st.builds(confirm, st.sampled_from((ANN, BOB, CAT))),
        st.builds(relabel, st.sampled_from((ANN, BOB, CAT)), st.integers(0, 2)),
        st.builds(undo, st.sampled_from((ANN, BOB, CAT))),
    ),
    max_size=12,
)


@unhurried
@given(rows=ROWS, who=st.sampled_from((ANN, BOB, CAT)), label=st.integers(0, 9))
def test_a_verdict_and_its_undo_leave_the_state_as_it_was(rows, who, label):
    for required in (1, 2):
        assert settle([*rows, relabel(who, label), undo(who)], required) == settle(rows, required)


@unhurried
@given(rows=ROWS)
def test_each_reviewer_has_at_most_one_standing_verdict(rows):
    reviewers = [row.reviewer_id for row in standing(rows)]
    assert len(reviewers) == len(set(reviewers))
    assert all(row.verdict != "undo" for row in standing(rows))


@unhurried
@given(rows=ROWS)
def test_what_two_agree_on_was_said_by_two(rows):
    settlement = settle(rows, required=2)
    if settlement not in (None, DISPUTED):
        agreeing = [
            row
            for row in standing(rows)
            if (row.verdict, row.label) == (settlement.outcome, settlement.label)
        ]
        assert len(agreeing) >= 2
