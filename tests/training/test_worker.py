"""What a worker's parent process does when a child ends."""

import signal
from types import SimpleNamespace

import pytest

from training import worker
from training.services import keeper
from training.services.claims import worker_name


class Pool:
    """As much of Celery's pool as the parent looks at."""

    def __init__(self, *children: SimpleNamespace):
        self._pool = SimpleNamespace(_pool=list(children))
        self.maintained = 0

    def maintain_pool(self) -> None:
        self.maintained += 1


def child(pid: int, exitcode: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, exitcode=exitcode)


@pytest.fixture
def released(monkeypatch) -> list[tuple[str, bool]]:
    calls: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        keeper, "release", lambda name, *, out_of_memory: calls.append((name, out_of_memory))
    )
    return calls


@pytest.fixture
def duties() -> worker.TrainWorkerDuties:
    consumer = SimpleNamespace()
    return worker.TrainWorkerDuties(consumer)


def test_a_child_that_is_gone_is_released_once(duties, released):
    first, second = child(71), child(72)
    duties.look(Pool(first))
    first.exitcode = 0
    duties.look(Pool(second))
    duties.look(Pool(second))

    assert released == [(worker_name(71), False)]


def test_children_that_live_are_left_alone(duties, released):
    pool = Pool(child(71))
    for _ in range(3):
        duties.look(pool)

    assert released == []
    assert pool.maintained == 3


@pytest.mark.parametrize(
    ("exitcode", "oom_kills", "out_of_memory"),
    [(-signal.SIGKILL, 1, True), (-signal.SIGKILL, 0, False), (1, 1, False)],
)
def test_a_kill_for_memory_is_told_from_others(
    duties, released, monkeypatch, exitcode, oom_kills, out_of_memory
):
    duties._oom_kills = 0
    monkeypatch.setattr(worker, "oom_kills", lambda: oom_kills)
    dead = child(71)
    duties.look(Pool(dead))
    dead.exitcode = exitcode
    duties.look(Pool())

    assert released == [(worker_name(71), out_of_memory)]


def test_the_kernels_count_of_memory_kills_is_a_number():
    assert worker.oom_kills() >= 0
