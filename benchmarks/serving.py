"""How quickly digits are read, through the public API, against the stack of the tutorials.

    python -m benchmarks.serving [--model FOLDER]

FOLDER has model.keras and model.onnx of one network; without it the recipe `fast` is trained first.
Both servers run on this machine, one after the other, and are asked from a second process. Goals:
at 1 client a median 20 times lower, at 16 clients 20 times as many answers a second; 100 people
with 2 drawings a second each for a minute without error, 95 % within 150 ms, the web process flat
and under 450 MB; 15,000 digits a second in batches; 8 s from start to the first answer.
"""

import argparse
import base64
import json
import math
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PREDICT = "/api/v1/predict"
BATCH = 512
PEOPLE = 100


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = options.model or _train(home)
        cpus = len(os.sched_getaffinity(0))
        print(f"{cpus} CPUs, Python {platform.python_version()}, {options.seconds:.0f} s each\n")
        print(
            "| what | clients | calls/s | median ms | p95 ms | errors |\n|---|---|---|---|---|---|"
        )
        classic = {} if options.ours_only else measure_classic(model, home, options.seconds)
        tokens = _prepare_site(home, model)
        measure_ours(tokens, home, options, classic)


def measure_classic(model: Path, home: Path, seconds: float) -> dict[int, dict]:
    port = _free_port()
    command = ["-m", "benchmarks.classic_stack", str(model / "model.keras"), str(port)]
    found = {}
    with _server(command, home / "classic.log") as process:
        _wait_until_answers(f"http://127.0.0.1:{port}/config", process)
        for clients in (1, 16):
            arguments = ["--load", f"http://127.0.0.1:{port}", str(clients), str(seconds)]
            result = _second_process(["benchmarks.classic_stack", *arguments])
            found[clients] = _row("classic stack", clients, result)
    return found


def measure_ours(tokens: list[str], home: Path, options, classic: dict[int, dict]) -> None:
    port = _free_port()
    bodies = {"strokes": drawn_strokes(), "picture": drawn_picture()}
    began = time.perf_counter()
    with _server(_web_command(port), home / "web.log") as process:
        _wait_until_answers(f"http://127.0.0.1:{port}{PREDICT}", process, tokens[0])
        start_seconds = time.perf_counter() - began

        def ask(what: str, clients: int, body: dict, **more) -> dict:
            load = {"port": port, "path": PREDICT, "tokens": tokens, "body": json.dumps(body)}
            load |= {"clients": clients, "seconds": options.seconds, **more}
            return _row(what, clients, _second_process(["benchmarks.material.http_load"], load))

        ours = {}
        for kind in bodies:
            ask(f"warm-up, {kind}", 1, bodies[kind], seconds=1)
            for clients in (1, 16):
                ours[kind, clients] = ask(f"API, {kind}", clients, bodies[kind])
        images = np.random.default_rng(0).integers(0, 256, (BATCH, 28, 28), np.uint8)
        packed = {"images": base64.b64encode(images.tobytes()).decode()}
        batch = ask(f"API, {BATCH} images", 2, packed)
        before = _megabytes(process.pid)
        crowd = ask(
            f"API, {PEOPLE} people, 2 a second each",
            *(PEOPLE, bodies["strokes"]),
            **{"per_second": 2, "seconds": options.crowd_seconds},
        )
        after = _megabytes(process.pid)
    print()
    for kind in bodies if classic else ():  # the classic stack is sent the picture
        times = classic[1]["median"] / ours[kind, 1]["median"]
        _verdict(f"{kind}: median at 1 client, times lower", times, times >= 20)
        times = ours[kind, 16]["rate"] / classic[16]["rate"]
        _verdict(f"{kind}: answers a second at 16 clients, times more", times, times >= 20)
    _verdict("digits a second in batches", batch["rate"] * BATCH, batch["rate"] * BATCH >= 15_000)
    _verdict("crowd: p95 ms", crowd["p95"], crowd["p95"] < 150 and not crowd["errors"])
    _verdict("web process before the crowd, MB", before, before < 450)
    _verdict("web process after the crowd, MB", after, after < 450 and after < 1.05 * before)
    _verdict("start to first answer, s", start_seconds, start_seconds < 8)


def drawn_strokes() -> dict:
    """A 7 of 50 points, with their times."""
    top = [[0.25 + 0.02 * i, 0.25, 16.0 * i] for i in range(25)]
    down = [[0.73 - 0.012 * i, 0.25 + 0.024 * i, 400 + 16.0 * i] for i in range(25)]
    return {"strokes": [top + down]}


def drawn_picture() -> dict:
    from benchmarks.classic_stack import drawn_png

    with tempfile.TemporaryDirectory() as folder:
        return {"picture": base64.b64encode(drawn_png(Path(folder)).read_bytes()).decode()}


def _row(what: str, clients: int, result: dict) -> dict:
    if not result["seconds"]:
        raise SystemExit(f"{what}: nothing was answered; {result['errors'][:3]}")
    milliseconds = sorted(1000 * s for s in result["seconds"])
    row = {
        "rate": len(milliseconds) / result["span"],
        "median": statistics.median(milliseconds),
        "p95": milliseconds[math.ceil(0.95 * len(milliseconds)) - 1],
        "errors": len(result["errors"]),
    }
    if not what.startswith("warm-up"):
        figures = f"{row['rate']:,.1f} | {row['median']:.2f} | {row['p95']:.2f} | {row['errors']}"
        print(f"| {what} | {clients} | {figures} |", flush=True)
    for error in result["errors"][:3]:
        print(f"  {error}", file=sys.stderr)
    return row


def _verdict(what: str, figure: float, met: bool) -> None:
    print(f"{what}: {figure:,.1f}{'' if met else '  (goal missed)'}")


def _second_process(module_and_arguments: list[str], given: dict | None = None) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", *module_and_arguments],
        cwd=ROOT,
        input=json.dumps(given) if given else None,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def _server(arguments: list[str], log: Path) -> Iterator[subprocess.Popen]:
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ | quiet,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    except BaseException:
        print(log.read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(30)


def _web_command(port: int) -> list[str]:
    from digitsite.supervisor.processes import PROCESSES

    return PROCESSES["web"].argv(python="python", bind="127.0.0.1", port=port)[1:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_answers(url: str, process: subprocess.Popen, token: str = "") -> None:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(drawn_strokes()).encode()
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _megabytes(pid: int) -> float:
    """Resident memory (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def _prepare_site(home: Path, model: Path) -> list[str]:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "digitsite.settings",
        "DIGITSITE_HOME": str(home / "site"),
        "DATABASE_URL": "",
        "DIGITSITE_FILES_URL": "",
        "DIGITSITE_LOG_LEVEL": "WARNING",
    }
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.material.served_model import promote_files

    call_command("migrate", verbosity=0)
    return promote_files(model, PEOPLE)


def _train(home: Path) -> Path:
    from benchmarks.material.trained_model import train
    from training.ml.data import load_mnist

    digits, _ = load_mnist(None, cache_dir=Path("var/benchmarks"))
    return train("fast", digits, home).parent


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a folder with model.keras and model.onnx")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--crowd-seconds", type=float, default=60)
    parser.add_argument("--ours-only", action="store_true", help="without the classic stack")
    return parser.parse_args()


if __name__ == "__main__":
    main()
