"""The web process serves without TensorFlow: a real one is started, used, and looked into."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from digitsite.accounts.roles import Role
from digitsite.supervisor.processes import PROCESSES
from inference.services.promotion import promote
from tests.conftest import free_port
from tests.factories import make_succeeded_run, make_user

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

# Runs the module that the process table runs, and writes down what it had loaded at its end.
LAUNCHER = """
import atexit, pathlib, runpy, sys
file = pathlib.Path(sys.argv[1])
atexit.register(lambda: file.write_text("\\n".join(sys.modules)))
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
STROKE = [[[0.5, 0.2], [0.5, 0.5], [0.5, 0.8]]]


def _plain_paths(patterns, before: str = "/") -> list[str]:
    """Paths of all URLs of the site that take no argument."""
    found = []
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if "<" in here or "(" in here:
            continue
        if isinstance(pattern, URLResolver):
            found += _plain_paths(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            found.append(here)
    return found


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{address}/healthz")
            return
        except httpx.TransportError:
            assert process.poll() is None, "the web process ended"
            assert time.monotonic() < deadline, "the web process does not answer"
            time.sleep(0.1)


def test_the_web_process_never_imports_tensorflow(child_environment, tmp_path, redis_url):
    admin = make_user(Role.ADMIN)
    run = make_succeeded_run(evaluated=True, owner=admin)
    model = run.model_version
    promote(model, by=admin, reason="for the test")
    browser = Client()
    browser.force_login(admin)
    cookies = {settings.SESSION_COOKIE_NAME: browser.cookies[settings.SESSION_COOKIE_NAME].value}

    port, modules = free_port(), tmp_path / "modules"
    address = f"http://127.0.0.1:{port}"
    _, module_option, *command = PROCESSES["web"].argv(python="", bind="127.0.0.1", port=port)
    assert module_option == "-m"
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(modules), *command],
            cwd=settings.BASE_DIR,
            env=child_environment | {"REDIS_URL": redis_url},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(address, process)
        paths = _plain_paths(get_resolver().url_patterns)
        assert {"/dashboard/", "/runs/new/", "/models/", "/draw/", "/admin/"} <= set(paths)
        paths += [
            f"/runs/{run.pk}/",
            f"/evaluations/{run.evaluations.get().pk}/",
            f"/models/{model.number}/",
            f"/datasets/{run.dataset_id}/",
            "/studio/",
        ]
        with httpx.Client(base_url=address, cookies=cookies, timeout=30) as client:
            answers = {path: client.get(path).status_code for path in paths}
            assert {path: code for path, code in answers.items() if code >= 500} == {}
            for path in ("/draw/", "/studio/", f"/models/{model.number}/"):
                assert answers[path] == 200, path
            prediction = client.post(
                "/studio/gradio_api/run/predict",
                json={"data": [STROKE]},
                headers={"Origin": address},
            )
            assert prediction.status_code == 200, prediction.text
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would end it before atexit
        process.wait(30)

    loaded = set(Path(modules).read_text().split())
    assert {"django", "gradio", "onnxruntime", "inference.predictor"} <= loaded
    roots = {name.split(".")[0] for name in loaded}
    assert roots & {"tensorflow", "keras"} == set()
