"""One supervised process: started in a group of its own, restarted with growing pauses."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from digitsite.supervisor.processes import Process

LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 30.0
LARGEST_LOG_BYTES = 5_000_000


class Child:
    """A process of the table, its log and its restarts. Not thread-safe."""

    def __init__(
        self,
        process: Process,
        argv: list[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        log: Path | None,
    ):
        self.process = process
        self.argv = argv
        self.environment = {**environment, **process.environment}
        self.folder = folder
        self.log = log
        self.popen: subprocess.Popen | None = None
        self.started_at = 0.0
        self.failures = 0
        self.starts_again_at: float | None = None

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def group(self) -> int:
        """Its process group, which is also its leader's process id."""
        assert self.popen is not None
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Starts it in a session of its own, so that a terminal's Ctrl-C reaches only us."""
        with contextlib.ExitStack() as stack:
            output = None if self.log is None else stack.enter_context(self._open_log())
            self.popen = subprocess.Popen(
                self.argv,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.starts_again_at = None

    def _open_log(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def plan_restart(self) -> float:
        """Seconds until it should start again: 1, 2, 4, ... up to 30."""
        if time.monotonic() - self.started_at > HEALTHY_AFTER_SECONDS:
            self.failures = 0
        pause = min(2.0**self.failures, LONGEST_PAUSE_SECONDS)
        self.failures += 1
        self.starts_again_at = time.monotonic() + pause
        return pause

    def terminate(self) -> None:
        """SIGTERM to the leader alone: a worker ends its own children in its own way."""
        if self.running:
            self.popen.terminate()

    def kill(self) -> None:
        """SIGKILL to the whole group, or to what its leader left behind."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)
            self.popen.wait()

    def last_words(self) -> str:
        """The last line of its log that is not empty."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4000))
            lines = file.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
