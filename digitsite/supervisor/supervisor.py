"""Starts the children, restarts what dies, and ends everything in order."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from digitsite.supervisor.child import Child

WARDEN = Path(__file__).with_name("warden.py")
LOOK_EVERY_SECONDS = 0.1
# A terminal, `make` and `timeout` may each pass on the same Ctrl-C.
ONE_REQUEST_SECONDS = 1.0


class Supervisor:
    """Owns child processes from the main thread; use as a context manager.

    Leaving the context ends every child: stage by stage, SIGTERM, then SIGKILL after the child's
    own `stop_seconds`. Should this process die first, the warden does the same.

    say: called with one line about anything a person should know.
    lock: file descriptor of the home's lock, kept open by the warden.
    """

    def __init__(self, say: Callable[[str], None], *, lock: int | None = None):
        self.say = say
        self.children: list[Child] = []
        self._asked_at: float | None = None
        self._impatient = False
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WARDEN)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            text=True,
        )

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *exception) -> None:
        self.end()

    @property
    def stopping(self) -> bool:
        return self._asked_at is not None

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP ask for the end; asking again kills what still runs."""

        def note(number, frame):
            now = time.monotonic()
            if self._asked_at is None:
                self._asked_at = now
            elif now - self._asked_at > ONE_REQUEST_SECONDS:
                self._impatient = True

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def start(self, child: Child) -> None:
        child.start()
        self._tell_warden(
            f"born {child.group} {child.process.stop_stage} {child.process.stop_seconds}"
        )
        if child not in self.children:
            self.children.append(child)

    def look(self) -> None:
        """Notices deaths and starts again what is due."""
        for child in self.children:
            if child.starts_again_at is not None:
                if time.monotonic() >= child.starts_again_at:
                    self.start(child)
            elif not child.running:
                code = self._bury(child)
                pause = child.plan_restart()
                self.say(
                    f"{child.name} ended ({describe_exit(code)}) and starts again in {pause:.0f} s."
                    f" Last words: {child.last_words() or 'none'} (log: {child.log})"
                )

    def run(self) -> None:
        """Watches until a stop signal."""
        while not self.stopping:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)

    def run_once(self, child: Child, *, meanwhile: Callable[[], None] = lambda: None) -> int | None:
        """Runs a child that may end, beside the others: its exit code, None when told to stop.

        meanwhile: called about ten times a second.
        """
        self.start(child)
        self.children.remove(child)
        try:
            while not self.stopping and child.running:
                self.look()
                meanwhile()
                time.sleep(LOOK_EVERY_SECONDS)
        finally:
            finished = not child.running
            code = self._bury(child) if finished else self._end_stage([child])
        return code if finished else None

    def drop(self, child: Child) -> None:
        """Ends one child for good."""
        self._end_stage([child])
        self.children.remove(child)

    def end(self) -> None:
        """Ends every child, then the warden."""
        for stage in sorted({child.process.stop_stage for child in self.children}):
            self._end_stage([c for c in self.children if c.process.stop_stage == stage])
        self.children.clear()
        self._warden.stdin.close()
        self._warden.wait()

    def _end_stage(self, children: list[Child]) -> None:
        began = time.monotonic()
        for child in children:
            child.terminate()
        while any(child.running for child in children):
            for child in children:
                late = time.monotonic() - began > child.process.stop_seconds
                if child.running and (late or self._impatient):
                    child.kill()
                    self.say(f"{child.name} did not end in time and was killed.")
            time.sleep(0.02)
        for child in children:
            self._bury(child)

    def _bury(self, child: Child) -> int | None:
        """Kills what a dead leader left in its group, tells the warden: the leader's exit code."""
        if child.popen is None:
            return None
        child.kill()
        self._tell_warden(f"gone {child.group}")
        code, child.popen = child.popen.returncode, None
        return code

    def _tell_warden(self, line: str) -> None:
        try:
            self._warden.stdin.write(line + "\n")
            self._warden.stdin.flush()
        except BrokenPipeError:
            self.say("The warden is gone: should this process be killed, end its children by hand.")


def describe_exit(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"
