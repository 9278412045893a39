"""Runs faults one after the other on a site and judges each: `python -m tests.faults.chaos 300`."""

import random
import sys
import time
from dataclasses import dataclass

from tests.faults.case import Case
from tests.faults.catalogue import FAULTS
from tests.faults.invariants import violations
from tests.faults.site import InVain, Site


@dataclass(frozen=True)
class Verdict:
    fault: str
    database: str
    seed: int
    seconds: float
    attempts: int
    cancel_seconds: float | None
    violations: list[str]


def attack(site: Site, fault: str, seed: int, reference: str) -> Verdict:
    """One fault around one run; the site is whole again afterwards."""
    began = time.monotonic()
    case = Case(site, random.Random(f"{fault} {seed}"))
    try:
        FAULTS[fault](case)
        row = case.finish()
        site.revive()
        found = violations(case, reference)
    except InVain as error:
        found, row = [str(error)], case.row if case.run_id else {"fence": 0}
    case.withdraw_orders()
    return Verdict(
        fault,
        site.database.kind,
        seed,
        time.monotonic() - began,
        row["fence"],
        case.cancel_seconds,
        found,
    )
