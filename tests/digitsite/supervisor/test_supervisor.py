"""The supervisor restarts what dies, ends in order, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from digitsite.supervisor.child import LONGEST_PAUSE_SECONDS, Child
from digitsite.supervisor.processes import Process
from digitsite.supervisor.supervisor import Supervisor, describe_exit

pytestmark = pytest.mark.processes


def eventually(condition: Callable[[], object], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.fixture
def make_child(tmp_path):
    def make(script: str, name: str = "child", *, stage: int = 0, seconds: float = 20) -> Child:
        return Child(
            Process(name, (), stop_stage=stage, stop_seconds=seconds),
            ["/bin/sh", "-c", script],
            os.environ,
            folder=tmp_path,
            log=tmp_path / f"{name}.log",
        )

    return make


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_child_that_dies_is_started_again_and_its_last_words_are_told(make_child, said, tmp_path):
    child = make_child("echo started >> starts; echo I am unwell; exit 3")
    starts = tmp_path / "starts"
    starts.touch()
    with Supervisor(said.append) as supervisor:
        supervisor.start(child)
        assert eventually(lambda: supervisor.look() or starts.read_text().count("started") == 2)
    assert "child ended (exit code 3) and starts again in 1 s" in said[0]
    assert "I am unwell" in said[0]


def test_pauses_between_restarts_double_up_to_a_limit_and_start_over_after_health(make_child):
    child = make_child("true")
    child.started_at = time.monotonic()
    pauses = [child.plan_restart() for _ in range(8)]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    child.started_at = time.monotonic() - 3600
    assert child.plan_restart() == 1


def test_stages_end_one_after_the_other(make_child, said, tmp_path):
    last_words = (
        "trap 'sleep 0.3; echo {0} >> ended; exit' TERM; echo up; while :; do sleep 0.05; done"
    )
    children = [
        make_child(last_words.format(name), name, stage=stage)
        for name, stage in (("redis", 9), ("worker", 1), ("web", 0))
    ]
    with Supervisor(said.append) as supervisor:
        for child in children:
            supervisor.start(child)
        assert eventually(lambda: all(child.last_words() == "up" for child in children))
    assert (tmp_path / "ended").read_text().split() == ["web", "worker", "redis"]
    assert said == []


def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(make_child, said):
    child = make_child(
        "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done", seconds=0.3
    )
    with Supervisor(said.append) as supervisor:
        supervisor.start(child)
        assert eventually(child.last_words)
        grandchild = int(child.last_words())
        assert is_running(grandchild)
    assert eventually(lambda: not is_running(grandchild))
    assert said == ["child did not end in time and was killed."]


def test_what_a_dead_leader_leaves_behind_is_killed(make_child, said):
    child = make_child("sleep 1000 & echo $!; exit 1")
    with Supervisor(said.append) as supervisor:
        supervisor.start(child)
        assert eventually(child.last_words)
        grandchild = int(child.last_words())
        assert eventually(lambda: supervisor.look() or said)
        assert eventually(lambda: not is_running(grandchild))


def test_a_child_that_runs_once_is_not_restarted_and_its_exit_code_is_told(make_child, said):
    with Supervisor(said.append) as supervisor:
        assert supervisor.run_once(make_child("exit 7")) == 7
        assert supervisor.children == []
    assert said == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_the_watch(make_child, said, number):
    child = make_child("while :; do sleep 0.1; done")
    with Supervisor(said.append) as supervisor, supervisor.signals():
        supervisor.start(child)
        os.kill(os.getpid(), number)
        supervisor.run()
        pid = child.group
        assert is_running(pid)
    assert not is_running(pid)


def test_the_same_ctrl_c_delivered_twice_is_one_request(make_child, said):
    child = make_child(
        "trap 'sleep 0.5; echo tidy; exit' TERM; echo up; while :; do sleep 0.05; done"
    )
    with Supervisor(said.append) as supervisor, supervisor.signals():
        supervisor.start(child)
        assert eventually(lambda: child.last_words() == "up")
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.run()
    assert child.last_words() == "tidy"
    assert said == []


OWNER = """
import os, pathlib, sys
from digitsite.supervisor.child import Child
from digitsite.supervisor.processes import Process
from digitsite.supervisor.supervisor import Supervisor
folder = pathlib.Path(sys.argv[1])
supervisor = Supervisor(print)
polite = "trap 'echo polite >> ended; exit' TERM; echo $$ > polite; while :; do sleep 0.05; done"
stubborn = "trap '' TERM; sleep 1000 & echo $! > stubborn; while :; do sleep 0.1; done"
for name, script, stage in (("polite", polite, 0), ("stubborn", stubborn, 1)):
    supervisor.start(
        Child(
            Process(name, (), stop_stage=stage, stop_seconds=0.5),
            ["/bin/sh", "-c", script], os.environ, folder=folder, log=folder / "log",
        )
    )
supervisor.run()
"""


def test_a_supervisor_that_is_killed_takes_everything_with_it(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=settings.BASE_DIR)
    pids = [tmp_path / "polite", tmp_path / "stubborn"]
    assert eventually(lambda: all(file.exists() and file.read_text().strip() for file in pids))
    numbers = [int(file.read_text()) for file in pids]
    assert all(map(is_running, numbers))
    owner.kill()
    owner.wait()
    assert eventually(lambda: not any(map(is_running, numbers)))
    assert (tmp_path / "ended").read_text().split() == ["polite"]


def test_exits_are_named_for_people():
    assert describe_exit(1) == "exit code 1"
    assert describe_exit(-9) == "by SIGKILL"
