"""Verdicts: rows are only added, and the state of a drawing follows from them."""

import pytest

from digitsite.accounts.roles import Role
from inference import review_queue
from inference.models import Drawing, Review
from inference.services.review_state import rebuild_status
from inference.services.reviews import (
    AlreadySettled,
    ReviewError,
    record_misclassification_verdict,
    record_verdict,
    undo,
)
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification
from training.models import Misclassification

pytestmark = pytest.mark.django_db
Status = Drawing.Status


@pytest.fixture
def rosa():
    return make_user(Role.REVIEWER, "rosa")


@pytest.fixture
def remy():
    return make_user(Role.REVIEWER, "remy")


def state(drawing: Drawing) -> tuple[str, int | None]:
    drawing.refresh_from_db()
    return drawing.status, drawing.settled_label


@pytest.mark.parametrize(
    ("verdict", "label", "expected"),
    [
        ("confirm", None, (Status.CONFIRMED, 3)),
        ("relabel", 8, (Status.CORRECTED, 8)),
        ("relabel", 3, (Status.CONFIRMED, 3)),
        ("ambiguous", None, (Status.AMBIGUOUS, None)),
        ("reject", None, (Status.REJECTED, None)),
    ],
)
def test_one_verdict_settles_a_drawing(rosa, verdict, label, expected):
    drawing = make_drawing(label=3)
    record_verdict(drawing, reviewer=rosa, verdict=verdict, label=label)
    assert state(drawing) == expected


def test_a_relabel_to_the_authors_own_label_is_stored_as_a_confirmation(rosa):
    row = record_verdict(make_drawing(label=3), reviewer=rosa, verdict="relabel", label=3)
    assert (row.verdict, row.label) == ("confirm", 3)


@pytest.mark.parametrize("label", [None, 10, -1])
def test_a_relabel_needs_a_digit(rosa, label):
    with pytest.raises(ReviewError, match="digit from 0 to 9"):
        record_verdict(make_drawing(), reviewer=rosa, verdict="relabel", label=label)
    assert not Review.objects.exists()


@pytest.mark.parametrize("verdict", ["model_error", "undo", "nonsense"])
def test_other_words_are_no_verdict_on_a_drawing(rosa, verdict):
    with pytest.raises(ReviewError, match="not a verdict on a drawing"):
        record_verdict(make_drawing(), reviewer=rosa, verdict=verdict)


def test_a_second_press_does_not_count_twice(rosa):
    drawing = make_drawing()
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    with pytest.raises(AlreadySettled):
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
    assert drawing.reviews.count() == 1


def test_the_slower_of_two_reviewers_is_told_and_changes_nothing(rosa, remy):
    drawing = make_drawing(label=3)
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    with pytest.raises(AlreadySettled):
        record_verdict(drawing, reviewer=remy, verdict="reject")
    assert state(drawing) == (Status.CONFIRMED, 3)


def test_a_decision_adds_a_row_and_outweighs_the_others(rosa, remy):
    drawing = make_drawing(label=3)
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    record_verdict(drawing, reviewer=remy, verdict="reject", decide=True)
    assert state(drawing) == (Status.REJECTED, None)
    assert drawing.reviews.count() == 2


def test_undo_brings_the_drawing_back_and_keeps_the_row(rosa):
    drawing = make_drawing()
    record_verdict(drawing, reviewer=rosa, verdict="reject")
    row = undo(rosa)
    assert row.drawing_id == drawing.pk
    assert state(drawing) == (Status.PENDING, None)
    assert [review.verdict for review in drawing.reviews.all()] == ["reject", "undo"]


def test_undo_goes_back_one_verdict_at_a_time(rosa):
    first, second = make_drawing(), make_drawing()
    record_verdict(first, reviewer=rosa, verdict="confirm")
    record_verdict(second, reviewer=rosa, verdict="confirm")
    assert undo(rosa).drawing_id == second.pk
    assert undo(rosa).drawing_id == first.pk
    assert undo(rosa) is None


def test_a_new_verdict_after_undo_is_what_the_next_undo_withdraws(rosa):
    drawing = make_drawing()
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    undo(rosa)
    record_verdict(drawing, reviewer=rosa, verdict="reject")
    undo(rosa)
    assert undo(rosa) is None
    assert state(drawing) == (Status.PENDING, None)


def test_undo_leaves_other_peoples_verdicts_alone(rosa, remy):
    drawing = make_drawing()
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    assert undo(remy) is None
    assert state(drawing)[0] == Status.CONFIRMED


class TestTwoReviewsRequired:
    @pytest.fixture(autouse=True)
    def _two(self, settings):
        settings.REVIEWS_REQUIRED = 2

    def test_one_verdict_is_not_enough(self, rosa, remy):
        drawing = make_drawing()
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
        assert state(drawing) == (Status.PENDING, None)
        record_verdict(drawing, reviewer=remy, verdict="confirm")
        assert state(drawing) == (Status.CONFIRMED, 3)

    def test_nobody_reviews_their_own(self, rosa):
        drawing = make_drawing(author=rosa)
        for decide in (False, True):
            with pytest.raises(ReviewError, match="your own"):
                record_verdict(drawing, reviewer=rosa, verdict="confirm", decide=decide)
        assert review_queue.next_for(rosa) is None

    def test_what_a_reviewer_judged_is_not_shown_to_them_again(self, rosa, remy):
        drawing = make_drawing()
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
        assert review_queue.next_for(rosa) is None
        assert review_queue.next_for(remy) == drawing
        undo(rosa)
        assert review_queue.next_for(rosa) == drawing

    def test_the_count_is_the_length_of_the_queue(self, rosa, remy):
        make_drawing(author=rosa)
        judged, own_judged_by_remy = make_drawing(), make_drawing(author=rosa)
        make_drawing()
        record_verdict(judged, reviewer=rosa, verdict="confirm")
        record_verdict(own_judged_by_remy, reviewer=remy, verdict="confirm")
        for reviewer, left in ((rosa, 1), (remy, 3)):
            assert review_queue.count_left(reviewer) == left
            assert review_queue.waiting_drawings(reviewer).count() == left

    def test_lowering_the_number_settles_what_has_enough(self, rosa, settings):
        drawing = make_drawing()
        record_verdict(drawing, reviewer=rosa, verdict="reject")
        settings.REVIEWS_REQUIRED = 1
        rebuild_status(drawing)
        assert state(drawing) == (Status.REJECTED, None)


def test_with_one_review_required_people_may_review_their_own(rosa):
    drawing = make_drawing(author=rosa)
    assert review_queue.next_for(rosa) == drawing


def test_the_queue_shows_disagreement_first_then_narrow_margins_then_age(rosa):
    old_sure = make_drawing(margin=0.9)
    new_sure = make_drawing(margin=0.9)
    unsure = make_drawing(margin=0.1)
    misread_sure = make_drawing(label=1, predicted=7, margin=0.95)
    misread_unsure = make_drawing(label=1, predicted=7, margin=0.3)
    make_drawing(status=Status.CONFIRMED, label=1, predicted=7)
    assert list(review_queue.waiting_drawings(rosa)) == [
        misread_unsure,
        misread_sure,
        unsure,
        old_sure,
        new_sure,
    ]
    assert review_queue.count_left(rosa) == 5


def test_the_state_of_every_drawing_can_be_rebuilt_from_its_rows(rosa, remy):
    drawings = [make_drawing() for _ in range(4)]
    record_verdict(drawings[0], reviewer=rosa, verdict="confirm")
    record_verdict(drawings[1], reviewer=rosa, verdict="relabel", label=9)
    record_verdict(drawings[1], reviewer=remy, verdict="ambiguous", decide=True)
    record_verdict(drawings[2], reviewer=remy, verdict="reject")
    undo(remy)
    before = [state(drawing) for drawing in drawings]
    Drawing.objects.update(status=Status.REJECTED, settled_label=5)
    for drawing in drawings:
        rebuild_status(drawing)
    assert [state(drawing) for drawing in drawings] == before


@pytest.mark.parametrize("verdict", ["model_error", "ambiguous", "label_wrong"])
def test_a_misclassified_image_takes_its_verdict(rosa, verdict):
    row = make_misclassification()
    record_misclassification_verdict(row, reviewer=rosa, verdict=verdict)
    row.refresh_from_db()
    assert row.verdict == verdict
    undo(rosa)
    row.refresh_from_db()
    assert row.verdict == Misclassification.Verdict.OPEN


def test_a_label_goes_only_with_a_wrong_label(rosa):
    row = make_misclassification()
    with pytest.raises(ReviewError):
        record_misclassification_verdict(row, reviewer=rosa, verdict="model_error", label=4)
    review = record_misclassification_verdict(row, reviewer=rosa, verdict="label_wrong", label=9)
    assert review.label == 9


def test_a_verdict_on_a_drawing_is_none_on_a_misclassified_image(rosa):
    with pytest.raises(ReviewError, match="misclassified"):
        record_misclassification_verdict(make_misclassification(), reviewer=rosa, verdict="reject")
