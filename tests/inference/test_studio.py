"""The studio's named endpoints, through the whole web application."""

import base64
import io
import json

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from starlette.testclient import TestClient

from digitsite.accounts.roles import Role
from inference.answers import SURE_FROM
from inference.models import Drawing
from inference.services.promotion import promote
from inference.studio import quick
from tests.factories import make_user
from tests.inference.rows import make_version
from training.ml.preprocess import strokes_to_image

pytestmark = pytest.mark.django_db(transaction=True)

STROKES = [[[0.1, 0.1, 0], [0.9, 0.9, 100]]]
LONG = [[[0.1 + 0.8 * (i / 60), 0.5 + 0.4 * np.cos(i / 10), i * 10] for i in range(61)]]
BLANK = [[0] * 28] * 28


@pytest.fixture
def production():
    version = make_version()
    promote(version, by=None, reason="first")
    return version


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def site(ada):
    """The web application with its lifespan, asked by Ada."""
    from digitsite.asgi import application

    browser = Client()
    browser.force_login(ada, backend="digitsite.accounts.backends.RoleBackend")
    with TestClient(application, base_url="http://localhost") as client:
        client.cookies.set("sessionid", browser.cookies["sessionid"].value)
        yield client


def call(site, name: str, *data):
    return site.post(f"/studio/gradio_api/run/{name}", json={"data": list(data)})


def picture() -> str:
    paper = np.full((90, 60), 255, np.uint8)
    paper[20:70, 27:33] = 0
    buffer = io.BytesIO()
    Image.fromarray(paper).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_predict_answers_with_what_the_model_saw(production, site):
    (answer,) = call(site, "predict", STROKES).json()["data"]
    assert answer["image"] == strokes_to_image(STROKES).tolist()
    assert answer["model"] == str(production)
    assert len(answer["probabilities"]) == 10
    assert answer["label"] == int(np.argmax(answer["probabilities"])) == answer["candidates"][0]
    assert answer["confidence"] == max(answer["probabilities"])
    assert answer["sure"] == (answer["confidence"] >= SURE_FROM)
    assert (answer["digits"], answer["notice"]) == ([], "")


def test_the_short_way_to_a_reading_answers_as_gradio_does(production, site, monkeypatch):
    def asked(**more):
        """The answer, with `fn_index` only from Gradio itself, and whether Gradio was needed."""
        body = {"data": [STROKES], **more}
        response = site.post("/studio/gradio_api/run/predict", json=body)
        told = response.json()
        for timed in (told, told["data"][0]):
            for key in [key for key in timed if "duration" in key or key == "milliseconds"]:
                assert timed.pop(key) >= 0
        return response, told

    short, told = asked()
    whole, told_by_gradio = asked(fn_index=None)
    assert told == told_by_gradio
    assert {*short.headers} == {*whole.headers} - {"vary"}  # of CORS, which allows no origin
    monkeypatch.setattr(quick, "INLINE_BYTES", 10)
    assert asked()[1] == told


def test_live_readings_do_not_pass_through_gradio(production, site, monkeypatch):
    async def broken(*args, **kwargs):
        raise RuntimeError("asked Gradio")

    monkeypatch.setattr("gradio.route_utils.call_process_api", broken)
    assert call(site, "predict", STROKES).status_code == 200
    assert call(site, "predict", []).status_code == 500  # errors are Gradio's to tell


def test_digits_side_by_side_are_each_read(production, site):
    drawn = [[[0.1, 0.2], [0.1, 0.8]], [[0.4, 0.2], [0.6, 0.8]], [[0.9, 0.2], [0.8, 0.8]]]
    (answer,) = call(site, "predict", drawn).json()["data"]
    assert len(answer["digits"]) == 3
    for digit, stroke in zip(answer["digits"], drawn, strict=True):
        (alone,) = call(site, "predict", [stroke]).json()["data"]
        assert {key: digit[key] for key in ("label", "probabilities", "image")} == {
            key: alone[key] for key in ("label", "probabilities", "image")
        }


def test_a_replay_reads_each_stage_as_predict_would(production, site):
    (told,) = call(site, "replay", LONG).json()["data"]
    assert told["model"] == str(production)
    steps = told["steps"]
    assert (steps[-1]["points"], steps[-1]["ink"]) == (len(LONG[0]), 1)
    for step in (steps[0], steps[len(steps) // 2], steps[-1]):
        (alone,) = call(site, "predict", [LONG[0][: step["points"]]]).json()["data"]
        assert step["probabilities"] == alone["probabilities"]
        assert step["image"] == alone["image"]
    labels = [step["label"] for step in steps]
    assert told["changes"] == [at for at in range(1, 40) if labels[at] != labels[at - 1]] != []


def test_an_explanation_says_what_covering_does(production, site):
    (answer,) = call(site, "predict", STROKES).json()["data"]
    (why,) = call(site, "explain", answer["image"]).json()["data"]
    assert why["label"] == answer["label"]
    assert np.shape(why["heat"]) == (28, 28)
    assert np.abs(why["heat"]).max() > 0
    assert why["place"] in why["sentence"] or why["covered"]["label"] == why["label"]


def test_a_picture_is_read_with_and_without_its_data_prefix(production, site):
    bare = call(site, "predict_picture", picture()).json()["data"]
    data = call(site, "predict_picture", "data:image/png;base64," + picture()).json()["data"]
    assert bare[0]["probabilities"] == data[0]["probabilities"]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("predict", [[]], "empty"),
        ("predict", [None], "malformed"),
        ("predict", ["x"], "malformed"),
        ("predict", [[[[0.1, "y"]]]], "malformed"),
        ("predict", [[[[0.1, 1e9]]]], "out_of_range"),
        ("predict", [[[[0.1, 0.1]] * 20_001]], "too_long"),
        ("replay", [[]], "empty"),
        ("replay", [7], "malformed"),
        ("explain", [BLANK], "empty"),
        ("explain", [BLANK[1:]], "malformed"),
        ("explain", [[[0.5] * 28] * 28], "malformed"),
        ("explain", [[[256] * 28] * 28], "out_of_range"),
        ("explain", ["x"], "malformed"),
        ("predict_picture", ["not base64!"], "malformed"),
        ("predict_picture", [base64.b64encode(b"GIF89a").decode()], "unsupported"),
        ("predict_picture", [7], "malformed"),
        ("submit", [STROKES, 10], "label"),
        ("submit", [STROKES, "7"], "label"),
        ("submit", [[], 7], "empty"),
        ("submit_picture", ["", 7], "unsupported"),
    ],
)
def test_what_cannot_be_read_is_said_with_a_stable_code(production, site, name, data, code):
    error = call(site, name, *data).json()
    assert error["title"] == code
    assert error["error"].endswith(".")
    assert not Drawing.objects.exists()


def test_without_a_model_the_studio_says_what_to_do(site):
    error = call(site, "status").json()
    assert error["title"] == "no_model"
    assert "promote it under Models" in error["error"]


def test_the_status_names_the_model(production, site):
    assert call(site, "status").json()["data"][0]["model"] == str(production)


def test_submit_stores_under_the_name_of_who_is_signed_in(production, site, ada):
    make_user(Role.DRAWER, "eve")
    (saved,) = call(site, "submit", STROKES, 7).json()["data"]
    drawing = Drawing.objects.get()
    assert (drawing.author, drawing.label, drawing.strokes) == (ada, 7, STROKES)
    assert saved["url"] == f"/drawings/{drawing.pk}/"
    assert saved["drawing"] == drawing.pk


def test_the_page_says_with_what_it_was_drawn_and_programs_are_told_from_it(production, site):
    def submitted(name, *data, **headers):
        path = f"/studio/gradio_api/run/{name}"
        assert site.post(path, json={"data": list(data)}, headers=headers).status_code == 200
        return Drawing.objects.latest("id").device

    assert submitted("submit", STROKES, 7, **{"X-Digitsite-Device": "touch"}) == "touch"
    assert submitted("submit_picture", picture(), 1, **{"X-Digitsite-Device": "upload"}) == "upload"
    assert submitted("submit", STROKES, 7) == "program"


def test_a_made_up_device_is_refused(production, site):
    body, headers = {"data": [STROKES, 7]}, {"X-Digitsite-Device": "<script>"}
    error = site.post("/studio/gradio_api/run/submit", json=body, headers=headers).json()
    assert error["title"] == "device"
    assert not Drawing.objects.exists()


def test_an_identity_given_by_the_client_is_ignored(production, site, ada):
    make_user(Role.DRAWER, "eve")
    body = {"data": [STROKES, 7], "username": "eve", "session_hash": "eve", "request": {}}
    site.post("/studio/gradio_api/run/submit", json=body, headers={"X-Username": "eve"})
    assert [drawing.author for drawing in Drawing.objects.all()] == [ada]


def test_a_picture_can_be_submitted(production, site):
    assert call(site, "submit_picture", picture(), 1).status_code == 200
    assert Drawing.objects.get().origin == Drawing.Origin.UPLOAD


def test_the_page_asks_nobody_else_for_anything(site):
    """Links in prose are fine; sources, fonts, styles and scripts of other hosts are not."""
    page = site.get("/studio/").text
    config = json.loads(page.split("window.gradio_config = ")[1].split(";</script>")[0])
    assert config["stylesheets"] == []
    assert config["analytics_enabled"] is False
    assert config["username"] == "ada"
    theme = site.get("/studio/theme.css").text
    assert "http" not in theme.replace("http://www.w3.org/", "")


def test_gradio_adds_no_cors_headers_of_its_own(production, site):
    response = site.get("/studio/", headers={"Origin": "http://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_no_endpoint_is_queued_and_no_state_is_kept(site):
    config = site.get("/studio/config").json()
    assert {one["api_name"] for one in config["dependencies"]} == {
        "predict",
        "predict_picture",
        "replay",
        "explain",
        "submit",
        "submit_picture",
        "status",
    }
    assert not any(one["queue"] for one in config["dependencies"])
    assert not any(one["type"] == "state" for one in config["components"])


def test_django_answers_beside_the_studio(site):
    assert site.get("/draw/").status_code == 200
    assert site.get("/nothing/").status_code == 404
