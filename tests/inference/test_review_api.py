"""The review queue for programs: next, verdict, undo."""

import pytest

from digitsite.accounts.roles import Role
from inference.services.promotion import promote
from tests.api_calls import Caller
from tests.factories import make_user
from tests.inference.rows import make_drawing, make_misclassification, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def evaluation():
    version = make_version(evaluated=True)
    promote(version, by=None, reason="for the test")
    return version.run.evaluations.get()


@pytest.fixture
def caller(evaluation):
    return Caller(make_user(Role.REVIEWER))


def test_a_drawing_is_asked_for_judged_and_taken_back(caller):
    drawing = make_drawing(3, 8)
    status, body = caller.get("/review/next")
    assert status == 200
    assert body["left"] == 1
    assert (body["item"]["kind"], body["item"]["id"]) == ("drawing", drawing.pk)
    assert (body["item"]["label"], body["item"]["predicted_label"]) == (3, 8)
    assert body["item"]["strokes"] == drawing.strokes
    verdict = {"kind": "drawing", "id": drawing.pk, "verdict": "relabel", "label": 8}
    status, told = caller.post("/review/verdict", verdict)
    assert (status, told["verdict"], told["label"]) == (200, "relabel", 8)
    assert caller.get("/review/next")[1] == {"item": None, "left": 0}
    status, told = caller.post("/review/undo")
    assert (status, told["verdict"], told["id"]) == (200, "undo", drawing.pk)
    assert caller.get("/review/next")[1]["item"]["id"] == drawing.pk


def test_a_test_image_comes_with_its_picture(caller, evaluation):
    image = make_misclassification(evaluation)
    _, body = caller.get("/review/next", kind="images", label="4")
    assert (body["item"]["kind"], body["item"]["id"]) == ("image", image.pk)
    assert body["item"]["picture"].startswith("data:image/png;base64,")
    assert len(body["item"]["probabilities"]) == 10
    verdict = {"kind": "image", "id": image.pk, "verdict": "label_wrong", "label": 9}
    assert caller.post("/review/verdict", verdict)[0] == 200
    image.refresh_from_db()
    assert (image.verdict, image.right_label) == ("label_wrong", 9)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "drawing", "id": 1, "verdict": "maybe"}, 422, "invalid"),
        ({"kind": "image", "id": 1, "verdict": "reject"}, 422, "invalid"),
        ({"kind": "run", "id": 1, "verdict": "confirm"}, 422, "invalid"),
        ({"kind": "drawing", "id": 12345, "verdict": "confirm"}, 404, "not_found"),
        ({}, 422, "invalid"),
    ],
)
def test_refusals_have_the_one_shape(caller, body, status, code):
    got, answer = caller.post("/review/verdict", body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]


def test_conflicts_are_told(caller):
    drawing = make_drawing()
    assert caller.post("/review/undo")[1]["error"]["message"] == "There is nothing to undo."
    verdict = {"kind": "drawing", "id": drawing.pk, "verdict": "confirm"}
    assert caller.post("/review/verdict", verdict)[0] == 200
    status, body = caller.post("/review/verdict", verdict)
    assert (status, body["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"kind": "everything"}, 422),
        ({"label": 10}, 422),
        ({"origin": "fax"}, 422),
        ({"author": 1}, 403),
        ({"kind": "images", "read": 9, "disagreeing": True}, 200),
    ],
)
def test_a_filter_that_does_not_exist_is_refused(caller, filters, status):
    assert caller.get("/review/next", **filters)[0] == status
