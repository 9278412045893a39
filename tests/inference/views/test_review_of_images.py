"""Test images in the review page, filters in its address, the blind second opinion, decisions."""

import pytest
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference.services.promotion import promote
from inference.services.reviews import record_misclassification_verdict, record_verdict
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification, make_version

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def rosa(client):
    rosa = make_user(Role.REVIEWER, "rosa")
    client.force_login(rosa)
    return rosa


@pytest.fixture
def evaluation():
    version = make_version(evaluated=True)
    promote(version, by=None, reason="for the test")
    return version.run.evaluations.get()


def post(client, name: str, query: str = "", **form):
    return client.post(f"{reverse(name)}?{query}", form, headers=HTMX)


@pytest.mark.parametrize(
    ("verdict", "state", "label"),
    [
        ("confirm", "model_error", None),
        ("ambiguous", "ambiguous", None),
        ("label_wrong", "label_wrong", None),
        ("9", "label_wrong", 9),
        ("4", "model_error", None),
    ],
)
def test_a_test_image_is_judged_with_the_same_keys(client, rosa, evaluation, verdict, state, label):
    image = make_misclassification(evaluation, 0, true_label=4, predicted_label=9, confidence=0.9)
    following = make_misclassification(evaluation, 1, confidence=0.8)
    page = client.get(reverse("review"))
    assert page.context["item"].pk == image.pk
    assert "Model error: it is a 4" in page.content.decode()
    assert 'src="data:image/png;base64,' in page.content.decode()
    response = post(client, "review_verdict", image=image.pk, verdict=verdict)
    image.refresh_from_db()
    assert (image.verdict, image.right_label) == (state, label)
    assert response.context["item"].pk == following.pk
    back = post(client, "review_undo")
    assert back.context["item"].pk == image.pk


def test_words_for_drawings_are_none_for_images(client, rosa, evaluation):
    image = make_misclassification(evaluation)
    assert post(client, "review_verdict", image=image.pk, verdict="reject").status_code == 400
    drawing = make_drawing()
    form = {"drawing": drawing.pk, "verdict": "label_wrong"}
    assert post(client, "review_verdict", **form).status_code == 400


def test_an_image_whose_dataset_is_gone_says_so(client, rosa, evaluation):
    make_misclassification(evaluation, 10_000)
    assert "The image cannot be read" in client.get(reverse("review")).content.decode()


def test_the_evaluation_page_leads_to_its_errors_and_back(client, rosa, evaluation):
    make_misclassification(evaluation, 0)
    make_misclassification(evaluation, 1)
    page = client.get(reverse("evaluation", args=[evaluation.pk])).content.decode()
    address = f"{reverse('review')}?kind=images&amp;evaluation={evaluation.pk}"
    assert f'href="{address}">Review these 2 errors' in page
    shown = client.get(reverse("review"), {"kind": "images", "evaluation": evaluation.pk})
    assert reverse("evaluation", args=[evaluation.pk]) in shown.content.decode()
    client.force_login(make_user(Role.RESEARCHER))
    other = client.get(reverse("evaluation", args=[evaluation.pk])).content.decode()
    assert address not in other


def test_filters_stay_through_verdict_and_undo(client, rosa):
    first, _ = make_drawing(3, margin=0.1), make_drawing(5, margin=0.2)
    second = make_drawing(3, margin=0.3)
    page = client.get(reverse("review"), {"label": 3})
    assert page.context["left"] == 2
    assert 'action="/review/verdict/?label=3"' in page.content.decode()
    response = post(client, "review_verdict", "label=3", drawing=first.pk, verdict="confirm")
    assert response.context["item"].pk == second.pk
    assert 'action="/review/verdict/?label=3"' in response.content.decode()
    assert post(client, "review_undo", "label=3").context["item"].pk == first.pk
    plain = client.post(
        reverse("review_verdict") + "?label=3", {"drawing": first.pk, "verdict": "confirm"}
    )
    assert plain["Location"] == "/review/?label=3"


def test_a_filter_that_nothing_fits_offers_to_show_everything(client, rosa):
    make_drawing(5)
    page = client.get(reverse("review"), {"label": 3}).content.decode()
    assert "Nothing like that waits" in page
    assert "Labelled 3" in page


def test_only_administrators_choose_an_author(client, rosa):
    drawing = make_drawing()
    assert 'name="author"' not in client.get(reverse("review")).content.decode()
    client.force_login(make_user(Role.ADMIN))
    page = client.get(reverse("review"), {"author": drawing.author_id})
    assert f"By {drawing.author}" in page.content.decode()
    assert 'name="author"' in page.content.decode()


def test_a_page_that_is_looked_at_renews_its_hold(client, rosa):
    assert client.post(reverse("review_hold")).status_code == 409
    make_drawing()
    client.get(reverse("review"))
    assert client.post(reverse("review_hold")).status_code == 204


class TestBlind:
    @pytest.fixture(autouse=True)
    def _two(self, settings):
        settings.REVIEWS_REQUIRED = 2

    @pytest.fixture
    def drawing(self):
        drawing = make_drawing(author=make_user(Role.DRAWER, "secretive"))
        record_verdict(drawing, reviewer=make_user(Role.REVIEWER, "remy"), verdict="reject")
        return drawing

    def test_a_reviewer_sees_neither_author_nor_earlier_verdicts(self, client, rosa, drawing):
        for url in (reverse("review"), reverse("drawing", args=[drawing.pk])):
            page = client.get(url).content.decode()
            assert f"Drawing {drawing.pk}" in page
            assert "secretive" not in page
            assert "remy" not in page
            assert "Rejected" not in page
        told = client.get(f"/api/v1/drawings/{drawing.pk}").json()
        assert told["author"] is None

    def test_once_settled_everybody_sees_who_said_what(self, client, rosa, drawing):
        post(client, "review_verdict", drawing=drawing.pk, verdict="reject")
        page = client.get(reverse("drawing", args=[drawing.pk])).content.decode()
        for word in ("secretive", "remy", "rosa"):
            assert word in page

    def test_an_administrator_sees_all_verdicts_and_settles(self, client, rosa, drawing):
        post(client, "review_verdict", drawing=drawing.pk, verdict="confirm")
        assert "remy" not in client.get(reverse("drawing", args=[drawing.pk])).content.decode()
        client.force_login(make_user(Role.ADMIN))
        assert client.get(reverse("review")).context["decisions"] == 1
        page = client.get(reverse("decisions")).content.decode()
        for word in ("secretive", "remy", "rosa", "Rejected", "Label confirmed"):
            assert word in page
        response = post(client, "decision_verdict", drawing=drawing.pk, verdict="7")
        assert "Decided." in response.context["said"]
        drawing.refresh_from_db()
        assert (drawing.status, drawing.settled_label) == ("corrected", 7)
        assert "Nothing needs a decision" in response.content.decode()
        back = post(client, "decision_undo")
        assert back.context["item"].pk == drawing.pk

    def test_the_agreement_page_tells_kappa_by_pair_and_by_answer(self, client, rosa, evaluation):
        remy = make_user(Role.REVIEWER, "remy")
        assert "Nothing to compare yet" in client.get(reverse("agreement")).content.decode()
        for index in range(4):
            image = make_misclassification(evaluation, index, true_label=index % 2)
            record_misclassification_verdict(image, reviewer=rosa, verdict="model_error")
            record_misclassification_verdict(
                image, reviewer=remy, verdict="model_error" if index else "ambiguous"
            )
        response = client.get(reverse("agreement"), {"pair": f"{rosa.pk}-{remy.pk}"})
        page = response.content.decode()
        (pair,) = response.context["pairs"]
        assert (pair.first, pair.second, pair.figures.count) == ("rosa", "remy", 4)
        assert pair.figures.agreed == 3
        assert [row.name for row in response.context["classes"]] == ["0", "1", "Ambiguous"]
        assert response.context["pair"] == pair
        assert "Only 4 items so far" in page


def test_with_one_review_required_the_agreement_page_says_how_to_get_two(client, rosa):
    assert "REVIEWS_REQUIRED=2" in client.get(reverse("agreement")).content.decode()
