"""How soon a promoted model serves, and whether a request fails meanwhile, on a site that runs.

    python -m benchmarks.promotion_switch http://127.0.0.1:8000 TOKEN 1 2 [--switches 10]

TOKEN is an administrator's (`manage.py create_token`); 1 and 2 are versions that have both served
before, so that the gate lets them go back and forth. Clients ask for predictions without a pause
while the versions are switched through the API. Goals: within 2 s, without one failed request.
"""

import argparse
import asyncio
import json
import os
import platform
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from benchmarks.material.http_load import Load, ask, request_of
from benchmarks.serving import drawn_strokes

PAUSE_SECONDS = 1.5


async def measure(options: argparse.Namespace) -> None:
    address = urlsplit(options.site)
    load = Load(
        port=address.port or 80,
        path="/api/v1/predict",
        tokens=[options.token],
        body=json.dumps(drawn_strokes()),
        clients=options.clients,
        seconds=0,
    )
    answers: list[tuple[float, str]] = []  # when it came, which version
    stop = asyncio.Event()
    clients = [
        asyncio.create_task(client(address.hostname, load, answers, stop))
        for _ in range(load.clients)
    ]
    took = []
    for switch in range(options.switches):
        await asyncio.sleep(PAUSE_SECONDS)
        number = options.versions[switch % 2]
        await asyncio.to_thread(promote, options, number, switch)
        promoted = time.perf_counter()
        while not any(model == f"v{number}" for at, model in answers[-50:] if at > promoted):
            if time.perf_counter() - promoted > 30:
                raise SystemExit(f"v{number} does not serve: {answers[-1]}")
            await asyncio.sleep(0.005)
        first = next(at for at, model in answers if at > promoted and model == f"v{number}")
        took.append(first - promoted)
    stop.set()
    await asyncio.gather(*clients)
    others = {model for _, model in answers} - {f"v{number}" for number in options.versions}
    failed = len(load.errors)
    print(f"{len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}")
    print(f"{len(answers):,} answers to {load.clients} clients during {len(took)} promotions")
    print(f"failed requests: {failed}{'' if not failed else f', such as {load.errors[0]}'}")
    print(f"answers by another version: {', '.join(sorted(others)) or 'none'}")
    worst = max(took)
    print(
        f"until the new model serves: {sum(took) / len(took):.2f} s in the mean, "
        f"{worst:.2f} s at worst{'' if worst < 2 else '  (goal missed: 2 s)'}"
    )


async def client(host: str, load: Load, answers: list, stop: asyncio.Event) -> None:
    request = request_of(load, load.tokens[0])
    reader, writer = await asyncio.open_connection(host, load.port)
    while not stop.is_set():
        try:
            status, content = await ask(reader, writer, request)
        except (OSError, EOFError, ValueError) as error:
            load.errors.append(repr(error))
            break
        if status == 200:
            answers.append((time.perf_counter(), json.loads(content)["model"]))
        else:
            load.errors.append(f"{status} {content[:200]!r}")
    writer.close()


def promote(options: argparse.Namespace, number: int, switch: int) -> None:
    request = urllib.request.Request(
        f"{options.site}/api/v1/models/{number}/promote",
        json.dumps({"reason": f"Benchmark, switch {switch + 1}"}).encode(),
        {"Authorization": f"Bearer {options.token}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"v{number} is not promoted: {error.read().decode()}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site")
    parser.add_argument("token")
    parser.add_argument("versions", type=int, nargs=2)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--switches", type=int, default=10)
    options = parser.parse_args()
    options.site = options.site.rstrip("/")
    # What serves now comes second, so that the first switch is one.
    request = urllib.request.Request(
        f"{options.site}/api/v1/models", headers={"Authorization": f"Bearer {options.token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        serving = next((row["number"] for row in json.load(answer) if row["production"]), None)
    if serving == options.versions[0]:
        options.versions.reverse()
    asyncio.run(measure(options))


if __name__ == "__main__":
    main()
