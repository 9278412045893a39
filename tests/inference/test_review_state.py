"""The stored state is what the verdicts amount to, whatever was pressed, and can be rebuilt."""

import contextlib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digitsite.accounts.roles import Role
from inference.models import Drawing, Review
from inference.services.review_state import out_of_step
from inference.services.reviews import (
    ReviewError,
    record_misclassification_verdict,
    record_verdict,
    undo,
)
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification, make_version
from training.models import Misclassification

pytestmark = pytest.mark.django_db

PEOPLE, THINGS = 3, 4  # of the things, two are drawings and two are test images

PRESSES = st.lists(
    st.one_of(
        st.tuples(st.just("undo"), st.integers(0, PEOPLE - 1)),
        st.tuples(
            st.sampled_from(("confirm", "ambiguous", "other", "1", "2")),
            st.integers(0, PEOPLE - 1),
            st.integers(0, THINGS - 1),
            st.booleans(),
        ),
    ),
    max_size=14,
)


def states() -> list[tuple]:
    return [
        *Drawing.objects.order_by("pk").values_list("status", "settled_label"),
        *Misclassification.objects.order_by("pk").values_list("verdict", "right_label"),
    ]


def press(person, thing, word: str, decide: bool) -> None:
    digit = int(word) if word.isdecimal() else None
    if isinstance(thing, Drawing):
        record, other, wrong, right = record_verdict, "reject", "relabel", "confirm"
    else:
        record, other, wrong, right = (
            record_misclassification_verdict,
            "label_wrong",
            "label_wrong",
            "model_error",
        )
    verdict = wrong if digit is not None else {"confirm": right, "other": other}.get(word, word)
    record(thing, reviewer=person, verdict=verdict, label=digit, decide=decide)


def expected(thing, required: int) -> tuple:
    """The state by the words of the documentation, without the code that is tested."""
    kept: dict[int, list[Review]] = {}
    for row in thing.reviews.order_by("id"):
        mine = kept.setdefault(row.reviewer_id, [])
        if row.verdict == "undo":
            mine.pop()
        else:
            mine.append(row)
    newest = sorted((mine[-1] for mine in kept.values() if mine), key=lambda row: row.id)
    said = [(row.verdict, row.label) for row in newest]
    decided = [(row.verdict, row.label) for row in newest if row.decides]
    best = max((said.count(one) for one in said), default=0)
    if decided:
        outcome = decided[-1]
    elif best >= required:
        outcome = [one for one in said if said.count(one) == best][-1]
    else:
        outcome = ("disputed" if len(said) >= required else "open", None)
    if isinstance(thing, Drawing):
        names = {"confirm": "confirmed", "relabel": "corrected", "reject": "rejected"}
        return names.get(outcome[0], outcome[0]).replace("open", "pending"), outcome[1]
    return outcome


@given(presses=PRESSES, required=st.integers(1, 3))
@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_sequence_of_verdicts_and_undos_can_be_rebuilt(world, presses, required, settings):
    people, things = world
    settings.REVIEWS_REQUIRED = required
    with transaction.atomic():
        for word, person, *rest in presses:
            if word == "undo":
                undo(people[person])
                continue
            with contextlib.suppress(ReviewError):  # settled, or judged already: no row
                press(people[person], things[rest[0]], word, decide=rest[1])
        before = states()
        assert before == [expected(thing, required) for thing in things]
        assert list(out_of_step()) == []
        Drawing.objects.update(status="rejected", settled_label=5)
        Misclassification.objects.update(verdict="ambiguous", right_label=5)
        call_command("rebuild_review_state", stdout=StringIO())
        assert states() == before
        transaction.set_rollback(True)


@pytest.fixture
def world():
    people = [make_user(Role.REVIEWER) for _ in range(PEOPLE)]
    version = make_version(evaluated=True)
    author, evaluation = make_user(Role.DRAWER), version.run.evaluations.get()
    drawings = [make_drawing(label=1, author=author, model=version) for _ in range(2)]
    images = [make_misclassification(evaluation, index, true_label=1) for index in range(2)]
    return people, [*drawings, *images]


def test_the_check_names_what_differs_and_changes_nothing(world, capsys):
    (rosa, *_), (drawing, *_) = world
    record_verdict(drawing, reviewer=rosa, verdict="reject")
    call_command("rebuild_review_state", "--check")
    Drawing.objects.filter(pk=drawing.pk).update(status="confirmed", settled_label=1)
    with pytest.raises(CommandError, match="1 differ"):
        call_command("rebuild_review_state", "--check")
    assert f"differs: Drawing {drawing.pk}" in capsys.readouterr().out
    drawing.refresh_from_db()
    assert drawing.status == "confirmed"


def test_a_state_without_any_verdict_is_found_too(world):
    _, (drawing, *_) = world
    Drawing.objects.filter(pk=drawing.pk).update(status="confirmed", settled_label=1)
    assert list(out_of_step()) == [drawing]
    call_command("rebuild_review_state")
    drawing.refresh_from_db()
    assert (drawing.status, drawing.settled_label) == ("pending", None)


def test_another_number_of_required_reviews_is_applied_by_the_command(world, settings):
    (rosa, remy, _), (drawing, *_) = world
    settings.REVIEWS_REQUIRED = 2
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    record_verdict(drawing, reviewer=remy, verdict="reject")
    drawing.refresh_from_db()
    assert drawing.status == "disputed"
    settings.REVIEWS_REQUIRED = 1
    call_command("rebuild_review_state")
    drawing.refresh_from_db()
    assert drawing.status == "rejected"
