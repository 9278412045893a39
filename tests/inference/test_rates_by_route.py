"""Every rate holds on every route that it guards: tokens, sessions, the queue, share links."""

import json

import pytest
from django.test import Client
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from digitsite.accounts import limits
from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from inference.models import Drawing
from inference.services.promotion import promote
from inference.services.share_links import create_share_link
from inference.studio.endpoints import ENDPOINTS
from tests.factories import make_user
from tests.inference.rows import DIAGONAL, make_version
from tests.inference.test_studio import picture

pytestmark = pytest.mark.django_db(transaction=True)

REST, STUDIO = "/api/v1", "/studio/gradio_api"
FN_INDEX = {name: index for index, name in enumerate(ENDPOINTS)}


@pytest.fixture
def one_at_a_time(monkeypatch):
    """`one_at_a_time(rate)`: a bucket of one, refilled in 100 s."""
    rates = []

    def shrink(rate) -> None:
        rate.forget()
        rates.append(rate)
        monkeypatch.setattr(rate, "burst", 1)
        monkeypatch.setattr(rate, "per_second", 0.01)

    yield shrink
    for rate in rates:
        rate.forget()


@pytest.fixture
def ada():
    return make_user(Role.DRAWER, "ada")


@pytest.fixture
def site():
    from digitsite.asgi import application

    promote(make_version(), by=None, reason="for the test")
    with TestClient(application, base_url="http://localhost") as client:
        yield client


@pytest.fixture(params=["token", "session"])
def headers(request, ada) -> dict[str, str]:
    """How Ada says who she is."""
    if request.param == "token":
        return {"Authorization": f"Bearer {create_token(ada, 'test')[1]}"}
    browser = Client()
    browser.force_login(ada, backend="digitsite.accounts.backends.RoleBackend")
    browser.get("/draw/")  # for the token that guards against forged forms
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    told = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    return told | {"X-CSRFToken": cookies.get("csrftoken", "")}


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


TOO_OFTEN = (429, "too_often")


def calls(name: str, *data):
    """A call of a studio's endpoint by each route there is, and by the queue's."""
    body = {"data": list(data)}
    for route in ("run", "api", "call"):
        yield f"{STUDIO}/{route}/{name}", body
    queued = {**body, "fn_index": FN_INDEX[name], "session_hash": f"test-{name}"}
    yield f"{STUDIO}/queue/join", queued


def test_predictions_are_counted_by_every_route(one_at_a_time, site, headers):
    one_at_a_time(limits.predictions)
    strokes = {"strokes": DIAGONAL}
    assert site.post(f"{REST}/predict", json=strokes, headers=headers).status_code == 200
    assert refusal(site.post(f"{REST}/predict", json=strokes, headers=headers)) == TOO_OFTEN
    batch = {"batch": [strokes] * 3}
    assert refusal(site.post(f"{REST}/predict", json=batch, headers=headers)) == TOO_OFTEN
    for name in ENDPOINTS:
        for path, body in calls(name, DIAGONAL):
            assert refusal(site.post(path, json=body, headers=headers)) == TOO_OFTEN, path


def test_pictures_are_counted_by_every_route(one_at_a_time, site, headers, ada):
    one_at_a_time(limits.pictures)
    body = {"picture": picture()}
    assert site.post(f"{REST}/predict", json=body, headers=headers).status_code == 200
    for path, more in ((f"{REST}/predict", {}), (f"{REST}/drawings", {"label": 1})):
        assert refusal(site.post(path, json=body | more, headers=headers)) == TOO_OFTEN, path
    limits.pictures.take(ada.username)  # the studio counts for itself
    for name, data in (("predict_picture", [picture()]), ("submit_picture", [picture(), 1])):
        assert told_too_often(site, headers, name, *data)
    assert not Drawing.objects.exists()


def test_drawings_are_counted_by_every_route(one_at_a_time, site, headers):
    one_at_a_time(limits.submissions)
    body = {"strokes": DIAGONAL, "label": 3}
    assert site.post(f"{REST}/drawings", json=body, headers=headers).status_code == 201
    assert refusal(site.post(f"{REST}/drawings", json=body, headers=headers)) == TOO_OFTEN
    assert told_too_often(site, headers, "submit", DIAGONAL, 3)
    assert told_too_often(site, headers, "submit_picture", picture(), 1)
    assert Drawing.objects.count() == 1


def told_too_often(site, headers, name: str, *data) -> bool:
    """Whether each way to the endpoint ends in a refusal, and the queue's in an error."""
    for path, body in calls(name, *data):
        if path.endswith("/queue/join"):
            assert site.post(path, json=body, headers=headers).status_code == 200
            stream = f"{STUDIO}/queue/data?session_hash={body['session_hash']}"
            said = site.get(stream, headers=headers).text
            told = [line[5:] for line in said.splitlines() if line.startswith("data:")]
            events = [json.loads(line) for line in told]
            (end,) = [event for event in events if event["msg"] == "process_completed"]
            assert not end["success"], name
            assert end["output"]["title"] == "too_often", name
        else:
            assert refusal(site.post(path, json=body, headers=headers)) == TOO_OFTEN, path
    # A body that names another endpoint than its path does.
    disguised = {"data": list(data), "fn_index": FN_INDEX[name]}
    answer = site.post(f"{STUDIO}/run/status", json=disguised, headers=headers)
    return answer.status_code == 500 and answer.json()["title"] == "too_often"


@pytest.mark.parametrize(
    ("rate", "name", "data"),
    [
        (limits.visitor_predictions, "predict", [DIAGONAL]),
        (limits.visitor_submissions, "submit", [DIAGONAL, 3]),
    ],
)
def test_visitors_are_counted_and_find_no_way_around(one_at_a_time, site, rate, name, data):
    one_at_a_time(rate)
    _, token = create_share_link(make_user(Role.RESEARCHER, "rita"), label="Class 4b")
    studio = f"/s/{token}/studio/gradio_api"
    body = {"data": data}
    assert site.post(f"{studio}/run/{name}", json=body).status_code == 200
    assert refusal(site.post(f"{studio}/run/{name}", json=body)) == TOO_OFTEN
    for path in (f"api/{name}", f"call/{name}", f"call/v2/{name}", "queue/join"):
        assert site.post(f"{studio}/{path}", json=body).status_code == 404, path
    rate.forget()
    disguised = {"data": data, "fn_index": FN_INDEX[name]}
    answer = site.post(f"{studio}/run/status", json=disguised)
    assert refusal(answer) == (422, "invalid")
    assert Drawing.objects.count() == (name == "submit")


def test_there_is_no_websocket(site, headers):
    _, token = create_share_link(make_user(Role.RESEARCHER, "rita"), label="Class 4b")
    for prefix in ("/studio", f"/s/{token}/studio"):
        for path in ("/", "/queue/join", "/gradio_api/queue/join"):
            with (
                pytest.raises(WebSocketDisconnect) as closed,
                site.websocket_connect(prefix + path, headers=headers),
            ):
                pass
            assert closed.value.code == 1008


def test_attempts_to_sign_in_are_counted_by_every_page_that_takes_a_password(one_at_a_time):
    one_at_a_time(limits.sign_ins)
    form = {"username": "ada", "password": "wrong"}
    limits.sign_ins.take(limits.address_key("127.0.0.1"))
    assert Client().post("/sign-in/", form).status_code == 429
    # The administration has no sign-in of its own: it leads to the site's.
    answer = Client().post("/admin/login/", form)
    assert (answer.status_code, answer.headers.get("Location", "")[:9]) == (302, "/sign-in/")
