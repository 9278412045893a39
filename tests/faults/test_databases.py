"""The databases that sites under attack get."""

import pytest

from tests.faults.chaos import server_url
from tests.faults.databases import BorrowedPostgres, OwnPostgres, postgres, postgres_programs

pytestmark = pytest.mark.postgresql


def test_a_machine_that_refuses_a_cluster_lends_its_server(monkeypatch, capsys):
    if postgres_programs() is None or not (server := server_url()):
        pytest.skip("needs PostgreSQL's programs and a server")
    run = OwnPostgres._run
    monkeypatch.setattr(
        OwnPostgres, "_run", lambda own, program, *rest: run(own, program, "--nonsense", *rest)
    )

    database = postgres(server)

    assert isinstance(database, BorrowedPostgres)
    database.close()
    assert "--nonsense" in capsys.readouterr().err
