"""The site's web process on the test's database, for tests of what programs see."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.conf import settings

from digitsite.supervisor.processes import PROCESSES
from tests.conftest import free_port


@contextlib.contextmanager
def web_server(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Its address, once it answers; use it with the fixture `child_environment`.

    What it says is in `folder`/web.log.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = PROCESSES["web"].argv(python=sys.executable, bind="127.0.0.1", port=port)
    log = folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/healthz")
                break
            assert process.poll() is None, f"the web process ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"it does not answer:\n{log.read_text()}"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)
