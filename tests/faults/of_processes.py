"""Faults of processes: they die, freeze, or end at a named boundary between two steps."""

import signal
import time
import urllib.error
from contextlib import suppress

from tests.faults.case import Case
from tests.faults.registry import FAULTS, Fault, fault, freeze, hit, kill, revive_soon
from tests.faults.site import LEASE_SECONDS, WORKERS, wait_for
from training import crash_points

# Processes that die.


@fault
def none(case: Case) -> None:
    case.submit()


@fault
def child_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    hit(case, signal.SIGKILL)


@fault
def child_killed_twice(case: Case) -> None:
    case.submit()
    for claim in (1, 2):
        wait_for("a claim", lambda claim=claim: case.row["fence"] >= claim)
        time.sleep(case.random.uniform(0, 2))
        hit(case, signal.SIGKILL)


@fault
def child_killed_until_the_run_is_given_up(case: Case) -> None:
    case.submit()
    for claim in (1, 2, 3):
        wait_for("a claim", lambda claim=claim: case.row["fence"] >= claim)
        hit(case, signal.SIGKILL)
    row = case.finish()
    assert (row["status"], row["attempt"]) == ("failed", 3), row
    assert "died 3 times" in row["error"], row["error"]
    case.resume()


@fault
def child_terminated(case: Case) -> None:
    case.submit()
    case.some_moment()
    hit(case, signal.SIGTERM)


@fault
def parent_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.signal(case.worker(), signal.SIGKILL)
    revive_soon(case)


@fault
def worker_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill(case.worker())
    revive_soon(case)


@fault
def worker_terminated(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    case.site.signal(name, signal.SIGTERM)
    wait_for(f"{name} to end", lambda: case.site.processes[name].poll() is not None)
    case.site.revive()


@fault
def worker_terminated_then_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    case.site.signal(name, signal.SIGTERM)
    time.sleep(case.random.uniform(0, 1))
    case.site.kill(name)
    revive_soon(case)


@fault
def both_workers_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    for name in WORKERS:
        case.site.kill(name)
    revive_soon(case)


@fault
def everything_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    for name in case.site.processes:
        case.site.kill(name)
    revive_soon(case)


@fault
def keeper_killed(case: Case) -> None:
    """... at the moment when it is needed."""
    case.submit()
    case.some_moment()
    case.site.kill("keeper")
    case.site.kill(case.worker())
    time.sleep(case.random.uniform(0, LEASE_SECONDS))
    case.site.revive()


@fault
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


@fault
def web_killed(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.kill("web")
    revive_soon(case)


# Processes that freeze.


@fault
def child_frozen_past_its_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    freeze(case, lambda number: kill(pid, number)) if (pid := case.trainer()) else None


@fault
def worker_frozen_past_its_lease(case: Case) -> None:
    case.submit()
    case.some_moment()
    name = case.worker()
    freeze(case, lambda number: case.site.signal_group(name, number))


@fault
def keeper_frozen(case: Case) -> None:
    case.submit()
    case.some_moment()
    case.site.signal("keeper", signal.SIGSTOP)
    hit(case, signal.SIGKILL)
    time.sleep(case.random.uniform(0, 2 * LEASE_SECONDS))
    case.site.signal("keeper", signal.SIGCONT)


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
        revive_soon(case)

    return crash


def _lead_to(place: str, case: Case) -> None:
    """What brings a process to the places that an ordinary run does not pass."""
    if place.endswith("cancelled"):
        case.cancel(wait=False)
        case.expected = ("cancelled", "succeeded")
    elif place.endswith("handing-back"):
        hit(case, signal.SIGTERM)
    elif "requeue" in place:
        hit(case, signal.SIGKILL)


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
