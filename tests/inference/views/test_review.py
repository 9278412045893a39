"""The review page: one drawing, one verdict, the next drawing in the same answer."""

import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference.models import Drawing, Review
from inference.services.holds import take_next
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_share_link

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def rosa(client):
    rosa = make_user(Role.REVIEWER, "rosa")
    client.force_login(rosa)
    return rosa


def judge(client, drawing: Drawing, verdict: str, **options):
    data = {"drawing": drawing.pk, "verdict": verdict}
    return client.post(reverse("review_verdict"), data, headers=HTMX, **options)


def test_an_empty_queue_says_so(client, rosa):
    assert "Everything is reviewed" in client.get(reverse("review")).content.decode()


def test_the_page_shows_drawing_label_answer_and_count(client, rosa):
    make_drawing()
    drawing = make_drawing(1, 7)
    response = client.get(reverse("review"))
    assert response.context["item"].drawing == drawing
    assert response.context["left"] == 2
    page = response.content.decode()
    assert '<path d="M' in page
    for key in ("Enter", "a", "x", "u", *map(str, range(10))):
        assert f'data-key="{key}"' in page


def test_a_visitors_drawing_is_reviewed_like_any_other(client, rosa):
    drawing = make_drawing(share_link=make_share_link(rosa))
    page = client.get(reverse("review"))
    assert page.context["left"] == 1
    assert "Visitor of “Class 4b” says" in page.content.decode()
    judge(client, drawing, "confirm")
    assert Review.objects.get().drawing == drawing


@pytest.mark.parametrize(
    ("verdict", "status", "label"),
    [
        ("confirm", "confirmed", 3),
        ("8", "corrected", 8),
        ("0", "corrected", 0),
        ("3", "confirmed", 3),
        ("ambiguous", "ambiguous", None),
        ("reject", "rejected", None),
    ],
)
def test_a_verdict_settles_and_brings_the_next(client, rosa, verdict, status, label):
    following, drawing = make_drawing(margin=0.5), make_drawing(3, margin=0.1)
    response = judge(client, drawing, verdict)
    drawing.refresh_from_db()
    assert (drawing.status, drawing.settled_label) == (status, label)
    assert response.context["item"].drawing == following
    assert f"Drawing {drawing.pk}" in response.context["said"]
    assert "<html" not in response.content.decode()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"verdict": "confirm"},
        {"drawing": "1"},
        {"drawing": "one", "verdict": "confirm"},
        {"drawing": "1", "verdict": "10"},
        {"drawing": "1", "verdict": "undo"},
        {"drawing": "1", "verdict": ""},
    ],
)
def test_anything_else_is_a_bad_request(client, rosa, data):
    assert client.post(reverse("review_verdict"), data, headers=HTMX).status_code == 400


def test_an_unknown_drawing_is_not_found(client, rosa):
    data = {"drawing": "12345", "verdict": "confirm"}
    assert client.post(reverse("review_verdict"), data, headers=HTMX).status_code == 404


def test_a_double_press_is_told_and_counts_once(client, rosa):
    drawing = make_drawing()
    judge(client, drawing, "confirm")
    response = judge(client, drawing, "reject")
    assert response.status_code == 200
    assert "settled meanwhile" in response.content.decode()
    assert Review.objects.count() == 1


def test_undo_shows_the_drawing_again(client, rosa):
    make_drawing(1, 7)  # would be the first of the queue
    drawing = make_drawing()
    judge(client, drawing, "reject")
    response = client.post(reverse("review_undo"), headers=HTMX)
    assert response.context["item"].drawing == drawing
    drawing.refresh_from_db()
    assert drawing.status == "pending"


def test_undo_is_offered_only_when_there_is_something_to_undo(client, rosa):
    drawing = make_drawing()
    assert client.get(reverse("review")).context["can_undo"] is False
    assert judge(client, drawing, "confirm").context["can_undo"] is True
    response = client.post(reverse("review_undo"), headers=HTMX)
    assert response.context["can_undo"] is False
    assert "nothing to undo" in client.post(reverse("review_undo"), headers=HTMX).content.decode()


def test_without_scripts_the_same_buttons_work(client, rosa):
    drawing, following = make_drawing(margin=0.1), make_drawing()
    data = {"drawing": drawing.pk, "verdict": "confirm"}
    response = client.post(reverse("review_verdict"), data, follow=True)
    assert response.redirect_chain[0][0] == reverse("review")
    assert f"Drawing {drawing.pk} confirmed as 3" in response.content.decode()
    assert response.context["item"].drawing == following


def test_the_page_announces_the_verdict_and_the_next_drawing(client, rosa):
    drawing, following = make_drawing(margin=0.1), make_drawing(4, 9, margin=0.9)
    judged = judge(client, following, "4")
    assert f"Drawing {following.pk} confirmed as 4. Drawing {drawing.pk}: the author says 3" in (
        judged.content.decode()
    )


@pytest.mark.parametrize("role", [Role.DRAWER, Role.RESEARCHER])
def test_others_do_not_review(client, role):
    drawing = make_drawing()
    client.force_login(make_user(role))
    assert client.get(reverse("review")).status_code == 403
    assert judge(client, drawing, "confirm").status_code == 403
    assert client.post(reverse("review_undo")).status_code == 403
    assert not Review.objects.exists()


def test_a_stranger_is_sent_to_sign_in_and_back_by_htmx_too(client):
    headers = HTMX | {"HX-Current-URL": "http://testserver/review/"}
    response = client.post(reverse("review_verdict"), {}, headers=headers)
    assert response["HX-Redirect"] == f"{reverse('login')}?next=/review/"


def test_when_others_have_the_rest_the_page_says_so(client, rosa):
    make_drawing()
    take_next(make_user(Role.REVIEWER))
    page = client.get(reverse("review")).content.decode()
    assert "looking at the last 1 item." in page
