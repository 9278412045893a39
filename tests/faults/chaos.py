"""As many seeded faults as asked for, on SQLite and PostgreSQL at once; ends with a table.

`python -m tests.faults.chaos 300 [--seed 1] [--only NAME,NAME] [--sites 2]`, or `make chaos N=300`.
Exit code 1 if an invariant did not hold; the folder of that site, with its logs, is kept then.
"""

import argparse
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.faults.case import Case
from tests.faults.catalogue import FAULTS, faults_for
from tests.faults.databases import Database, Sqlite, postgres
from tests.faults.invariants import unfinished_evaluations, violations
from tests.faults.site import Site, new_folder
from tests.find_postgres import USUAL, may_make_databases


@dataclass(frozen=True)
class Verdict:
    """claims: how often the run was claimed in all."""

    fault: str
    database: str
    seed: int
    run_id: int
    seconds: float
    claims: int
    ended: str
    cancel_seconds: float | None
    violations: list[str]

    def __str__(self) -> str:
        said = "; ".join(self.violations) or "all invariants hold"
        claims = f"{self.claims} claim{'s' if self.claims != 1 else ''}"
        cancel = f", cancel {self.cancel_seconds:.2f} s" if self.cancel_seconds is not None else ""
        return (
            f"{self.database:10} {self.fault} (seed {self.seed}): run {self.run_id} {self.ended} "
            f"after {claims}, {self.seconds:.1f} s{cancel}: {said}"
        )


def attack(site: Site, fault: str, seed: int, reference: str) -> Verdict:
    """One fault around one run; the site is whole again afterwards.

    reference: digest of the weights of a run that nothing disturbed.
    """
    began = time.monotonic()
    case = Case(site, random.Random(f"{fault} {seed}"))
    try:
        FAULTS[fault](case)
        case.finish()
        site.revive()
        found = violations(case, reference)
    except Exception as error:  # whatever it is, the next fault wants a site that is whole
        found = [f"{type(error).__name__}: {error}", traceback.format_exc()]
        site.revive()
    case.withdraw_orders()
    row = case.row if case.run_id else {"fence": 0, "status": "never submitted"}
    return Verdict(
        fault,
        site.database.kind,
        seed,
        case.run_id,
        time.monotonic() - began,
        row["fence"],
        row["status"],
        case.cancel_seconds,
        found,
    )


def reference_digest(site: Site) -> str:
    """SHA-256 of the weights of a run that nothing disturbs."""
    case = Case(site, random.Random(0))
    FAULTS["none"](case)
    row = case.finish()
    assert row["status"] == "succeeded", row["error"]
    return row["weights_digest"]


def server_url() -> str:
    named = os.environ.get("DIGITSITE_TEST_POSTGRES_URL", "")
    if named:
        return "" if named == "none" else named
    return next((url for url in USUAL if may_make_databases(url)), "")


def shuffled_for_ever(names: list[str], kind: str, seed: int) -> Iterator[tuple[str, int]]:
    """Each fault once in random order, then each again with another seed."""
    order = random.Random(f"{kind} {seed}")
    while True:
        names = order.sample(names, len(names))
        for name in names:
            yield name, seed
        seed += 1


def plan(count: int, seed: int, only: str, kinds: list[str]) -> dict[str, list[tuple[str, int]]]:
    """(fault, seed) by kind of database: as many for each, give or take one.

    only: parts of the names of faults, with commas between; everything when empty.
    """
    parts = only.split(",")
    planned = {}
    for place, kind in enumerate(kinds):
        names = [name for name in faults_for(kind) if any(part in name for part in parts)]
        share = count // len(kinds) + (place < count % len(kinds))
        planned[kind] = list(islice(shuffled_for_ever(names, kind, seed), share)) if names else []
    return planned


class Chaos:
    """Sites in threads that take the faults planned for their kind of database until none is left.

    Most of a fault is waiting, so several sites a database use the machine better than one.
    """

    def __init__(self, planned: dict[str, list[tuple[str, int]]]):
        self.count = sum(map(len, planned.values()))
        self.verdicts: list[Verdict] = []
        self.references: dict[str, set[str]] = defaultdict(set)
        self._left = {kind: deque(attacks) for kind, attacks in planned.items()}
        self._sites: list[Site] = []
        self._lock = threading.Lock()

    def abandon(self) -> None:
        """Interrupted: leave no process behind."""
        for attacks in self._left.values():
            attacks.clear()
        for site in self._sites:
            site.close()
            site.database.close()

    def run_on(self, database: Database, folder: Path) -> None:
        """One site's life. Its folder stays if it saw a violation."""
        site = Site(database, folder)
        self._sites.append(site)
        wrong = False
        try:
            site.start()
            site.reference = reference_digest(site)
            self.references[database.kind].add(site.reference)
            while attack_planned := self._next(database.kind):
                verdict = attack(site, *attack_planned, site.reference)
                wrong |= self._note(verdict)
            wrong |= self._note_end(database, unfinished_evaluations(site))
        except Exception as error:
            wrong |= self._note_end(database, [f"{type(error).__name__}: {error}"])
            raise
        finally:
            left = site.close()
            database.close()
        wrong |= self._note_end(database, [f"process {pid} is left" for pid in left])
        if not wrong:
            site.remove()

    def _next(self, kind: str) -> tuple[str, int] | None:
        try:
            return self._left[kind].popleft()
        except IndexError:
            return None

    def _note_end(self, database: Database, found: list[str]) -> bool:
        return bool(found) and self._note(
            Verdict("the end", database.kind, 0, 0, 0, 0, "ended", None, found)
        )

    def _note(self, verdict: Verdict) -> bool:
        with self._lock:
            self.verdicts.append(verdict)
            say(f"{len(self.verdicts):4} of {self.count}  {verdict}")
        return bool(verdict.violations)


def table(verdicts: list[Verdict]) -> str:
    """Fault x outcome, in Markdown."""
    by_fault = defaultdict(list)
    for verdict in verdicts:
        by_fault[verdict.fault].append(verdict)
    lines = [
        "| fault | SQLite | PostgreSQL | succeeded | cancelled | claims | seconds | violations |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for fault in [name for name in FAULTS if name in by_fault]:
        had = by_fault[fault]
        claims = sorted(verdict.claims for verdict in had)
        seconds = sorted(verdict.seconds for verdict in had)
        lines.append(
            f"| {fault.replace('-', ' ')} "
            f"| {sum(v.database == 'sqlite' for v in had)} "
            f"| {sum(v.database == 'postgresql' for v in had)} "
            f"| {sum(v.ended == 'succeeded' for v in had)} "
            f"| {sum(v.ended == 'cancelled' for v in had)} "
            f"| {_range(claims[0], claims[-1], 'd')} "
            f"| {_range(seconds[0], seconds[-1], '.0f')} "
            f"| {sum(bool(v.violations) for v in had)} |"
        )
    return "\n".join(lines)


def _range(low: float, high: float, form: str) -> str:
    low_text, high_text = format(low, form), format(high, form)
    return low_text if low_text == high_text else f"{low_text}-{high_text}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("count", type=int, help="how many faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="parts of faults' names, commas between")
    parser.add_argument("--on", default="", help="sqlite or postgresql alone")
    parser.add_argument("--sites", type=int, default=2, help="how many a database, at once")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    began = time.monotonic()
    makers = {"sqlite": Sqlite, "postgresql": lambda folder: postgres(server_url())}
    wanted = [kind for kind in makers if given.on in ("", kind)]
    sites: list[tuple[Database, Path]] = []
    for kind in wanted * given.sites:
        folder = new_folder()
        if (database := makers[kind](folder)) is None:
            folder.rmdir()
            wanted = [known for known in wanted if known != kind]
        else:
            sites.append((database, folder))
    if given.on != "sqlite" and "postgresql" not in wanted:
        say("No PostgreSQL: SQLite alone.")
    chaos = Chaos(plan(given.count, given.seed, given.only, wanted))
    threads = [threading.Thread(target=chaos.run_on, args=site, daemon=True) for site in sites]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        chaos.abandon()
        raise

    say("\n" + table(chaos.verdicts))
    waits = sorted(v.cancel_seconds for v in chaos.verdicts if v.cancel_seconds is not None)
    if waits:
        say(f"\nCancel took {waits[len(waits) // 2]:.2f} s (median), {waits[-1]:.2f} s at most.")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(
        f"{len(chaos.verdicts)} faults from seed {given.seed} on {len(sites)} sites "
        f"in {(time.monotonic() - began) / 60:.0f} minutes, "
        f"{(used.ru_utime + used.ru_stime) / 60:.0f} minutes of processor time."
    )
    wrong = [verdict for verdict in chaos.verdicts if verdict.violations]
    for verdict in wrong:
        say(f"NOT HELD  {verdict}")
    digests = set().union(*chaos.references.values())
    if len(digests) > 1:
        say(f"NOT HELD  one recipe, several digests: {dict(chaos.references)}")
    sys.exit(bool(wrong) or len(digests) > 1 or len(chaos.verdicts) < chaos.count)


if __name__ == "__main__":
    main()
