"""Who may open what: every URL of the site, asked as everybody.

A URL that the table does not know fails the test, so that nobody adds one without deciding who
may use it. The studio's routes are in `tests/inference/test_gate.py` and, by role, below.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import httpx
import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from digitsite.accounts.roles import Capability, Role
from digitsite.accounts.tokens import create_token
from digitsite.api import api
from inference.models import Snapshot
from tests.factories import make_run, make_sweep, make_user
from tests.inference.gradio_routes import gradio_routes
from tests.inference.rows import (
    make_drawing,
    make_misclassification,
    make_share_link,
    make_version,
)
from training.models import DatasetUpload
from training.services import runs

EVERYBODY = "everybody"
SIGNED_IN = "signed in"
ROLES = [None, *Role]  # None: nobody is signed in


@dataclass(frozen=True)
class Row:
    """One URL: who may use it, and what those get (`ok`); others get 403, strangers a redirect."""

    name: str
    may: Capability | str
    key: Callable[[SimpleNamespace], dict] = lambda world: {}
    method: str = "get"
    ok: frozenset[int] = frozenset({200})
    data: dict = field(default_factory=dict)
    owner_only: bool = False


def _statuses(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def _run(world):
    return {"pk": world.run.pk}


def _dataset(world):
    return {"pk": world.run.dataset_id}


def _model(world):
    return {"number": world.model.number}


def _evaluation(world):
    return {"pk": world.evaluation.pk}


def _picture(world):
    return _dataset(world) | {"split": "test"}


TABLE = [
    Row("landing", EVERYBODY, ok=_statuses(200, 302)),
    Row("login", EVERYBODY, ok=_statuses(200, 302)),
    Row("logout", EVERYBODY, method="post", ok=_statuses(302)),
    Row("healthz", EVERYBODY, ok=_statuses(200, 503)),
    Row("dashboard", Capability.BROWSE),
    Row("account", SIGNED_IN),
    Row("password_change", SIGNED_IN),
    Row("token_create", SIGNED_IN, method="post", ok=_statuses(201), data={"name": "mine"}),
    Row("token_revoke", SIGNED_IN, lambda w: {"pk": 0}, method="post", ok=_statuses(404)),
    Row("datasets", Capability.BROWSE),
    Row("dataset", Capability.BROWSE, _dataset),
    Row("dataset_insight", Capability.BROWSE, _dataset),
    Row("dataset_class", Capability.BROWSE, lambda w: _picture(w) | {"digit": 1}),
    Row("dataset_image", Capability.BROWSE, lambda w: _picture(w) | {"index": 0}),
    Row("dataset_mean", Capability.BROWSE, lambda w: _picture(w) | {"digit": 1}),
    Row("dataset_sheet", Capability.BROWSE, lambda w: _picture(w) | {"digit": 1}),
    Row("dataset_export", Capability.EXPORT_DATA, lambda w: _dataset(w) | {"format": "npz"}),
    Row("runs", Capability.BROWSE),
    Row("run_new", Capability.LAUNCH_RUNS),
    Row("run_new", Capability.LAUNCH_RUNS, method="post", ok=_statuses(422)),
    Row("run", Capability.BROWSE, _run),
    Row("run_live", Capability.BROWSE, _run),
    Row("run_events", Capability.BROWSE, _run),
    Row("run_tensorboard", Capability.BROWSE, _run),
    Row("run_cancel", Capability.MANAGE_RUNS, _run, method="post", ok=_statuses(302)),
    Row("run_resume", Capability.MANAGE_RUNS, _run, method="post", ok=_statuses(302)),
    Row(
        "run_cancel",
        Capability.LAUNCH_RUNS,
        lambda w: {"pk": w.own_run.pk},
        method="post",
        ok=_statuses(302),
    ),
    Row(
        "evaluation_new",
        Capability.LAUNCH_RUNS,
        method="post",
        ok=_statuses(302),
        data={"run": 0},
    ),
    Row("run_compare", Capability.BROWSE),
    Row("sweeps", Capability.BROWSE),
    Row("sweep_new", Capability.LAUNCH_RUNS),
    Row("sweep_new", Capability.LAUNCH_RUNS, method="post", ok=_statuses(422)),
    Row("sweep_plan", Capability.LAUNCH_RUNS, method="post"),
    Row("sweep", Capability.BROWSE, lambda w: {"pk": w.sweep.pk}),
    Row(
        "sweep_cancel",
        Capability.MANAGE_RUNS,
        lambda w: {"pk": w.sweep.pk},
        method="post",
        ok=_statuses(302),
    ),
    Row(
        "sweep_cancel",
        Capability.LAUNCH_RUNS,
        lambda w: {"pk": w.own_sweep.pk},
        method="post",
        ok=_statuses(302),
    ),
    Row("evaluation", Capability.BROWSE, lambda w: {"pk": w.evaluation.pk}),
    Row(
        "evaluation_analyse", Capability.LAUNCH_RUNS, _evaluation, method="post", ok=_statuses(302)
    ),
    Row("evaluation_part", Capability.BROWSE, lambda w: _evaluation(w) | {"part": "slices"}),
    Row("evaluation_image", Capability.BROWSE, lambda w: _evaluation(w) | {"index": 0}),
    Row("evaluation_why", Capability.BROWSE, lambda w: _evaluation(w) | {"index": 0}),
    Row(
        "evaluation_cell",
        Capability.BROWSE,
        lambda w: {"pk": w.evaluation.pk, "true": 4, "predicted": 9},
    ),
    Row("draw", Capability.DRAW),
    Row("models", Capability.BROWSE),
    Row("model", Capability.BROWSE, _model),
    Row("model_download", Capability.DOWNLOAD_MODELS, lambda w: _model(w) | {"format": "onnx"}),
    Row(
        "model_promote",
        Capability.PROMOTE_MODELS,
        _model,
        method="post",
        ok=_statuses(302),
        data={"reason": "tested"},
    ),
    Row("model_judge", Capability.LAUNCH_RUNS, _model, method="post", ok=_statuses(302)),
    Row("models_compare", Capability.BROWSE),
    Row("models_compare_judge", Capability.LAUNCH_RUNS, method="post", ok=_statuses(302)),
    Row("rounds", Capability.BROWSE),
    Row("rounds_judge", Capability.LAUNCH_RUNS, method="post", ok=_statuses(302)),
    Row("my_drawings", Capability.DRAW),
    Row("drawings_export", Capability.DRAW, lambda w: {"format": "jsonl"}),
    Row("all_drawings_export", Capability.ADMINISTER, lambda w: {"format": "jsonl"}),
    Row("drawing", Capability.REVIEW, lambda w: {"pk": w.drawing.pk}),
    Row("drawing_image", Capability.REVIEW, lambda w: {"pk": w.drawing.pk}),
    Row("drawing", Capability.DRAW, lambda w: {"pk": w.own_drawing.pk}),
    Row("upload_new", Capability.LAUNCH_RUNS),
    Row("upload_new", Capability.LAUNCH_RUNS, method="post", ok=_statuses(422)),
    Row("upload", Capability.LAUNCH_RUNS, lambda w: {"pk": w.upload.pk}),
    Row(
        "upload_report",
        Capability.LAUNCH_RUNS,
        lambda w: {"pk": w.upload.pk},
        ok=_statuses(404),
    ),
    Row("snapshot_new", Capability.LAUNCH_RUNS),
    Row("snapshot_new", Capability.LAUNCH_RUNS, method="post", ok=_statuses(422)),
    Row("snapshot", Capability.LAUNCH_RUNS, lambda w: {"pk": w.snapshot.pk}),
    Row("sharing", Capability.SHARE),
    Row(
        "share_create",
        Capability.SHARE,
        method="post",
        ok=_statuses(201),
        data={"label": "Class 4b", "expiry": "day"},
    ),
    Row("share_drawings", Capability.ADMINISTER, lambda w: {"pk": w.link.pk}),
    Row(
        "share_revoke",
        Capability.ADMINISTER,
        lambda w: {"pk": w.link.pk},
        method="post",
        ok=_statuses(302),
    ),
    Row("share_drawings", Capability.SHARE, lambda w: {"pk": w.own_link.pk}),
    Row(
        "share_revoke",
        Capability.SHARE,
        lambda w: {"pk": w.own_link.pk},
        method="post",
        ok=_statuses(302),
    ),
    Row("shared", EVERYBODY, lambda w: {"token": "unknown"}, ok=_statuses(404)),
    Row("review", Capability.REVIEW),
    Row("review_verdict", Capability.REVIEW, method="post", ok=_statuses(400)),
    Row("review_undo", Capability.REVIEW, method="post", ok=_statuses(200, 302)),
    Row("review_hold", Capability.REVIEW, method="post", ok=_statuses(204, 409)),
    Row("agreement", Capability.REVIEW),
    Row("decisions", Capability.ADMINISTER),
    Row("decision_verdict", Capability.ADMINISTER, method="post", ok=_statuses(400)),
    Row("decision_undo", Capability.ADMINISTER, method="post", ok=_statuses(302)),
]


def url_names() -> set[str]:
    """The name of every URL but the Django admin's and the API's, which have their own walks."""

    def walk(patterns, prefix: str):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                yield pattern.name or route
            elif getattr(pattern, "namespace", None) not in ("admin", "api"):
                yield from walk(pattern.url_patterns, route)

    return set(walk(get_resolver().url_patterns, ""))


def test_every_url_is_in_the_table():
    assert url_names() == {row.name for row in TABLE}


def _signed_in(role: Role | None):
    client = Client()
    user = make_user(role) if role else None
    if user:
        client.force_login(user, backend="digitsite.accounts.backends.RoleBackend")
    return client, user


def make_world(user) -> SimpleNamespace:
    """Rows of somebody else, and for people who are signed in rows of their own."""
    model = make_version(evaluated=True)
    misclassification = make_misclassification(model.run.evaluations.get())
    drawing = make_drawing(model=model)
    link = make_share_link()
    return SimpleNamespace(
        run=model.run,
        model=model,
        evaluation=misclassification.evaluation,
        drawing=drawing,
        own_drawing=make_drawing(model=model, author=user) if user else drawing,
        link=link,
        own_link=make_share_link(user) if user else link,
        own_run=make_run(owner=user) if user else model.run,
        upload=DatasetUpload.objects.create(name="Mine", files=[], status="done"),
        snapshot=Snapshot.objects.create(name="Drawings", mnist_share=0.7),
        sweep=(sweep := make_sweep()),
        own_sweep=make_sweep(owner=user) if user else sweep,
    )


def _is_allowed(row: Row, user) -> bool:
    if row.may == EVERYBODY:
        return True
    return user is not None and (row.may == SIGNED_IN or user.can(row.may))


def _complaint(row: Row, user, response) -> str:
    """Empty when the answer is the one the table promises."""
    got = f"{row.method.upper()} {row.name}: {response.status_code}"
    if _is_allowed(row, user):
        if response.status_code not in row.ok:
            return f"{got}, expected one of {sorted(row.ok)}"
        if response.status_code == 302 and response["Location"].startswith(reverse("login")):
            return f"{got} to the sign-in page, expected to be let in"
        return ""
    if user is None:
        to_sign_in = response.status_code == 302 and response["Location"].startswith(
            reverse("login")
        )
        return "" if to_sign_in else f"{got}, expected a redirect to the sign-in page"
    return "" if response.status_code == 403 else f"{got}, expected 403"


@pytest.mark.django_db(transaction=True)  # the stream reads in a thread of its own
@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_what_the_table_says(role):
    client, user = _signed_in(role)
    world = make_world(user)
    complaints = []
    for row in TABLE:
        if user and row.name == "logout":
            continue  # would end the walk; tests/digitsite covers it
        response = getattr(client, row.method)(reverse(row.name, kwargs=row.key(world)), row.data)
        complaints.append(_complaint(row, user, response))
        if hasattr(response, "streaming_content"):
            response.close()
        if row.name == "run_cancel":
            runs.TrainingRun.objects.filter(cancel_requested=True).update(cancel_requested=False)
    assert not list(filter(None, complaints))


# (method, route) -> (who may, what they get). Keys in the route are filled in from the world.
API: dict[tuple[str, str], tuple[Capability, frozenset[int]]] = {
    ("get", "/datasets"): (Capability.BROWSE, _statuses(200)),
    ("get", "/datasets/{pk}"): (Capability.BROWSE, _statuses(200)),
    ("get", "/datasets/{pk}/changes"): (Capability.BROWSE, _statuses(404)),  # an original
    ("get", "/datasets/{pk}/files/{format}"): (Capability.EXPORT_DATA, _statuses(200)),
    ("post", "/datasets"): (Capability.LAUNCH_RUNS, _statuses(422)),
    ("get", "/datasets/uploads/{pk}"): (Capability.LAUNCH_RUNS, _statuses(200)),
    ("get", "/datasets/uploads/{pk}/left-out.csv"): (Capability.LAUNCH_RUNS, _statuses(200)),
    ("get", "/runs"): (Capability.BROWSE, _statuses(200)),
    ("post", "/runs"): (Capability.LAUNCH_RUNS, _statuses(201)),
    ("get", "/runs/{pk}"): (Capability.BROWSE, _statuses(200)),
    ("get", "/runs/{pk}/epochs"): (Capability.BROWSE, _statuses(200)),
    ("get", "/runs/{pk}/events"): (Capability.BROWSE, _statuses(200)),
    ("post", "/runs/{pk}/cancel"): (Capability.MANAGE_RUNS, _statuses(409)),
    ("post", "/runs/{pk}/resume"): (Capability.MANAGE_RUNS, _statuses(409)),
    ("get", "/sweeps"): (Capability.BROWSE, _statuses(200)),
    ("post", "/sweeps"): (Capability.LAUNCH_RUNS, _statuses(422)),
    ("post", "/sweeps/plan"): (Capability.LAUNCH_RUNS, _statuses(422)),
    ("get", "/sweeps/{pk}"): (Capability.BROWSE, _statuses(200)),
    ("post", "/sweeps/{pk}/cancel"): (Capability.MANAGE_RUNS, _statuses(200)),
    ("get", "/evaluations"): (Capability.BROWSE, _statuses(200)),
    ("get", "/evaluations/{pk}"): (Capability.BROWSE, _statuses(200)),
    ("post", "/evaluations"): (Capability.LAUNCH_RUNS, _statuses(422)),
    ("post", "/evaluations/{pk}/analysis"): (Capability.LAUNCH_RUNS, _statuses(201)),
    ("get", "/evaluations/{pk}/analysis"): (Capability.BROWSE, _statuses(200, 404)),
    ("post", "/predict"): (Capability.DRAW, _statuses(422)),
    ("get", "/models"): (Capability.BROWSE, _statuses(200)),
    ("get", "/models/{number}"): (Capability.BROWSE, _statuses(200)),
    ("get", "/models/{number}/files/{format}"): (Capability.DOWNLOAD_MODELS, _statuses(200)),
    ("get", "/models/{number}/gate"): (Capability.BROWSE, _statuses(200)),
    ("post", "/models/{number}/promote"): (Capability.PROMOTE_MODELS, _statuses(422)),
    ("get", "/drawings"): (Capability.DRAW, _statuses(200)),
    ("post", "/drawings"): (Capability.DRAW, _statuses(422)),
    ("get", "/drawings/files/{format}"): (Capability.DRAW, _statuses(200)),
    ("get", "/drawings/files/all/{format}"): (Capability.ADMINISTER, _statuses(200)),
    ("get", "/drawings/{pk}"): (Capability.DRAW, _statuses(200)),
    ("get", "/snapshots"): (Capability.BROWSE, _statuses(200)),
    ("post", "/snapshots"): (Capability.LAUNCH_RUNS, _statuses(409)),
    ("get", "/snapshots/{pk}"): (Capability.BROWSE, _statuses(200)),
    ("post", "/drawings/{pk}/review"): (Capability.REVIEW, _statuses(422)),
    ("get", "/share-links"): (Capability.SHARE, _statuses(200)),
    ("post", "/share-links"): (Capability.SHARE, _statuses(422)),
    ("post", "/share-links/{pk}/revoke"): (Capability.SHARE, _statuses(200)),
    ("get", "/review/next"): (Capability.REVIEW, _statuses(200)),
    ("post", "/review/verdict"): (Capability.REVIEW, _statuses(422)),
    ("post", "/review/undo"): (Capability.REVIEW, _statuses(409)),
}


def test_every_api_route_is_in_the_table():
    paths = api.get_openapi_schema()["paths"]
    routes = {(method, path) for path, methods in paths.items() for method in methods}
    assert routes == {(method, "/api/v1" + route) for method, route in API}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("with_token", [True, False], ids=["token", "session"])
@pytest.mark.parametrize("role", ROLES)
def test_the_api_gives_everybody_what_the_table_says(role, with_token):
    client, user = _signed_in(role)
    world = make_world(user)
    headers = {}
    if user and with_token:
        client = Client()
        headers = {"Authorization": f"Bearer {create_token(user, 'walk')[1]}"}
    complaints = []
    for (method, route), (capability, ok) in API.items():
        pk = {
            "datasets": world.run.dataset_id,
            "runs": world.run.pk,
            "sweeps": world.sweep.pk,
            "evaluations": world.evaluation.pk,
            "snapshots": world.snapshot.pk,
            "share-links": world.own_link.pk,
            "drawings": (world.drawing if "review" in route else world.own_drawing).pk,
        }.get(route.split("/")[1])
        if route.startswith("/datasets/uploads/"):
            pk = world.upload.pk
        format = "onnx" if "models" in route else "npz"
        path = route.format(pk=pk, number=world.model.number, format=format)
        response = getattr(client, method)(
            f"/api/v1{path}",
            **({"data": {}, "content_type": "application/json"} if method == "post" else {}),
            headers=headers,
        )
        if user is None:
            expected = _statuses(401)
        else:
            expected = ok if user.can(capability) else _statuses(403)
        if response.status_code not in expected:
            complaints.append(f"{method} {route}: {response.status_code}, expected {set(expected)}")
        response.close()
    assert not complaints


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_the_api_is_described_to_people_who_may_browse(role):
    client, _ = _signed_in(role)
    for page in ("docs", "openapi.json"):
        assert client.get(f"/api/v1/{page}").status_code == (200 if role else 302)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_the_admin_is_for_admins(role):
    client, _ = _signed_in(role)
    pages = [reverse("admin:index")] + [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    expected = 200 if role == Role.ADMIN else 302
    answers = {page: client.get(page).status_code for page in pages}
    assert answers == dict.fromkeys(pages, expected)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ROLES)
def test_the_studio_is_for_people_who_may_draw(role):
    """Every route that Gradio has, through the gate, as everybody."""
    from digitsite.asgi import application
    from digitsite.gate_routes import is_allowed

    client, user = _signed_in(role)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    may_draw = user is not None and user.can(Capability.DRAW)
    complaints = []

    async def walk():
        transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", cookies=cookies
        ) as browser:
            for method, path in studio_routes():
                response = await browser.request(method, f"/studio{path}")
                if user is None:
                    good = response.status_code == 401
                elif not is_allowed(method, path):
                    good = response.status_code == 404
                elif may_draw:
                    good = response.status_code not in (401, 403)
                else:
                    good = response.status_code == 403
                if not good:
                    complaints.append(f"{method} {path}: {response.status_code}")

    asyncio.run(walk())
    assert not complaints


def studio_routes() -> list[tuple[str, str]]:
    """Gradio's routes, but for its streams: whoever is let in would wait for ever."""
    streams = ("heartbeat", "/call/", "/queue/")
    return sorted(
        (method, path)
        for method, path in gradio_routes()
        if not any(stream in path for stream in streams)
    )


def test_roles_are_the_ones_of_the_design():
    assert [str(role) for role in Role] == ["drawer", "researcher", "reviewer", "admin"]
    assert django_settings.LOGIN_URL == "login"
