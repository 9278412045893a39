"""How soon a promoted model serves, and whether a request fails meanwhile.

    python -m benchmarks.promotion_switch [--switches 10] [--clients 16] [--recipe fast]

A site of its own with two versions of the recipe's network, untrained: their weights do not change
the time. Clients ask the studio's API for predictions without a pause, each with its own token,
while an administrator presses Promote on the page of the version that does not serve. Measured is
the time from that click, when the form is sent, to the first answer by the new version that a
client gets. Goals: within 2 s, without one failed request.
"""

import argparse
import asyncio
import http.client
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.material.http_load import Load, ask, request_of
from benchmarks.serving import drawn_strokes
from benchmarks.studio_latency import prepare, session_of, untrained, web_process

GOAL_SECONDS = 2
PAUSE_SECONDS = 1.5
ENDPOINT = "/studio/gradio_api/run/predict"


@dataclass(frozen=True)
class Site:
    """session: an administrator's; tokens: of people who may draw."""

    port: int
    session: str
    tokens: list[str]


@dataclass(frozen=True)
class Answer:
    """at: time.perf_counter() when it had come whole."""

    at: float
    model: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--switches", type=int, default=10)
    parser.add_argument("--recipe", default="fast")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        session, tokens = two_versions(Path(home), options)
        with web_process(Path(home)) as address:
            site = Site(urlsplit(address).port, session, tokens)
            asyncio.run(measure(site, options.switches))


def two_versions(home: Path, options: argparse.Namespace) -> tuple[str, list[str]]:
    """An administrator's session and the tokens; v1 serves, and v2 has served before."""
    tokens = prepare(home, options.recipe, people=options.clients).tokens
    from benchmarks.material.served_model import register_files
    from digitsite.accounts.models import User
    from inference.models import ModelVersion
    from inference.services.promotion import promote

    admin = User.objects.get(username="measurer")
    second = register_files(untrained(home, options.recipe), admin)
    promote(second, by=admin, reason="so that it has served", override=True)
    promote(ModelVersion.objects.get(number=1), by=admin, reason="to begin with")
    return session_of(admin), tokens


async def measure(site: Site, switches: int) -> None:
    load = Load(
        port=site.port,
        path=ENDPOINT,
        tokens=site.tokens,
        body=json.dumps({"data": [drawn_strokes()["strokes"]]}),
        clients=len(site.tokens),
        seconds=0,
    )
    answers: list[Answer] = []
    stop = asyncio.Event()
    clients = [asyncio.create_task(client(load, token, answers, stop)) for token in load.tokens]
    first, last = [], []
    for switch in range(switches):
        await asyncio.sleep(PAUSE_SECONDS)
        number = 2 - switch % 2
        csrf = await asyncio.to_thread(open_model, site, number)
        clicked = time.perf_counter()
        await asyncio.to_thread(press_promote, site, number, csrf, switch)
        first.append(await first_answer(answers, number, clicked) - clicked)
        await asyncio.sleep(PAUSE_SECONDS)
        old = [answer.at for answer in answers if answer.model != f"v{number}"]
        last.append(max([0.0, *(at - clicked for at in old)]))
    stop.set()
    await asyncio.gather(*clients)
    report(load, answers, first, last)


async def client(load: Load, token: str, answers: list[Answer], stop: asyncio.Event) -> None:
    request = request_of(load, token)
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    while not stop.is_set():
        try:
            status, content = await ask(reader, writer, request)
        except (OSError, EOFError, ValueError) as error:
            load.errors.append(repr(error))
            break
        if status == 200:
            model = json.loads(content)["data"][0]["model"]
            answers.append(Answer(time.perf_counter(), model))
        else:
            load.errors.append(f"{status} {content[:200]!r}")
    writer.close()


async def first_answer(answers: list[Answer], number: int, clicked: float) -> float:
    """When the version first answered after the click."""
    seen = len(answers)
    while answers[seen - 1].at > clicked:
        seen -= 1
    while True:
        for answer in answers[seen:]:
            seen += 1
            if answer.model == f"v{number}":
                return answer.at
        if time.perf_counter() - clicked > 30:
            raise SystemExit(f"v{number} does not serve: {answers[-1]}")
        await asyncio.sleep(0.005)


def open_model(site: Site, number: int) -> str:
    """Read the page of a version as a browser does; the token that its form sends back."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("GET", f"/models/{number}/", headers={"Cookie": f"sessionid={site.session}"})
    response = connection.getresponse()
    response.read()
    cookies = response.headers.get_all("Set-Cookie", [])
    connection.close()
    csrf = [cookie for cookie in cookies if cookie.startswith("csrftoken=")]
    if response.status != 200 or not csrf:
        raise SystemExit(f"The page of v{number} answers {response.status} and {len(csrf)} tokens.")
    return csrf[0].partition("=")[2].partition(";")[0]


def press_promote(site: Site, number: int, csrf: str, switch: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    form = {"csrfmiddlewaretoken": csrf, "reason": f"Benchmark, switch {switch + 1}"}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"sessionid={site.session}; csrftoken={csrf}",
        "Origin": f"http://127.0.0.1:{site.port}",
    }
    connection.request("POST", f"/models/{number}/promote/", urlencode(form), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 302:
        raise SystemExit(f"v{number} is not promoted: {response.status} {body[:2000]!r}")


def report(load: Load, answers: list[Answer], first: list[float], last: list[float]) -> None:
    others = {answer.model for answer in answers} - {"v1", "v2"}
    failed = len(load.errors)
    span = answers[-1].at - answers[0].at
    print(
        f"{len(os.sched_getaffinity(0))} CPUs, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )
    print(
        f"{len(answers):,} answers of the studio's API to {load.clients} clients "
        f"({len(answers) / span:.0f} a second) during {len(first)} promotions"
    )
    print(f"failed requests: {failed}{'' if not failed else f', such as {load.errors[0]}'}")
    print(f"answers by another version: {', '.join(sorted(others)) or 'none'}")
    missed = "" if max(first) < GOAL_SECONDS else f"  (goal missed: {GOAL_SECONDS} s)"
    print(
        f"from the click to the first answer by the new version: "
        f"{statistics.median(first):.2f} s at the median, {max(first):.2f} s at worst{missed}"
    )
    print(f"to the last answer by the old one: {max(last):.2f} s at worst")


if __name__ == "__main__":
    main()
