"""The whole site on one machine: checks, Redis, processes, the first model, and the end."""

import os
import sys
import time
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connections

import digitsite
from digitsite import bootstrap
from digitsite.site_address import site_address
from digitsite.supervisor import preflight, private_redis
from digitsite.supervisor.child import Child
from digitsite.supervisor.console import Console
from digitsite.supervisor.preflight import CannotStart
from digitsite.supervisor.private_redis import RedisUnavailable
from digitsite.supervisor.processes import PROCESSES, QUIET, Process
from digitsite.supervisor.supervisor import LOOK_EVERY_SECONDS, Supervisor

WEB_SECONDS = 60.0
# Shares our terminal, so its log lines would break ours; what it does is logged by the workers.
BOOTSTRAP = Process(
    "bootstrap",
    ("python", "manage.py", "bootstrap", "--model"),
    {**QUIET, "DIGITSITE_LOG_LEVEL": "ERROR"},
)


def run_site() -> None:
    """Starts everything, prints where to click, and watches until told to stop.

    Raises CannotStart, with one sentence, when something is in the way.
    """
    home = Path(settings.HOME)
    console = Console()
    console.line(f"Digitsite {digitsite.__version__}, everything it writes is in {home}")
    preflight.ensure_writable(home)
    lock = preflight.take_lock(home, say=console.note)
    try:
        preflight.ensure_port_free(settings.BIND, settings.PORT)
        with Supervisor(console.note, lock=lock) as supervisor, supervisor.signals():
            _Site(console, supervisor, home).run()
            console.line("  Stopping ...")
        console.line("  Everything has stopped.")
    finally:
        os.close(lock)


class _Site:
    def __init__(self, console: Console, supervisor: Supervisor, home: Path):
        self.console = console
        self.supervisor = supervisor
        self.home = home
        self.redis_url_file = home / "run" / "redis.url"
        self.began = time.monotonic()
        self.web_answers = False
        self.environment = dict(os.environ, PYTHONUNBUFFERED="1", PORT=str(settings.PORT))

    def run(self) -> None:
        try:
            admin = bootstrap.prepare(self.console)
        except OperationalError as error:
            raise CannotStart(
                "The database does not answer or cannot be used: check DATABASE_URL"
                f" ({str(error).strip().splitlines()[0]})."
            ) from None
        except bootstrap.BootstrapError as error:
            raise CannotStart(str(error)) from None
        finally:
            connections.close_all()
        try:
            self._start_redis()
            for process in PROCESSES.values():
                if self.supervisor.stopping:
                    return
                self.supervisor.start(self._child(process))
            model_is_there = self._first_model()
            self._wait_for_web()
            if not self.supervisor.stopping:
                self._say_where_to_click(admin, model_is_there)
                self.supervisor.run()
        finally:
            self.redis_url_file.unlink(missing_ok=True)

    def _child(self, process: Process, *, logs: bool = True) -> Child:
        return Child(
            process,
            process.argv(python=sys.executable, bind=settings.BIND, port=settings.PORT),
            self.environment,
            folder=settings.BASE_DIR,
            log=self.home / "log" / f"{process.name}.log" if logs else None,
        )

    # --- Redis --------------------------------------------------------------------------------

    def _start_redis(self) -> None:
        with self.console.step("Redis") as step:
            try:
                source = private_redis.find_redis()
            except RedisUnavailable as error:
                raise CannotStart(str(error)) from None
            if source.url:
                if why := private_redis.answers(source.url, seconds=5):
                    raise CannotStart(
                        f"The Redis of REDIS_URL does not answer ({why}): start it, correct the"
                        " address, or unset REDIS_URL to use a private one."
                    )
                url = source.url
            else:
                url = self._start_private_redis(source)
            self.environment["REDIS_URL"] = url
            private_redis.write_private(self.redis_url_file, url + "\n")
            step.done(source.description)

    def _start_private_redis(self, source: private_redis.RedisSource) -> str:
        folder = self.home / "redis"
        for attempt in (1, 2):
            private = private_redis.prepare(source, folder)
            child = self._child(private.process)
            self.supervisor.start(child)
            deadline = time.monotonic() + private_redis.START_SECONDS
            while child.running and time.monotonic() < deadline and not self.supervisor.stopping:
                if not private_redis.answers(private.url, seconds=1):
                    return private.url
                time.sleep(0.03)
            if self.supervisor.stopping:
                return private.url
            last_words = child.last_words()
            self.supervisor.drop(child)
            if attempt == 1:
                aside = private_redis.set_aside(folder)
                self.console.note(f"Redis did not open its store, which is now {aside}.")
        raise CannotStart(f"Redis does not start: {last_words or 'it gives no reason'}")

    # --- the rest -----------------------------------------------------------------------------

    def _first_model(self) -> bool:
        """Follows the bootstrap in a process of its own, while the web server starts beside it."""
        child = self._child(BOOTSTRAP, logs=False)
        return self.supervisor.run_once(child, meanwhile=self._look_at_web) == 0

    def _look_at_web(self) -> None:
        if not self.web_answers and preflight.somebody_listens(settings.BIND, settings.PORT):
            self.web_answers = True
            self.console.done("Web", f"{site_address()}/ answers", time.monotonic() - self.began)

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_SECONDS
        while not self.web_answers and not self.supervisor.stopping:
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"The web server has not answered for {WEB_SECONDS:.0f} s: its words are in"
                    f" {self.home / 'log' / 'web.log'}."
                )
            self.console.progress("Web", "starting")
            self.supervisor.look()
            self._look_at_web()
            time.sleep(LOOK_EVERY_SECONDS)

    def _say_where_to_click(self, admin: bootstrap.FirstAdmin, model_is_there: bool) -> None:
        lines = [f"Open {site_address()}/"]
        if admin.password:
            lines.append(f"Sign in as {admin.username} with the password {admin.password}")
            lines.append("It is shown only this once: change it under Account.")
        else:
            lines.append(f"Sign in as {admin.username}.")
        if not model_is_there:
            lines.append("There is no model yet: the lines above say why.")
        lines += ["", f"Logs are in {self.home / 'log'}. Ctrl-C stops everything."]
        self.console.box(lines)
