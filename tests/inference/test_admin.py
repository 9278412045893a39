"""The Django admin: thumbnails, verdicts through the services, read-only, no query per row."""

import pytest
from django.apps import apps
from django.urls import reverse

from digitsite.accounts.roles import Role
from inference.models import Drawing, Promotion, Review
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_drawing, make_misclassification, make_version

pytestmark = pytest.mark.django_db

LISTS = [
    "training_dataset",
    "training_trainingrun",
    "training_evaluation",
    "training_misclassification",
    "inference_modelversion",
    "inference_promotion",
    "inference_drawing",
    "inference_review",
]


@pytest.fixture
def ada(client):
    ada = make_user(Role.ADMIN, "ada")
    client.force_login(ada)
    return ada


def fill(count: int, ada) -> None:
    """`count` rows in every list, with different people, runs and models behind them."""
    for _ in range(count):
        version = make_version(
            owner=make_user(), dataset=make_dataset(seed=Drawing.objects.count())
        )
        evaluation = version.run.evaluations.earliest("id")
        Promotion.objects.create(model=version, promoted_by=make_user(), reason="because")
        drawing = make_drawing(model=version)
        make_misclassification(evaluation, index=version.number)
        Review.objects.create(drawing=drawing, reviewer=make_user(), verdict="confirm", label=3)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_however_many_rows_it_has(
    client, ada, name, django_assert_max_num_queries
):
    url = reverse(f"admin:{name}_changelist")
    fill(2, ada)
    with django_assert_max_num_queries(60) as few:
        assert client.get(url).status_code == 200
    fill(3, ada)
    with django_assert_max_num_queries(len(few)):
        assert client.get(url).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_every_row_can_be_opened_and_none_changed(client, ada, name):
    fill(1, ada)
    row = apps.get_model(name.replace("_", ".")).objects.first()
    page = client.get(reverse(f"admin:{name}_change", args=[row.pk]))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    for action in ("add", "delete"):
        arguments = [] if action == "add" else [row.pk]
        assert client.get(reverse(f"admin:{name}_{action}", args=arguments)).status_code == 403


def act(client, name: str, action: str, rows, **data):
    return client.post(
        reverse(f"admin:{name}_changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows], "index": 0} | data,
        follow=True,
    )


@pytest.mark.parametrize(
    ("action", "data", "expected"),
    [
        ("confirm", {}, ("confirmed", 3)),
        ("relabel", {"label": "8"}, ("corrected", 8)),
        ("accept_model", {}, ("corrected", 5)),
        ("ambiguous", {}, ("ambiguous", None)),
        ("reject", {}, ("rejected", None)),
    ],
)
def test_bulk_verdicts_settle_drawings_and_leave_a_row_each(client, ada, action, data, expected):
    drawings = [make_drawing(label=3, predicted=5) for _ in range(2)]
    answer = act(client, "inference_drawing", action, drawings, **data)
    assert "Verdicts recorded: 2." in answer.content.decode()
    for drawing in drawings:
        drawing.refresh_from_db()
        assert (drawing.status, drawing.settled_label) == expected
        assert drawing.reviews.get().reviewer == ada


def test_a_bulk_relabel_without_a_digit_says_so(client, ada):
    answer = act(client, "inference_drawing", "relabel", [make_drawing(), make_drawing()])
    assert "Refused 2: A new label is a digit from 0 to 9" in answer.content.decode()
    assert not Review.objects.exists()


def test_the_state_is_computed_again_after_another_number_is_required(client, ada, settings):
    settings.REVIEWS_REQUIRED = 2
    drawing = make_drawing()
    act(client, "inference_drawing", "reject", [drawing])
    settings.REVIEWS_REQUIRED = 1
    act(client, "inference_drawing", "rebuild", [drawing])
    drawing.refresh_from_db()
    assert drawing.status == "rejected"


@pytest.mark.parametrize("action", ["model_error", "ambiguous", "label_wrong"])
def test_bulk_verdicts_on_misclassified_images(client, ada, action):
    row = make_misclassification()
    act(client, "training_misclassification", action, [row])
    row.refresh_from_db()
    assert row.verdict == action
    assert row.reviews.get().reviewer == ada


def test_a_drawings_list_shows_its_images(client, ada):
    make_drawing()
    page = client.get(reverse("admin:inference_drawing_changelist")).content.decode()
    assert 'src="data:image/png;base64,' in page


def test_promoting_in_the_admin_needs_one_version_and_a_reason(client, ada):
    first, second = make_version(owner=ada), make_version(owner=ada)
    act(client, "inference_modelversion", "promote", [first, second], reason="both")
    act(client, "inference_modelversion", "promote", [first])
    assert not Promotion.objects.exists()
    act(client, "inference_modelversion", "promote", [first], reason="better sevens")
    assert Promotion.objects.get().model == first


@pytest.mark.parametrize("role", [Role.DRAWER, Role.RESEARCHER, Role.REVIEWER])
def test_other_roles_do_not_enter(client, role):
    client.force_login(make_user(role))
    page = client.get(reverse("admin:inference_drawing_changelist"), follow=True)
    assert page.status_code == 403
