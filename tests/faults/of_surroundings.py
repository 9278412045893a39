"""Faults of what a run stands on: Redis, the database, disks; and what people do meanwhile."""

import signal
import time

from celery import Celery

from tests.faults.case import Case
from tests.faults.databases import BorrowedPostgres, OwnPostgres
from tests.faults.registry import fault, freeze, hit, kill, revive_soon
from tests.faults.site import LEASE_SECONDS, WORKERS

# Redis.


@fault
def redis_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("redis")
    revive_soon(case)


@fault
def redis_killed_and_the_child_too(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("redis")
    hit(case, signal.SIGKILL)
    revive_soon(case)


@fault
def redis_down_at_submit(case: Case) -> None:
    case.site.kill("redis")
    case.submit()
    revive_soon(case)


@fault
def redis_flushed_of_its_only_message(case: Case) -> None:
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGSTOP)
    case.submit()
    with case.site.redis() as client:
        client.flushall()
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGCONT)


@fault
def redis_flushed(case: Case) -> None:
    case.submit()
    case.some_moment()
    with case.site.redis() as client:
        client.flushall()


@fault
def redis_paused(case: Case) -> None:
    case.submit()
    case.some_moment()
    freeze(case, lambda number: case.site.signal("redis", number))


@fault
def redis_paused_at_submit(case: Case) -> None:
    case.site.signal("redis", signal.SIGSTOP)
    try:
        case.submit()
        time.sleep(case.random.uniform(0, LEASE_SECONDS))
    finally:
        case.site.signal("redis", signal.SIGCONT)


@fault
def message_five_times(case: Case) -> None:
    case.submit()
    app = Celery(broker=case.site.redis_url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": "digitsite:"}
    for _ in range(5):
        app.send_task("training.tasks.wake_trainer", queue="train", task_id=f"same-{case.run_id}")
    app.close()


# The database.


@fault
def database_restarted(case: Case) -> None:
    database = case.site.database
    case.submit()
    case.some_moment()
    if isinstance(database, OwnPostgres):
        database.restart(away_seconds=case.random.uniform(0, LEASE_SECONDS / 2))
    elif isinstance(database, BorrowedPostgres):
        database.restart()


@fault
def database_locked(case: Case) -> None:
    """Half a lease, as 30 s are of 60: nobody has to lose anything."""
    case.submit()
    case.some_moment()
    case.site.database.lock(LEASE_SECONDS / 2)


@fault
def database_locked_past_the_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.database.lock(LEASE_SECONDS * case.random.uniform(1.2, 2))


# Disks.


@fault
def disk_full_at_a_checkpoint(case: Case) -> None:
    case.submit()
    case.wait_for_epochs(case.random.randrange(4))
    case.order("half-stored", "disk full")
    row = case.finish()
    assert row["status"] == "failed", row["status"]
    assert row["error"].startswith("The disk is full."), row["error"]
    case.resume()


@fault
def checkpoint_truncated(case: Case) -> None:
    _with_damaged_checkpoints(case, 1)


@fault
def both_checkpoints_truncated(case: Case) -> None:
    _with_damaged_checkpoints(case, 2)


# People.


@fault
def cancelled(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.cancel()
    case.expected = ("cancelled", "succeeded")


@fault
def cancelled_and_resumed(case: Case) -> None:
    case.submit()
    case.some_moment()
    if case.cancel():
        case.resume()


@fault
def cancelled_while_the_child_dies(case: Case) -> None:
    case.submit()
    case.some_moment()
    pid = case.trainer()
    case.site.signal_group(case.worker(), signal.SIGSTOP)
    case.meanwhile(case.cancel)
    time.sleep(0.3)
    if pid is not None:
        kill(pid, signal.SIGKILL)
    for name in WORKERS:
        case.site.signal_group(name, signal.SIGCONT)
    case.expected = ("cancelled", "succeeded")


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
