"""Twenty seeded faults on two real sites. `make chaos N=300` runs as many as asked.

DIGITSITE_TEST_FAULT_SEED=n chooses other twenty.
"""

import os
import random
from collections.abc import Iterator

import pytest

from tests.faults.catalogue import faults_for
from tests.faults.chaos import attack, reference_digest, server_url
from tests.faults.databases import Sqlite, postgres
from tests.faults.invariants import unfinished_evaluations
from tests.faults.site import Site, new_folder

pytestmark = [pytest.mark.processes, pytest.mark.tensorflow]

SEED = int(os.environ.get("DIGITSITE_TEST_FAULT_SEED", "1"))
EACH = 10


def chosen() -> list[tuple[str, str]]:
    """(database, fault), no fault on both."""
    order = random.Random(SEED)
    on_postgres = order.sample(faults_for("postgresql"), EACH)
    left = [name for name in faults_for("sqlite") if name not in on_postgres]
    on_sqlite = order.sample(left, EACH)
    return [("sqlite", name) for name in on_sqlite] + [("postgresql", name) for name in on_postgres]


@pytest.fixture(scope="module")
def site(request) -> Iterator[Site]:
    """A running site; at its end no process of it is left."""
    folder = new_folder()
    database = Sqlite(folder) if request.param == "sqlite" else postgres(server_url())
    if database is None:
        pytest.skip("needs PostgreSQL: its programs, or DIGITSITE_TEST_POSTGRES_URL")
    started = Site(database, folder)
    left = []
    try:
        started.start()
        started.reference = reference_digest(started)
        yield started
        assert unfinished_evaluations(started) == []
    finally:
        left = started.close()
        database.close()
        started.remove()
    assert left == []


@pytest.mark.parametrize(("site", "fault"), chosen(), indirect=["site"], scope="module")
def test_every_promise_holds_after(site: Site, fault: str):
    assert attack(site, fault, SEED, site.reference).violations == []
