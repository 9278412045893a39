import base64
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from digitsite.accounts.roles import Role
from inference.models import Drawing
from inference.predictor import predictor
from inference.services.promotion import promote
from tests.api_calls import Caller
from tests.factories import make_user
from tests.inference.rows import (
    DIAGONAL,
    make_drawing,
    make_evaluation,
    make_share_link,
    make_version,
    streamed,
)
from tests.training.ml.synthetic import synthetic_digits

# The predictor asks the database in threads of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model():
    version = make_version(evaluated=True)
    promote(version, by=None, reason="for the test")
    predictor.forget()
    yield version
    predictor.forget()


@pytest.fixture
def caller():
    return Caller(make_user(Role.DRAWER))


def block(digit: int) -> list[list[int]]:
    digits = synthetic_digits(0, 64, 1)
    return digits.train_images[digits.train_labels == digit][0].tolist()


def test_an_array_is_read(model, caller):
    status, body = caller.post("/predict", {"image": block(4)})
    assert status == 200, body
    [answer] = body["predictions"]
    assert answer["label"] == 4
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert (body["model"], "image" in answer) == ("v1", False)


def test_an_answer_says_whether_it_is_sure_and_which_two_digits_it_may_be(model, caller):
    blank = [[0] * 28] * 27 + [[0] * 27 + [1]]
    _, body = caller.post("/predict", {"batch": [{"image": block(4)}, {"image": blank}]})
    clear, doubtful = body["predictions"]
    assert (clear["sure"], clear["candidates"][0]) == (True, 4)
    assert doubtful["sure"] is False
    ranked = np.argsort([-share for share in doubtful["probabilities"]], kind="stable")
    assert doubtful["candidates"] == ranked[:2].tolist()


def test_what_the_model_saw_comes_on_request(model, caller):
    _, body = caller.post("/predict", {"image": block(4), "with_image": True})
    assert body["predictions"][0]["image"] == block(4)


def test_a_batch_of_all_kinds_is_read_in_order(model, caller):
    file = io.BytesIO()
    Image.fromarray(np.array(block(2), np.uint8)).save(file, "PNG")
    items = [
        {"image": block(7)},
        {"strokes": DIAGONAL},
        {"picture": base64.b64encode(file.getvalue()).decode()},
        {"image": block(1)},
    ]
    status, body = caller.post("/predict", {"batch": items})
    assert status == 200, body
    labels = [answer["label"] for answer in body["predictions"]]
    assert (len(labels), labels[0], labels[3]) == (4, 7, 1)


def test_raw_images_give_the_answers_of_arrays(model, caller):
    raw = base64.b64encode(np.array([block(3), block(8)], np.uint8).tobytes()).decode()
    _, body = caller.post("/predict", {"images": raw})
    _, single = caller.post("/predict", {"image": block(8)})
    assert body["predictions"][1] == single["predictions"][0]
    assert body["predictions"][0]["label"] == 3


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "invalid", "exactly one of"),
        ({"strokes": [], "image": []}, "invalid", "exactly one of"),
        ({"strokes": []}, "drawing_empty", "strokes"),
        ({"image": [[0] * 28] * 27}, "invalid", "(27, 28)"),
        ({"image": [[256] * 28] * 28}, "invalid", "256"),
        ({"image": [[0.5] * 28] * 28}, "invalid", "whole numbers"),
        ({"picture": "no base64!"}, "invalid", "base64"),
        ({"picture": base64.b64encode(b"GIF89a").decode()}, "drawing_", "picture"),
        ({"batch": []}, "batch_size", "got 0"),
        ({"batch": [{"image": [[0] * 28] * 28}] * 513}, "batch_size", "got 513"),
        ({"batch": [{"image": [[0] * 28] * 28}, {"strokes": []}]}, "drawing_empty", "batch.1"),
        ({"images": base64.b64encode(bytes(785)).decode()}, "invalid", "785"),
    ],
)
def test_a_bad_item_is_refused_by_name(caller, body, code, words):
    status, answer = caller.post("/predict", body)
    assert status == 422
    assert answer["error"]["code"].startswith(code)
    assert words in answer["error"]["message"]


def test_without_a_model_the_answer_is_503_and_says_what_to_do(caller):
    predictor.forget()
    status, body = caller.post("/predict", {"image": [[0] * 28] * 28})
    assert (status, body["error"]["code"]) == (503, "no_model")
    assert "promote" in body["error"]["message"]


def test_models_are_told_with_their_proof(model, caller):
    _, [body] = caller.get("/models")
    assert (body["number"], body["production"], body["accuracy"]) == (1, True, 1.0)
    assert body["export_proof"]["onnx_label_agreement"] == 1.0
    assert {file["format"] for file in body["files"]} == {"keras", "h5", "onnx"}


def test_a_model_is_downloaded_whole(model):
    caller = Caller(make_user(Role.RESEARCHER))
    response = caller.client.get("/api/v1/models/1/files/onnx", headers=caller.headers)
    content = b"".join(streamed(response.streaming_content))
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert caller.get("/models/1/files/exe")[0] == 404


def test_an_admin_promotes_with_a_reason(model):
    second = make_version(evaluated=True)
    caller = Caller(make_user(Role.ADMIN))
    assert caller.post(f"/models/{second.number}/promote", {"reason": " "})[0] == 409
    status, body = caller.post(f"/models/{second.number}/promote", {"reason": "better"})
    assert (status, body["production"]) == (200, True)


def test_the_gate_is_asked_and_its_refusal_gives_reasons(model):
    second = make_version(evaluated=True, dataset=model.run.dataset)
    make_evaluation(second, model.run.dataset, range(7))
    caller = Caller(make_user(Role.ADMIN))
    status, report = caller.get("/models/2/gate")
    assert (status, report["verdict"]) == (200, "blocked")
    status, body = caller.post("/models/2/promote", {"reason": "better"})
    assert (status, body["error"]["code"]) == (409, "gate_blocked")
    assert body["error"]["reasons"] == report["reasons"]
    assert body["error"]["report"]["splits"][0]["broken"] == 7
    status, body = caller.post("/models/2/promote", {"reason": "lesson", "override": True})
    assert (status, body["production"]) == (200, True)


def test_a_gate_that_has_not_decided_is_a_409_of_its_own(model):
    make_version(dataset=model.run.dataset)
    caller = Caller(make_user(Role.ADMIN))
    status, body = caller.post("/models/2/promote", {"reason": "better"})
    assert (status, body["error"]["code"]) == (409, "gate_waiting")
    assert "being judged" in body["error"]["reasons"][0]


def test_a_drawing_is_stored_and_told(model, caller):
    status, body = caller.post("/drawings", {"label": 3, "strokes": DIAGONAL})
    assert status == 201, body
    assert (body["label"], body["status"], body["model"]) == (3, "pending", "v1")
    assert (body["device"], body["share_link"]) == ("program", None)
    assert caller.get(f"/drawings/{body['id']}")[1] == body
    assert caller.post("/drawings", {"label": 11, "strokes": DIAGONAL})[0] == 422
    assert Drawing.objects.count() == 1


def test_drawings_of_others_do_not_exist_for_a_drawer(model, caller):
    drawing = make_drawing(model=model)
    assert caller.get(f"/drawings/{drawing.pk}")[0] == 404
    assert caller.get("/drawings")[1]["count"] == 0


def test_a_visitors_drawing_is_told_to_the_owner_of_the_link(model):
    link = make_share_link()
    drawing = make_drawing(model=model, share_link=link)
    status, body = Caller(link.owner).get(f"/drawings/{drawing.pk}")
    assert (status, body["author"], body["share_link"]) == (200, None, link.pk)
    assert Caller(make_user(Role.DRAWER)).get(f"/drawings/{drawing.pk}")[0] == 404


def test_a_reviewer_settles_a_drawing(model):
    drawing = make_drawing(3, model=model)
    caller = Caller(make_user(Role.REVIEWER))
    status, body = caller.post(f"/drawings/{drawing.pk}/review", {"verdict": "relabel", "label": 5})
    assert (status, body["status"], body["settled_label"]) == (200, "corrected", 5)
    assert caller.post(f"/drawings/{drawing.pk}/review", {"verdict": "confirm"})[0] == 409
    assert caller.post(f"/drawings/{drawing.pk}/review", {"verdict": "maybe"})[0] == 422
