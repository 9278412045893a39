"""As many seeded faults as asked for, on SQLite and PostgreSQL at once; ends with a table.

`python -m tests.faults.chaos 300 [--seed 1] [--only NAME]`, or `make chaos N=300`. Exit code 1 if
an invariant did not hold; the folder of that site, with its logs, is kept then.
"""

import argparse
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

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


class Chaos:
    """Two sites in two threads that take faults until enough were had."""

    def __init__(self, count: int, seed: int, only: str):
        self.count, self.seed, self.only = count, seed, only
        self.verdicts: list[Verdict] = []
        self.references: dict[str, str] = {}
        self._begun = 0
        self._sites: list[Site] = []
        self._lock = threading.Lock()

    def abandon(self) -> None:
        """Interrupted: leave no process behind."""
        self.count = 0
        for site in self._sites:
            site.close()
            site.database.close()

    def run_on(self, database: Database, folder) -> None:
        site = Site(database, folder)
        self._sites.append(site)
        try:
            site.start()
            reference = self.references[database.kind] = reference_digest(site)
            names = [name for name in faults_for(database.kind) if self.only in name]
            for fault, seed in shuffled_for_ever(names, database.kind, self.seed):
                with self._lock:
                    if self._begun >= self.count:
                        break
                    self._begun += 1
                self._note(attack(site, fault, seed, reference))
            self._note_end(database, unfinished_evaluations(site))
        finally:
            left = site.close()
            database.close()
        self._note_end(database, [f"process {pid} is left" for pid in left])
        if not any(v.violations for v in self.verdicts if v.database == database.kind):
            site.remove()

    def _note_end(self, database: Database, found: list[str]) -> None:
        if found:
            self._note(Verdict("the end", database.kind, 0, 0, 0, 0, "ended", None, found))

    def _note(self, verdict: Verdict) -> None:
        with self._lock:
            self.verdicts.append(verdict)
            say(f"{len(self.verdicts):4} of {self.count}  {verdict}")


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
    parser.add_argument("--only", default="", help="part of a fault's name")
    parser.add_argument("--on", default="", help="sqlite or postgresql alone")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    began = time.monotonic()
    chaos = Chaos(given.count, given.seed, given.only)
    threads = []
    folder = new_folder()
    for database in (Sqlite(folder), postgres(server_url())):
        if database is None:
            say("No PostgreSQL: SQLite alone.")
        elif given.on in ("", database.kind):
            where = folder if isinstance(database, Sqlite) else new_folder()
            threads.append(
                threading.Thread(target=chaos.run_on, args=(database, where), daemon=True)
            )
            threads[-1].start()
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
    say(
        f"{len(chaos.verdicts)} faults from seed {given.seed} "
        f"in {(time.monotonic() - began) / 60:.0f} minutes."
    )
    wrong = [verdict for verdict in chaos.verdicts if verdict.violations]
    for verdict in wrong:
        say(f"NOT HELD  {verdict}")
    if len(set(chaos.references.values())) > 1:
        say(f"NOT HELD  one recipe, two digests: {chaos.references}")
    sys.exit(bool(wrong) or len(set(chaos.references.values())) > 1)


if __name__ == "__main__":
    main()
