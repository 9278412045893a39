"""Filters in the address of the queue."""

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from inference.models import Drawing
from inference.review_filter import Kind, QueueFilter, parse

# A busy machine is slow, not wrong.
unhurried = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def somebody(*capabilities: Capability) -> User:
    user = User(username="rosa")
    user.capabilities = frozenset(capabilities)
    return user


ADMIN, REVIEWER = somebody(*Capability), somebody(Capability.REVIEW)
DIGITS = st.none() | st.integers(0, 9)
FILTERS = st.builds(
    QueueFilter,
    kind=st.sampled_from(Kind),
    label=DIGITS,
    read=DIGITS,
    disagreeing=st.booleans(),
    origin=st.sampled_from(("", "pen", "upload")),
    device=st.sampled_from(("", *Drawing.Device.values)),
    author=st.none() | st.integers(1, 10**9),
    evaluation=st.none() | st.integers(1, 10**9),
)


@unhurried
@given(FILTERS)
def test_what_is_written_into_an_address_is_read_back(wanted):
    assert parse(QueryDict(wanted.query()), ADMIN) == wanted


def test_without_filters_the_address_stays_clean():
    assert QueueFilter().query() == ""
    assert not QueueFilter().is_set
    assert QueueFilter(label=0).query() == "label=0"


@pytest.mark.parametrize(
    "query",
    ["kind=x", "label=10", "label=-1", "read=a", "disagreeing=yes", "origin=fax", "device=fax",
     "author=me", "evaluation=1e3", f"evaluation={'9' * 40}", "label=٣", "nothing=1"],
)  # fmt: skip
def test_what_is_not_understood_is_left_out(query):
    assert parse(QueryDict(query), ADMIN) == QueueFilter()


def test_only_administrators_filter_by_author_and_not_where_reviews_are_blind(settings):
    query = QueryDict("author=3")
    assert parse(query, ADMIN).author == 3
    assert parse(query, REVIEWER).author is None
    settings.REVIEWS_REQUIRED = 2
    assert parse(query, ADMIN).author is None


def test_a_chip_takes_one_filter_away():
    assert QueueFilter(label=3, read=8).without("label") == QueueFilter(read=8)


@pytest.mark.parametrize(
    ("wanted", "drawings", "images"),
    [
        (QueueFilter(), True, True),
        (QueueFilter(label=3), True, True),
        (QueueFilter(kind=Kind.IMAGES), False, True),
        (QueueFilter(kind=Kind.DRAWINGS), True, False),
        (QueueFilter(origin="pen"), True, False),
        (QueueFilter(device="touch"), True, False),
        (QueueFilter(author=1), True, False),
        (QueueFilter(evaluation=1), False, True),
    ],
)
def test_what_only_drawings_have_leaves_test_images_out(wanted, drawings, images):
    assert (wanted.wants_drawings, wanted.wants_images) == (drawings, images)
