"""What must hold before anything starts. Every refusal is one sentence."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path


class CannotStart(Exception):
    """The message says what is in the way and what to do about it."""


def ensure_writable(home: Path) -> None:
    """Makes the home and writes a file into it. Raises CannotStart."""
    trial = home / f".trial-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"x" * 4096)
        trial.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            trial.unlink()
        if error.errno == errno.ENOSPC:
            raise CannotStart(f"The disk under {home} is full: free some space.") from None
        raise CannotStart(
            f"The folder {home} cannot be written ({error.strerror}): change its owner, or choose"
            " another with DIGITSITE_HOME=/some/folder."
        ) from None


def ensure_port_free(bind: str, port: int) -> None:
    """Raises CannotStart when nobody could listen there."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"Port {port} is taken by another program: stop it, or choose another port,"
                    f" such as PORT={port + 1 if port < 65535 else 8000} make run."
                ) from None
            raise CannotStart(
                f"Nobody can listen on {bind} port {port} here ({error.strerror}): choose others"
                " with PORT and DIGITSITE_BIND."
            ) from None


def somebody_listens(bind: str, port: int) -> bool:
    """Whether a connection to our own web server is accepted."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def take_lock(
    home: Path, *, patience_seconds: float = 60, say: Callable[[str], None] = lambda line: None
) -> int:
    """The file descriptor of the home's lock, held until every holder has closed it.

    Waits for a former site which was killed and whose warden still ends its processes. Raises
    CannotStart when a living one holds the lock.
    """
    file = home / "run" / "up.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_seconds
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode().strip()
            if _alive(holder) or time.monotonic() > deadline:
                os.close(lock)
                raise CannotStart(
                    f"Digitsite already runs from {home} (process {holder or 'unknown'}): stop it"
                    " first, or start a second one with its own DIGITSITE_HOME and PORT."
                ) from None
            if not told:
                say("The former site was killed and its processes are still ending: waiting.")
                told = True
            time.sleep(0.2)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
