"""Every fault: what is done to the site around one run. Times and places come from the seed."""

import os
import signal
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress

from celery import Celery

from tests.faults.case import Case
from tests.faults.databases import BorrowedPostgres, OwnPostgres
from tests.faults.site import LEASE_SECONDS, WORKERS, wait_for
from training import crash_points

Fault = Callable[[Case], None]
FAULTS: dict[str, Fault] = {}
ONLY_ON_POSTGRES = {"database-restarted"}


def faults_for(kind: str) -> list[str]:
    """Names of the faults that this kind of database can have."""
    real = [name for name in FAULTS if name != "none"]
    return [name for name in real if kind == "postgresql" or name not in ONLY_ON_POSTGRES]


def _fault(function: Fault) -> Fault:
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def _hit(case: Case, number: int) -> None:
    """A signal to the process that trains, if one does."""
    if (pid := case.trainer()) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# Processes that die.


@_fault
def none(case: Case) -> None:
    case.submit()


@_fault
def child_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    _hit(case, signal.SIGKILL)


@_fault
def child_killed_twice(case: Case) -> None:
    case.submit()
    for claim in (1, 2):
        wait_for("a claim", lambda claim=claim: case.row["fence"] >= claim)
        time.sleep(case.random.uniform(0, 2))
        _hit(case, signal.SIGKILL)


@_fault
def child_killed_until_the_run_is_given_up(case: Case) -> None:
    case.submit()
    for claim in (1, 2, 3):
        wait_for("a claim", lambda claim=claim: case.row["fence"] >= claim)
        _hit(case, signal.SIGKILL)
    row = case.finish()
    assert (row["status"], row["attempt"]) == ("failed", 3), row
    assert "died 3 times" in row["error"], row["error"]
    case.resume()


@_fault
def child_terminated(case: Case) -> None:
    case.submit()
    case.some_moment()
    _hit(case, signal.SIGTERM)


@_fault
def parent_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.signal(case.worker(), signal.SIGKILL)
    _revive_soon(case)


@_fault
def worker_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill(case.worker())
    _revive_soon(case)


@_fault
def worker_terminated(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    case.site.signal(name, signal.SIGTERM)
    wait_for(f"{name} to end", lambda: case.site.processes[name].poll() is not None)
    case.site.revive()


@_fault
def worker_terminated_then_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    case.site.signal(name, signal.SIGTERM)
    time.sleep(case.random.uniform(0, 1))
    case.site.kill(name)
    _revive_soon(case)


@_fault
def both_workers_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    for name in WORKERS:
        case.site.kill(name)
    _revive_soon(case)


@_fault
def everything_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    for name in case.site.processes:
        case.site.kill(name)
    _revive_soon(case)


@_fault
def keeper_killed(case: Case) -> None:
    """... at the moment when it is needed."""
    case.submit()
    case.some_moment()
    case.site.kill("keeper")
    case.site.kill(case.worker())
    time.sleep(case.random.uniform(0, LEASE_SECONDS))
    case.site.revive()


@_fault
def two_keepers(case: Case) -> None:
    case.site.launch("keeper-2")
    case.submit()
    case.some_moment()
    case.site.kill(case.worker())
    case.site.revive()
    case.finish()
    second = case.site.processes.pop("keeper-2")
    second.terminate()
    wait_for("the second keeper to end", lambda: second.poll() is not None)


@_fault
def web_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("web")
    _revive_soon(case)


# Processes that freeze.


@_fault
def child_frozen_past_its_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    _freeze(case, lambda number: _kill(pid, number)) if (pid := case.trainer()) else None


@_fault
def worker_frozen_past_its_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    _freeze(case, lambda number: case.site.signal_group(name, number))


@_fault
def keeper_frozen(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.signal("keeper", signal.SIGSTOP)
    _hit(case, signal.SIGKILL)
    time.sleep(case.random.uniform(0, 2 * LEASE_SECONDS))
    case.site.signal("keeper", signal.SIGCONT)


# Redis.


@_fault
def redis_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("redis")
    _revive_soon(case)


@_fault
def redis_killed_and_the_child_too(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("redis")
    _hit(case, signal.SIGKILL)
    _revive_soon(case)


@_fault
def redis_down_at_submit(case: Case) -> None:
    case.site.kill("redis")
    case.submit()
    _revive_soon(case)


@_fault
def redis_flushed_of_its_only_message(case: Case) -> None:
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGSTOP)
    case.submit()
    with case.site.redis() as client:
        client.flushall()
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGCONT)


@_fault
def redis_flushed(case: Case) -> None:
    case.submit()
    case.some_moment()
    with case.site.redis() as client:
        client.flushall()


@_fault
def redis_paused(case: Case) -> None:
    case.submit()
    case.some_moment()
    _freeze(case, lambda number: case.site.signal("redis", number))


@_fault
def redis_paused_at_submit(case: Case) -> None:
    case.site.signal("redis", signal.SIGSTOP)
    try:
        case.submit()
        time.sleep(case.random.uniform(0, LEASE_SECONDS))
    finally:
        case.site.signal("redis", signal.SIGCONT)


@_fault
def message_five_times(case: Case) -> None:
    case.submit()
    app = Celery(broker=case.site.redis_url)
    app.conf.broker_transport_options = {"global_keyprefix": "digitsite:"}
    for _ in range(5):
        app.send_task("training.tasks.wake_trainer", queue="train", task_id=f"same-{case.run_id}")
    app.close()


# The database.


@_fault
def database_restarted(case: Case) -> None:
    database = case.site.database
    case.submit()
    case.some_moment()
    if isinstance(database, OwnPostgres):
        database.restart(away_seconds=case.random.uniform(0, LEASE_SECONDS / 2))
    elif isinstance(database, BorrowedPostgres):
        database.restart()


@_fault
def database_locked(case: Case) -> None:
    """Half a lease, as 30 s are of 60: nobody has to lose anything."""
    case.submit()
    case.some_moment()
    case.site.database.lock(LEASE_SECONDS / 2)


@_fault
def database_locked_past_the_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.database.lock(LEASE_SECONDS * case.random.uniform(1.2, 2))


# Disks.


@_fault
def disk_full_at_a_checkpoint(case: Case) -> None:
    case.submit()
    case.wait_for_epochs(case.random.randrange(4))
    case.order("half-stored", "disk full")
    row = case.finish()
    assert row["status"] == "failed", row["status"]
    assert row["error"].startswith("The disk is full."), row["error"]
    case.resume()


@_fault
def checkpoint_truncated(case: Case) -> None:
    _with_damaged_checkpoints(case, 1)


@_fault
def both_checkpoints_truncated(case: Case) -> None:
    _with_damaged_checkpoints(case, 2)


# People.


@_fault
def cancelled(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.cancel()
    case.expected = ("cancelled", "succeeded")


@_fault
def cancelled_and_resumed(case: Case) -> None:
    case.submit()
    case.some_moment()
    if case.cancel():
        case.resume()


@_fault
def cancelled_while_the_child_dies(case: Case) -> None:
    case.submit()
    case.some_moment()
    pid = case.trainer()
    case.site.signal_group(case.worker(), signal.SIGSTOP)
    case.meanwhile(case.cancel)
    time.sleep(0.3)
    if pid is not None:
        _kill(pid, signal.SIGKILL)
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGCONT)
    case.expected = ("cancelled", "succeeded")


# Every boundary between two steps.


def _crash(place: str) -> Fault:
    def crash(case: Case) -> None:
        if place in ("after-claim", "after-started"):
            case.order(place)
            case.submit()
        elif place == "run-committed":
            _submit_to_a_dying_web(case)
        else:
            case.submit()
            case.wait_for_epochs(case.random.randrange(4))
            case.order(place)
            _lead_to(place, case)
        wait_for(f"{place} or the end", lambda: case.obeyed(place) or case.over)
        _revive_soon(case)

    return crash


def _lead_to(place: str, case: Case) -> None:
    """What brings a process to the places that an ordinary run does not pass."""
    if place.endswith("cancelled"):
        case.cancel(wait=False)
        case.expected = ("cancelled", "succeeded")
    elif place.endswith("handing-back"):
        _hit(case, signal.SIGTERM)
    elif "requeue" in place:
        _hit(case, signal.SIGKILL)


def _submit_to_a_dying_web(case: Case) -> None:
    """The commit is the promise, even if the person never got an answer."""
    newest = "SELECT coalesce(max(id), 0) AS id FROM training_trainingrun"
    before = case.site.database.rows(newest)[0]["id"]
    case.order("run-committed")
    with suppress(urllib.error.URLError, ConnectionError):
        case.submit()
    case.run_id = case.site.database.rows(newest)[0]["id"]
    assert case.run_id > before, "nothing was committed"


for _place in crash_points.NAMES:
    FAULTS[f"crash {_place}"] = _crash(_place)


def _revive_soon(case: Case) -> None:
    time.sleep(case.random.uniform(0, 3))
    case.site.revive()


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _freeze(case: Case, send: Callable[[int], None]) -> None:
    send(signal.SIGSTOP)
    try:
        time.sleep(LEASE_SECONDS * case.random.uniform(1.2, 2))
    finally:
        send(signal.SIGCONT)


def _with_damaged_checkpoints(case: Case, count: int) -> None:
    case.submit()
    case.wait_for_epochs(case.random.randrange(2, 5))
    if not case.cancel():
        return
    case.may_go_back = True
    folder = case.checkpoint().parent
    for path in sorted(folder.glob("epoch-*.ckpt"))[-count:]:
        with path.open("rb+") as file:
            file.truncate(case.random.randrange(path.stat().st_size))
    case.resume()
