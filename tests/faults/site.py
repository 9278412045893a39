"""A whole site in real processes, each of which may be hurt: Redis, web, keeper, workers."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import redis

from digitsite.supervisor.private_redis import find_redis
from digitsite.supervisor.processes import PROCESSES, QUIET
from tests.faults.databases import Database

ROOT = Path(__file__).resolve().parents[2]
# Short, so that a fault takes seconds; long enough that a process which a busy machine does not let
# run for a moment keeps its lease.
LEASE_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.0
KEEPER_SECONDS = 0.5
# Every wait is bounded: longer than this is a lost run, not a slow machine.
BOUND_SECONDS = 180.0
# Not for the site's processes: settings of the shell that starts them, and what makes each compile
# every module anew.
_OTHERS_SETTINGS = ("DIGITSITE_", "RUN_", "KEEPER_", "TRAIN_", "FILES_", "PYTHONDONTWRITEBYTECODE")
WORKERS = ("worker-train-0", "worker-train-1")
T = TypeVar("T")


class InVain(AssertionError):
    """Something that was promised did not happen within the bound."""


class Refused(Exception):
    """The API's answer was an error: (HTTP status, body)."""


def wait_for(what: str, look: Callable[[], T], seconds: float = BOUND_SECONDS) -> T:
    """Poll until `look` gives something true; that. Raises InVain."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise InVain(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)
    return found


def new_folder() -> Path:
    """For one site: its home, its logs, its SQLite file."""
    return Path(tempfile.mkdtemp(prefix="digitsite-faults-"))


class Site:
    """Starts on `start`; every process is in a group of its own and is gone after `close`."""

    def __init__(self, database: Database, folder: Path):
        self.database = database
        self.folder = folder
        self.home = self.folder / "home"
        self.orders = self.folder / "orders"
        self.orders.mkdir(parents=True)
        self.processes: dict[str, subprocess.Popen] = {}
        self.reference = ""  # digest of the weights of a run that nothing disturbed
        self.redis_port, self.web_port = _free_port(), _free_port()
        self.redis_url = f"redis://127.0.0.1:{self.redis_port}/0"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_OTHERS_SETTINGS)
        } | {
            **QUIET,
            "DJANGO_SETTINGS_MODULE": "digitsite.settings",
            "DIGITSITE_HOME": str(self.home),
            "DIGITSITE_CRASH_ORDERS": str(self.orders),
            "DATABASE_URL": database.url,
            "REDIS_URL": self.redis_url,
            "RUN_LEASE_SECONDS": str(LEASE_SECONDS),
            "RUN_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "KEEPER_INTERVAL_SECONDS": str(KEEPER_SECONDS),
            "TRAIN_THREADS": "1",  # many small processes: more threads would only wait
        }
        self._names = itertools.count(1)

    # Processes.

    def start(self) -> None:
        self._prepare()
        for name in ("redis", "web", "keeper", "worker-default", *WORKERS):
            self.launch(name)
        wait_for("the web server", self._web_answers)

    def _prepare(self) -> None:
        said = subprocess.run(
            [sys.executable, "-m", "tests.faults.prepare"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
        prepared = json.loads(said.splitlines()[-1])
        self.token, self.dataset = prepared["token"], prepared["dataset"]
        self.database.install_record()

    def launch(self, name: str) -> subprocess.Popen:
        """Start a process by its name in the supervisor's table, or another of its kind."""
        if name == "redis":
            argv = [find_redis({"PATH": os.environ["PATH"]}).program]
            argv += ["--port", str(self.redis_port), "--bind", "127.0.0.1"]
            argv += ["--save", "", "--dir", str(self.folder)]
        else:
            kind = name.rstrip("-0123456789")
            argv = PROCESSES[kind].argv(python=sys.executable, bind="127.0.0.1", port=self.web_port)
            if kind.startswith("worker"):
                argv += ["--hostname", f"{name}-{next(self._names)}@%h"]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def signal(self, name: str, number: int) -> None:
        """To the leader alone."""
        self.processes[name].send_signal(number)

    def signal_group(self, name: str, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its children, as when the machine goes."""
        self.signal_group(name, signal.SIGKILL)
        self.processes[name].wait()

    def revive(self) -> None:
        """What a supervisor does: start again whatever has ended."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.launch(name)
        self.wait_for_redis()
        wait_for("the web server", self._web_answers)

    def close(self) -> list[int]:
        """End everything; the processes that a kill of all groups left behind."""
        for name in self.processes:
            self.signal_group(name, signal.SIGCONT)
            self.kill(name)
        left = self.pids()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self) -> list[int]:
        """Every living process of this site, whoever its parent is now."""
        mark = f"DIGITSITE_HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    # The site as people use it.

    def submit(self, hyperparameters: dict[str, Any]) -> int:
        body = {
            "recipe": "fast",
            "dataset": self.dataset,
            "hyperparameters": hyperparameters,
        }
        return self.request("POST", "runs", body)["id"]

    def request(self, method: str, path: str, body: dict | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web_port}/api/v1/{path}",
            method=method,
            data=json.dumps(body or {}).encode() if method == "POST" else None,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode()) from None

    def _web_answers(self) -> bool:
        try:
            self.request("GET", "runs?limit=1")
        except (OSError, Refused):
            return False
        return True

    # What may be seen from outside.

    def run(self, run_id: int) -> dict[str, Any]:
        return self.database.rows("SELECT * FROM training_trainingrun WHERE id = ?", run_id)[0]

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def wait_for_redis(self) -> None:
        def answers() -> bool:
            with suppress(redis.RedisError), self.redis() as client:
                return client.ping()
            return False

        wait_for("Redis", answers)


def parent_of(pid: int) -> int:
    """Raises FileNotFoundError for a process that has ended."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
