"""Who looks at which drawing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from digitsite.accounts.roles import Role
from inference.models import ReviewHold
from inference.services.holds import HOLD_SECONDS, take, take_next
from inference.services.reviews import record_verdict, undo
from tests.factories import make_user
from tests.inference.rows import make_drawing

pytestmark = pytest.mark.django_db


@pytest.fixture
def rosa():
    return make_user(Role.REVIEWER, "rosa")


@pytest.fixture
def ruth():
    return make_user(Role.REVIEWER, "ruth")


def test_two_reviewers_get_different_drawings(rosa, ruth):
    first, second = make_drawing(margin=0.1), make_drawing(margin=0.2)
    assert take_next(rosa) == first
    assert take_next(ruth) == second


def test_loading_the_page_again_shows_the_same_drawing(rosa):
    first = make_drawing(margin=0.1)
    make_drawing(margin=0.2)
    assert take_next(rosa) == take_next(rosa) == first
    assert ReviewHold.objects.count() == 1


def test_the_last_drawing_is_with_one_reviewer_only(rosa, ruth):
    make_drawing()
    take_next(rosa)
    assert take_next(ruth) is None


def test_what_a_reviewer_left_is_offered_to_others_later(rosa, ruth):
    drawing = make_drawing()
    take_next(rosa)
    ReviewHold.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert take_next(ruth) == drawing
    assert ReviewHold.objects.get().reviewer == ruth


def test_a_hold_lasts_its_time(rosa):
    make_drawing()
    before = timezone.now()
    take_next(rosa)
    length = ReviewHold.objects.get().until - before
    assert timedelta(0) <= length - timedelta(seconds=HOLD_SECONDS) < timedelta(seconds=30)


def test_moving_on_frees_the_drawing(rosa, ruth):
    first, second = make_drawing(margin=0.1), make_drawing(margin=0.2)
    take_next(rosa)
    record_verdict(first, reviewer=rosa, verdict="confirm")
    assert take_next(rosa) == second
    undo(rosa)
    assert take(rosa, first) == first
    assert take_next(ruth) == second


def test_when_nothing_waits_nothing_is_held(rosa):
    drawing = make_drawing()
    take_next(rosa)
    record_verdict(drawing, reviewer=rosa, verdict="confirm")
    assert take_next(rosa) is None
    assert not ReviewHold.objects.exists()
