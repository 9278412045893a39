"""What waits for whom, in which order, and who is offered it: drawings and test images."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digitsite.accounts.roles import Role
from inference import review_queue
from inference.review_filter import Kind, QueueFilter
from inference.services.holds import renew, take, take_decision, take_next
from inference.services.promotion import promote
from inference.services.reviews import (
    ReviewError,
    record_misclassification_verdict,
    record_verdict,
    undo,
)
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification, make_version

pytestmark = pytest.mark.django_db
IMAGES = QueueFilter(kind=Kind.IMAGES)


@pytest.fixture
def rosa():
    return make_user(Role.REVIEWER, "rosa")


@pytest.fixture
def remy():
    return make_user(Role.REVIEWER, "remy")


@pytest.fixture
def version():
    """The production model, with an evaluation."""
    version = make_version(evaluated=True)
    promote(version, by=None, reason="for the test")
    return version


@pytest.fixture
def evaluation(version):
    return version.run.evaluations.get()


def test_a_filter_keeps_what_fits_in_the_same_order(rosa, version):
    anna = make_user(Role.DRAWER, "anna")
    sure = make_drawing(3, 3, model=version, margin=0.9)
    unsure = make_drawing(3, 3, model=version, margin=0.1)
    misread = make_drawing(3, 8, model=version, author=anna)
    upload = make_drawing(5, 5, model=version, origin="upload", device="upload", strokes=[])
    for wanted, expected in (
        (QueueFilter(label=3), [misread, unsure, sure]),
        (QueueFilter(read=3), [unsure, sure]),
        (QueueFilter(label=3, read=8), [misread]),
        (QueueFilter(disagreeing=True), [misread]),
        (QueueFilter(origin="upload"), [upload]),
        (QueueFilter(device="upload"), [upload]),
        (QueueFilter(author=anna.pk), [misread]),
        (QueueFilter(label=0), []),
    ):
        assert list(review_queue.waiting_drawings(rosa, wanted)) == expected
        assert review_queue.count_left(rosa, wanted) == len(expected)


def test_a_long_queue_is_counted_up_to_the_cap(rosa, version, monkeypatch):
    monkeypatch.setattr(review_queue, "COUNT_CAP", 3)
    for _ in range(6):
        make_drawing(model=version)
    assert review_queue.count_left(rosa) == review_queue.drawings_to_review() == 4


def test_test_images_follow_the_drawings_the_most_confident_mistake_first(rosa, evaluation):
    doubtful = make_misclassification(evaluation, 0, confidence=0.5)
    certain = make_misclassification(evaluation, 1, confidence=0.99)
    drawing = make_drawing()
    assert review_queue.count_left(rosa) == 3
    shown = []
    for _ in range(3):
        shown.append(take_next(rosa))
        if shown[-1] == drawing:
            record_verdict(drawing, reviewer=rosa, verdict="confirm")
        else:
            record_misclassification_verdict(shown[-1], reviewer=rosa, verdict="model_error")
    assert shown == [drawing, certain, doubtful]
    assert take_next(rosa) is None


def test_only_the_newest_evaluation_of_production_is_offered_unless_asked(rosa, evaluation):
    mine = make_misclassification(evaluation, 0)
    other = make_version(evaluated=True).run.evaluations.get()
    elsewhere = make_misclassification(other, 0)
    assert take_next(rosa, IMAGES) == mine
    assert take_next(rosa, QueueFilter(evaluation=other.pk)) == elsewhere
    promote(other.run.model_version, by=None, reason="newer")
    assert take_next(rosa, IMAGES) == elsewhere


def test_without_a_production_model_no_test_image_waits(rosa):
    make_misclassification()
    assert take_next(rosa) is None


def test_test_images_are_filtered_by_their_digits(rosa, evaluation):
    four = make_misclassification(evaluation, 0, true_label=4, predicted_label=9)
    make_misclassification(evaluation, 1, true_label=7, predicted_label=1)
    assert list(review_queue.waiting_images(rosa, QueueFilter(label=4))) == [four]
    assert list(review_queue.waiting_images(rosa, QueueFilter(read=9))) == [four]
    assert list(review_queue.waiting_images(rosa, QueueFilter(label=4, read=1))) == []


def test_two_reviewers_get_different_test_images(rosa, remy, evaluation):
    first = make_misclassification(evaluation, 0, confidence=0.9)
    second = make_misclassification(evaluation, 1, confidence=0.8)
    assert take_next(rosa, IMAGES) == first
    assert take_next(remy, IMAGES) == second
    assert take(remy, first) is None


def test_a_test_image_is_judged_once_by_each(rosa, evaluation):
    image = make_misclassification(evaluation)
    record_misclassification_verdict(image, reviewer=rosa, verdict="model_error")
    with pytest.raises(ReviewError, match="settled meanwhile"):
        record_misclassification_verdict(image, reviewer=rosa, verdict="ambiguous")


def test_a_wrong_label_is_kept_with_the_right_one(rosa, evaluation):
    image = make_misclassification(evaluation, true_label=4, predicted_label=9)
    record_misclassification_verdict(image, reviewer=rosa, verdict="label_wrong", label=9)
    image.refresh_from_db()
    assert (image.verdict, image.right_label) == ("label_wrong", 9)
    undo(rosa)
    image.refresh_from_db()
    assert (image.verdict, image.right_label) == ("open", None)


def test_to_call_the_label_wrong_and_name_the_label_is_a_model_error(rosa, evaluation):
    image = make_misclassification(evaluation, true_label=4)
    row = record_misclassification_verdict(image, reviewer=rosa, verdict="label_wrong", label=4)
    assert (row.verdict, row.label) == ("model_error", None)


def test_a_hold_is_renewed_while_it_lasts(rosa):
    assert renew(rosa) is False
    make_drawing()
    take_next(rosa)
    assert renew(rosa) is True


FILTERS = [
    QueueFilter(),
    IMAGES,
    QueueFilter(label=3),
    QueueFilter(label=3, read=8),
    QueueFilter(disagreeing=True),
    QueueFilter(origin="upload"),
    QueueFilter(device="touch"),
    QueueFilter(author=1),
]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite for its plans")
@pytest.mark.parametrize("required", [1, 2])
def test_no_question_of_the_queue_reads_all_drawings(version, rosa, settings, required):
    settings.REVIEWS_REQUIRED = required
    author = make_user(Role.DRAWER)
    for number in range(60):
        make_drawing(label=number % 10, model=version, author=author, margin=number / 60)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # now it knows that all of them wait
        with CaptureQueriesContext(connection) as asked:
            for wanted in FILTERS:
                review_queue.next_for(rosa, wanted)
                review_queue.count_left(rosa, wanted)
            review_queue.next_decision(rosa)
            review_queue.count_decisions(rosa)
            review_queue.drawings_to_review()
        for query in [one["sql"] for one in asked if one["sql"].startswith("SELECT")]:
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            plan = [row[-1] for row in cursor.fetchall()]
            assert not [step for step in plan if step.startswith("SCAN inference_drawing")], query


class TestTwoReviewsRequired:
    @pytest.fixture(autouse=True)
    def _two(self, settings):
        settings.REVIEWS_REQUIRED = 2

    @pytest.fixture
    def ada(self):
        return make_user(Role.ADMIN, "ada")

    def test_disagreement_goes_to_an_administrator_who_settles(self, rosa, remy, ada):
        drawing = make_drawing(label=3)
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
        record_verdict(drawing, reviewer=remy, verdict="reject")
        drawing.refresh_from_db()
        assert drawing.status == "disputed"
        assert take_next(make_user(Role.REVIEWER)) is None
        assert take_decision(ada) == drawing
        record_verdict(drawing, reviewer=ada, verdict="relabel", label=8, decide=True)
        drawing.refresh_from_db()
        assert (drawing.status, drawing.settled_label) == ("corrected", 8)
        assert take_decision(ada) is None

    def test_who_undoes_a_decision_brings_the_disagreement_back(self, rosa, remy, ada):
        image = make_misclassification()
        record_misclassification_verdict(image, reviewer=rosa, verdict="model_error")
        record_misclassification_verdict(image, reviewer=remy, verdict="ambiguous")
        record_misclassification_verdict(image, reviewer=ada, verdict="ambiguous", decide=True)
        assert review_queue.count_decisions(ada) == 0
        undo(ada)
        image.refresh_from_db()
        assert image.verdict == "disputed"
        assert take_decision(ada) == image

    def test_nobody_decides_on_their_own(self, rosa, remy, ada):
        drawing = make_drawing(author=ada)
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
        record_verdict(drawing, reviewer=remy, verdict="reject")
        assert take_decision(ada) is None
        with pytest.raises(ReviewError, match="your own"):
            record_verdict(drawing, reviewer=ada, verdict="confirm", decide=True)

    def test_two_administrators_get_different_disagreements(self, rosa, remy, ada):
        pair = [make_drawing(), make_drawing()]
        for drawing in pair:
            record_verdict(drawing, reviewer=rosa, verdict="confirm")
            record_verdict(drawing, reviewer=remy, verdict="reject")
        assert [take_decision(ada), take_decision(make_user(Role.ADMIN))] == pair

    def test_a_test_image_that_one_judged_waits_for_others_only(self, rosa, remy, evaluation):
        image = make_misclassification(evaluation)
        record_misclassification_verdict(image, reviewer=rosa, verdict="model_error")
        assert take_next(rosa, IMAGES) is None
        assert review_queue.count_left(rosa, IMAGES) == 0
        assert take_next(remy, IMAGES) == image

    def test_an_undo_takes_no_item_from_somebody_who_looks_at_it(self, rosa, remy):
        drawing = make_drawing()
        record_verdict(drawing, reviewer=rosa, verdict="confirm")
        assert take_next(remy) == drawing
        undo(rosa)
        assert take(rosa, drawing) is None
