"""Databases of their own for the sites under attack, with a record of every move kept by triggers.

The record is written by the database itself, so it also shows what the code under test would not
admit: `fault_moves` has each change of a run's state, fence or epochs; `fault_epochs` each write of
an epoch's row beside the run's fence and status at that moment.
"""

import itertools
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import dict_row

_MOVES = "run_id, old_status, status, old_fence, fence, old_epochs, epochs, attempt, worker"
_MOVED = (
    "NEW.id, OLD.status, NEW.status, OLD.fence, NEW.fence, OLD.epochs_done, NEW.epochs_done, "
    "NEW.attempt, NEW.worker"
)
_CHANGED = (
    "OLD.status <> NEW.status OR OLD.fence <> NEW.fence OR OLD.epochs_done <> NEW.epochs_done"
)
_EPOCHS = "run_id, epoch, fence, run_fence, run_status"
_WRITTEN = (
    "SELECT NEW.run_id, NEW.epoch, NEW.fence, fence, status FROM training_trainingrun "
    "WHERE id = NEW.run_id"
)


class Database(Protocol):
    kind: str
    url: str

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]: ...

    def install_record(self) -> None: ...

    def lock(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class Sqlite:
    """A file, as `make run` has it."""

    kind = "sqlite"

    def __init__(self, folder: Path):
        self.file = folder / "site.sqlite3"
        self.url = f"sqlite:///{self.file}"

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.file, timeout=60)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def install_record(self) -> None:
        script = f"""
        CREATE TABLE fault_moves (id INTEGER PRIMARY KEY AUTOINCREMENT, {_MOVES});
        CREATE TABLE fault_epochs (id INTEGER PRIMARY KEY AUTOINCREMENT, {_EPOCHS});
        CREATE TRIGGER fault_moved AFTER UPDATE ON training_trainingrun WHEN {_CHANGED}
        BEGIN INSERT INTO fault_moves ({_MOVES}) VALUES ({_MOVED}); END;
        """
        for event in ("INSERT", "UPDATE"):
            script += f"""
            CREATE TRIGGER fault_epoch_{event} AFTER {event} ON training_epochmetric
            BEGIN INSERT INTO fault_epochs ({_EPOCHS}) {_WRITTEN}; END;
            """
        with closing(sqlite3.connect(self.file, timeout=60)) as connection:
            connection.executescript(script)

    def lock(self, seconds: float) -> None:
        """Nobody can read or write for so long."""
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    def close(self) -> None:
        pass


class Postgres:
    """What a borrowed server and a cluster of our own have in common."""

    kind = "postgresql"
    url: str

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Repeated while the server is away: the observer outlives what it observes."""
        deadline = time.monotonic() + 60
        with self._lock:
            while True:
                try:
                    return self._rows(sql, values)
                except psycopg.OperationalError:
                    self._forget()
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)

    def _rows(self, sql: str, values: tuple) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        return self._connection.execute(sql.replace("?", "%s"), values).fetchall()

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def install_record(self) -> None:
        columns = {
            "fault_moves": _MOVES.replace("_status", "_status text")
            .replace(" status", " status text")
            .replace("worker", "worker text"),
            "fault_epochs": _EPOCHS.replace("_status", "_status text"),
        }
        for table, names in columns.items():
            typed = ", ".join(
                name if " " in name.strip() else f"{name} bigint" for name in names.split(",")
            )
            self._execute(f"CREATE TABLE {table} (id bigserial PRIMARY KEY, {typed})")
        for function, body in (
            ("fault_moved", f"INSERT INTO fault_moves ({_MOVES}) VALUES ({_MOVED});"),
            ("fault_epoch", f"INSERT INTO fault_epochs ({_EPOCHS}) {_WRITTEN};"),
        ):
            self._execute(
                f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {body} RETURN NULL; END $$"
            )
        self._execute(
            "CREATE TRIGGER fault_moved AFTER UPDATE ON training_trainingrun FOR EACH ROW "
            f"WHEN ({_CHANGED}) EXECUTE FUNCTION fault_moved()"
        )
        self._execute(
            "CREATE TRIGGER fault_epoch AFTER INSERT OR UPDATE ON training_epochmetric "
            "FOR EACH ROW EXECUTE FUNCTION fault_epoch()"
        )

    def lock(self, seconds: float) -> None:
        """Nobody can read or write the runs for so long."""
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE training_trainingrun IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)

    def _execute(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)


class BorrowedPostgres(Postgres):
    """A throw-away database on a server that is not ours to restart."""

    _numbers = itertools.count(1)

    def __init__(self, server_url: str):
        super().__init__()
        self._server_url = server_url
        self._name = f"digitsite_faults_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self._name}")
        self.url = f"{server_url.rsplit('/', 1)[0]}/{self._name}"

    def restart(self) -> None:
        """Every connection is cut, which is what a restart looks like from the other end."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (self._name,),
            )

    def close(self) -> None:
        self._forget()
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self._name} WITH (FORCE)")


class ClusterRefused(Exception):
    """The programs are there, but would not make or start a cluster; says what they said."""


class OwnPostgres(Postgres):
    """A cluster in a folder of its own, which may crash and start again.

    Raises `ClusterRefused` where this machine does not let us have one, and leaves nothing then.
    """

    def __init__(self, programs: Path):
        super().__init__()
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="digitsite-postgres-"))
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        try:
            self._run(
                "initdb",
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            )
            self._start()
        except (OSError, subprocess.SubprocessError) as error:
            said = [log.read_text(errors="replace") for log in self._folder.glob("*.log")]
            shutil.rmtree(self._folder)
            raise ClusterRefused("\n".join([str(error), *said])) from error
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"

    def restart(self, away_seconds: float = 0) -> None:
        """Crash: no process of the server gets to say goodbye."""
        self._run("pg_ctl", "stop", "-m", "immediate")
        time.sleep(away_seconds)
        self._start()

    def close(self) -> None:
        self._forget()
        self._run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(self._folder)

    def _start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c fsync=off -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "server.log"), "-o", options)

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: what pg_ctl starts keeps its output open.
        with (self._folder / "programs.log").open("ab") as said:
            subprocess.run(
                [self._programs / program, "-D", self._folder / "data", *arguments],
                check=True,
                user=self._user,
                # A locale that the caller's shell names and this machine lacks stops initdb.
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=60,
            )


def postgres_programs() -> Path | None:
    """Where initdb and pg_ctl are, if this machine has them and we may run them."""
    if os.geteuid() == 0 and not _user_exists("postgres"):
        return None
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for name in ("pg_ctl",):
        if found := shutil.which(name):
            candidates.append(Path(found).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


def _user_exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def postgres(server_url: str) -> Postgres | None:
    """A cluster of our own if this machine lets us, else a database on the server, if any."""
    programs = postgres_programs()
    if programs is not None:
        try:
            return OwnPostgres(programs)
        except ClusterRefused as refused:
            sys.stderr.write(f"No PostgreSQL cluster of our own; the server's then: {refused}\n")
    return BorrowedPostgres(server_url) if server_url else None
