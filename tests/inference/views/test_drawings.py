"""My drawings, and the page of one drawing."""

import io

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from digitsite.accounts.roles import Role
from inference.drawing_pictures import SIDE, digit_png, stroke_paths
from inference.services.reviews import record_verdict
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_share_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora(client):
    dora = make_user(Role.DRAWER, "dora")
    client.force_login(dora)
    return dora


def test_without_drawings_the_page_says_what_to_do(client, dora):
    page = client.get(reverse("my_drawings")).content.decode()
    assert "Nothing drawn yet" in page
    assert reverse("draw") in page


def test_only_ones_own_drawings_are_listed(client, dora):
    mine, other = make_drawing(author=dora), make_drawing()
    page = client.get(reverse("my_drawings")).content.decode()
    assert reverse("drawing", args=[mine.pk]) in page
    assert reverse("drawing", args=[other.pk]) not in page


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("", {"sure", "misread", "done"}),
        ("misread", {"misread"}),
        ("pending", {"sure", "misread"}),
        ("confirmed", {"done"}),
        ("set_aside", set()),
        ("nonsense", {"sure", "misread", "done"}),
    ],
)
def test_a_tab_keeps_what_it_names(client, dora, show, expected):
    rows = {
        "sure": make_drawing(author=dora),
        "misread": make_drawing(1, 7, author=dora),
        "done": make_drawing(author=dora, status="confirmed"),
    }
    page = client.get(reverse("my_drawings"), {"show": show}).context["page"]
    assert {row.pk for row in page} == {rows[name].pk for name in expected}


def test_the_gallery_costs_the_same_however_many_drawings(
    client, dora, django_assert_max_num_queries
):
    make_drawing(author=dora)
    with django_assert_max_num_queries(30) as few:
        client.get(reverse("my_drawings"))
    for _ in range(5):
        make_drawing(author=dora)
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("my_drawings"))


def test_the_page_of_a_drawing_tells_its_life(client, dora):
    drawing = make_drawing(1, 7, author=dora)
    record_verdict(drawing, reviewer=make_user(Role.REVIEWER, "rosa"), verdict="relabel", label=9)
    page = client.get(reverse("drawing", args=[drawing.pk])).content.decode()
    assert '<path d="M' in page
    assert "Reviewed to <strong>9</strong> by a reviewer" in page
    assert "Corrected to 9" in page
    assert reverse("model", args=[drawing.model.number]) in page


def test_a_first_opinion_stays_hidden_until_the_second_is_given(client, dora, settings):
    settings.REVIEWS_REQUIRED = 2
    drawing = make_drawing(author=dora)
    url = reverse("drawing", args=[drawing.pk])
    record_verdict(drawing, reviewer=make_user(Role.REVIEWER, "rosa"), verdict="reject")
    assert "Rejected by" not in client.get(url).content.decode()
    record_verdict(drawing, reviewer=make_user(Role.REVIEWER, "ruth"), verdict="reject")
    assert "Rejected by" in client.get(url).content.decode()


@pytest.mark.parametrize("name", ["drawing", "drawing_image"])
def test_a_visitors_drawing_is_for_the_owner_of_the_link_and_for_reviewers(client, dora, name):
    drawing = make_drawing(share_link=make_share_link(dora))
    url = reverse(name, args=[drawing.pk])
    assert client.get(url).status_code == 200
    for role, status in ((Role.DRAWER, 403), (Role.REVIEWER, 200)):
        client.force_login(make_user(role))
        assert client.get(url).status_code == status
    page = client.get(reverse("drawing", args=[drawing.pk])).content.decode()
    assert "Drawn by a visitor of “Class 4b”" in page


@pytest.mark.parametrize("name", ["drawing", "drawing_image"])
@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.DRAWER, 403), (Role.RESEARCHER, 403), (Role.REVIEWER, 200), (Role.ADMIN, 200)],
)
def test_other_peoples_drawings_are_for_reviewers(client, name, role, status):
    drawing = make_drawing()
    client.force_login(make_user(role))
    assert client.get(reverse(name, args=[drawing.pk])).status_code == status


def test_the_image_is_what_the_model_saw(client, dora):
    drawing = make_drawing(author=dora)
    response = client.get(reverse("drawing_image", args=[drawing.pk]))
    assert response["Content-Type"] == "image/png"
    assert "private" in response["Cache-Control"]
    assert "immutable" in response["Cache-Control"]
    pixels = np.asarray(Image.open(io.BytesIO(response.content)))
    assert pixels.shape == (28, 28)
    assert pixels.tobytes() == drawing.image


def test_an_upload_without_strokes_shows_its_picture(client, dora):
    drawing = make_drawing(author=dora, strokes=[], origin="upload")
    page = client.get(reverse("drawing", args=[drawing.pk])).content.decode()
    assert "<path" not in page.split('class="card drawing-page__ink"')[1].split("</section>")[0]
    assert "The uploaded digit" in page


def test_a_digit_of_another_size_is_refused():
    with pytest.raises(ValueError, match="784 pixels, got 9"):
        digit_png(bytes(9))


def test_strokes_are_fitted_into_the_square_wherever_they_were_drawn():
    small = [[[0.10, 0.10], [0.11, 0.14]], [[0.12, 0.10]]]
    large = [[[x * 20, y * 20] for x, y in stroke] for stroke in small]
    assert stroke_paths(small) == stroke_paths(large)
    numbers = [
        float(part)
        for path in stroke_paths(small)
        for part in path.replace("M", " ").replace("L", " ").replace("h0", "").split()
    ]
    assert 0 < min(numbers) < max(numbers) < SIDE


def test_a_dot_is_drawn_and_nothing_is_not():
    assert stroke_paths([[[0.3, 0.3]]]) == ["M500 500h0"]
    assert stroke_paths([]) == []
