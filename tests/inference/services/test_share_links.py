"""Share links: only their token opens them, and only while they live."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from digitsite.accounts.roles import Role
from inference.models import Drawing, ShareLink
from inference.services import share_links
from inference.services.drawings import submit_drawing
from inference.services.promotion import promote
from inference.services.share_links import LinkOver, ShareLinkError, create_share_link, open_link
from tests.factories import make_user
from tests.inference.rows import DIAGONAL, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita():
    return make_user(Role.RESEARCHER, "rita")


def test_a_link_is_opened_by_its_token_of_which_only_a_fingerprint_is_kept(rita):
    link, token = create_share_link(rita, label=" Class 4b ", expiry="day", max_drawings=20)
    assert open_link(token) == link
    row = ShareLink.objects.values().get()
    assert token not in map(str, row.values())
    assert row["hint"] == token[:4]
    assert (row["label"], row["max_drawings"]) == ("Class 4b", 20)
    lives = row["expires_at"] - timezone.now()
    assert timedelta(hours=23) < lives <= timedelta(days=1)
    for wrong in ("", token[:-1], token + "x", row["digest"]):
        with pytest.raises(LinkOver) as over:
            open_link(wrong)
        assert over.value.reason == "unknown"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"label": "  "}, "label"),
        ({"label": "x" * 61}, "label"),
        ({"expiry": "never"}, "expiry"),
        ({"max_drawings": 0}, "max_drawings"),
        ({"max_drawings": 100_001}, "max_drawings"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused_by_field(rita, values, field):
    with pytest.raises(ShareLinkError) as refused:
        create_share_link(rita, **{"label": "Class 4b"} | values)
    assert refused.value.field == field
    assert not ShareLink.objects.exists()


def test_a_person_has_so_many_open_links(rita, monkeypatch):
    monkeypatch.setattr(share_links, "LINKS_PER_PERSON", 1)
    link, _ = create_share_link(rita, label="one")
    with pytest.raises(ShareLinkError, match="revoke one"):
        create_share_link(rita, label="two")
    share_links.revoke_share_link(link)
    create_share_link(rita, label="two")


def test_a_use_is_noted_at_most_once_a_minute(rita, django_assert_num_queries):
    link, token = create_share_link(rita, label="Class 4b")
    open_link(token)
    link.refresh_from_db()
    assert link.last_used_at is not None
    with django_assert_num_queries(2):  # the link with its owner, and the owner's groups
        open_link(token)


def test_a_link_takes_no_more_than_its_maximum(rita):
    promote(make_version(), by=None, reason="for the test")
    link, token = create_share_link(rita, label="Class 4b", max_drawings=2)
    for _ in range(2):
        submit_drawing(author=open_link(token), label=1, strokes=DIAGONAL)
    with pytest.raises(LinkOver, match="all the drawings"):
        submit_drawing(author=link, label=1, strokes=DIAGONAL)
    with pytest.raises(LinkOver) as over:
        open_link(token)
    assert over.value.reason == "full"
    assert Drawing.objects.count() == 2


def test_a_link_that_ends_between_reading_and_storing_stores_nothing(rita):
    promote(make_version(), by=None, reason="for the test")
    link, token = create_share_link(rita, label="Class 4b")
    opened = open_link(token)
    share_links.revoke_share_link(link)
    with pytest.raises(LinkOver, match="ended it"):
        submit_drawing(author=opened, label=1, strokes=DIAGONAL)
    assert not Drawing.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_submit_the_last_drawing_one_is_taken(rita):
    link, _ = create_share_link(rita, label="Class 4b", max_drawings=1)
    outcomes = []

    def submit():
        try:
            share_links.count_drawing(ShareLink.objects.get(pk=link.pk))
            outcomes.append("taken")
        except LinkOver as over:
            outcomes.append(over.reason)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["full", "full", "full", "taken"]
    link.refresh_from_db()
    assert link.drawings_taken == 1


def test_a_visitor_is_never_taken_for_a_person(rita):
    link, _ = create_share_link(rita, label="Class 4b")
    assert share_links.link_of_visitor(share_links.visitor_name(link)) == link
    assert share_links.link_of_visitor("rita") is None
    with pytest.raises(Exception, match="valid username"):
        type(rita)(username=share_links.visitor_name(link)).full_clean()
