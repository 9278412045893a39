"""How long a reviewer waits: from the verdict given to the next item's HTML served.

    python -m benchmarks.review_queue [--drawings 200000] [--verdicts 200] [--postgres URL]

Fills a private database with drawings that all wait for review, with strokes of real size, and
judges them through the whole stack of Django (its test client), under several filters. SQLite, and
PostgreSQL where one answers that lets us make a database. Goal: under 100 ms.
"""

import argparse
import math
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AUTHORS = 40
FIRST_OPINIONS = 5000  # of the same reviewer, at the head of the queue, two being required
GOAL_MS = 100

# What is asked for -> query string. The last three make the database look furthest.
FILTERS = {
    "no filter": "",
    "labelled 3": "label=3",
    "author and model differ": "disagreeing=1",
    "labelled 3, read as 8": "label=3&read=8",
    "uploads (1 in 1,000)": "origin=upload",
    "an author of 20 drawings": "author={rare}",
}
NOTHING = "label=4&read=4&disagreeing=1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=200_000)
    parser.add_argument("--verdicts", type=int, default=200)
    parser.add_argument("--postgres", help="a server that lets us make databases, or `none`")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options)
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, ", end="")
    print(
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}; "
        f"{options.drawings:,} drawings wait\n",
        flush=True,
    )
    run_inside(options, "sqlite", "")
    server = postgres(options.postgres)
    if server is None:
        print("No PostgreSQL answers, or none lets us make a database: not measured.")
        return
    import psycopg

    name = f"digitsite_benchmark_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            run_inside(options, "postgres", server.rpartition("/")[0] + f"/{name}")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def postgres(named: str | None) -> str | None:
    from tests.find_postgres import USUAL, may_make_databases

    if named == "none":
        return None
    return next((url for url in ([named] if named else USUAL) if may_make_databases(url)), None)


def run_inside(options: argparse.Namespace, inside: str, url: str) -> None:
    """A process of its own for each database: Django's settings are read once."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "digitsite.settings",
            "DIGITSITE_HOME": home,
            "DATABASE_URL": url,
            "DIGITSITE_FILES_URL": "",
            "DIGITSITE_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "benchmarks.review_queue", "--inside", inside]
        command += ["--drawings", str(options.drawings), "--verdicts", str(options.verdicts)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)


def measure(options: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    (settings.HOME / "static").mkdir()
    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    reviewer, rare = seed(options.drawings)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
        cursor.execute(
            "SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version"
        )
        version = cursor.fetchone()[0].split()[0]
    print(f"{connection.display_name} {version} (seeded in {time.perf_counter() - started:.0f} s)")
    print("\n| asked for | verdicts | median | p95 | processor |\n|---|---|---|---|---|")
    client = Client(SERVER_NAME="localhost", headers={"HX-Request": "true"})
    client.force_login(reviewer, backend="digitsite.accounts.backends.RoleBackend")
    for name, query in FILTERS.items():
        most = 15 if "{rare}" in query else options.verdicts
        report(name, judge(client, query.format(rare=rare), most))
    address = f"{reverse('review')}?{NOTHING}"
    nothing = [timed(lambda: client.get(address))[1] for _ in range(20)]
    report("the page of a filter that nothing fits", nothing)
    settings.REVIEWS_REQUIRED = 2
    judge_ahead(reviewer)
    report(f"two required, {FIRST_OPINIONS:,} of one's own first", judge(client, "", 50))
    print()


Times = list[tuple[float, float]]  # milliseconds: as a person waits, and of the processor


def judge(client, query: str, most: int) -> Times:
    """From the verdict to the next item, `most` times or until nothing is left."""
    from django.urls import reverse

    page = client.get(f"{reverse('review')}?{query}").content.decode()
    found = []
    for number in range(most):
        shown = re.search(r'name="drawing" value="(\d+)"', page)
        if shown is None:
            break
        form = {"drawing": shown[1], "verdict": ("confirm", "8", "ambiguous")[number % 3]}
        address = f"{reverse('review_verdict')}?{query}"
        page, times = timed(lambda: client.post(address, form))  # noqa: B023
        found.append(times)
        if "review-bar__said--refused" in page:
            raise SystemExit(f"A verdict was refused:\n{page}")
    return found


def timed(call) -> tuple[str, tuple[float, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    response = call()
    page = response.content.decode()
    if response.status_code != 200:
        raise SystemExit(f"Status {response.status_code}:\n{page}")
    return page, (1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def report(name: str, times: Times) -> None:
    if not times:
        print(f"| {name} | 0 | nothing fits | | |", flush=True)
        return
    walls = [wall for wall, _ in times]
    p95 = sorted(walls)[math.ceil(0.95 * len(walls)) - 1]
    missed = "" if p95 < GOAL_MS else " (goal missed)"
    cpu = statistics.median(cpu for _, cpu in times)
    print(
        f"| {name} | {len(times)} | {statistics.median(walls):.1f} ms | {p95:.1f} ms{missed} ",
        end="",
    )
    print(f"| {cpu:.1f} ms |", flush=True)


def seed(count: int) -> tuple[object, int]:
    """Drawings that wait; the reviewer, an administrator so that every filter works, and the key
    of an author with few drawings."""
    from django.db import transaction

    from digitsite.accounts.models import User
    from inference.models import Drawing, ModelVersion
    from training.models import Dataset, TrainingRun

    dice = random.Random(20)
    reviewer = User.objects.create_superuser("reviewer")
    authors = [User.objects.create_user(f"author{number}") for number in range(AUTHORS)]
    rare = User.objects.create_user("rare")
    dataset = Dataset.objects.create(
        name="none", version=1, kind="mnist", digest="0" * 64, train_count=0, test_count=0,
        class_counts={}, source="", file="none",
    )  # fmt: skip
    run = TrainingRun.objects.create(
        owner=reviewer, dataset=dataset, recipe="fast", hyperparameters={},
        status="succeeded",
    )  # fmt: skip
    version = ModelVersion.objects.create(number=1, run=run, sha256="0" * 64, contract_id="ink-1")
    image = bytes(784)
    pens = [
        [[[round(dice.random(), 4), round(dice.random(), 4), 8 * i] for i in range(40)]]
        for _ in range(50)
    ]

    def drawing(number: int) -> Drawing:
        label = dice.randrange(10)
        predicted = label if dice.random() < 0.95 else dice.randrange(10)
        margin = dice.betavariate(5, 1)
        rest = (1 - margin) / 10
        return Drawing(
            author=rare if number % (count // 20) == 7 else dice.choice(authors),
            origin="upload" if number % 1000 == 3 else "pen",
            device="upload" if number % 1000 == 3 else "touch",
            strokes=dice.choice(pens),
            image=image,
            contract_id="ink-1",
            model=version,
            probabilities=[rest + (margin if d == predicted else 0) for d in range(10)],
            predicted_label=predicted,
            confidence=rest + margin,
            margin=margin,
            latency_ms=1,
            label=label,
            fold="pool",
        )

    with transaction.atomic():
        for start in range(0, count, 5000):
            batch = [drawing(number) for number in range(start, min(start + 5000, count))]
            Drawing.objects.bulk_create(batch)
    return reviewer, rare.pk


def judge_ahead(reviewer) -> None:
    from inference.models import Review
    from inference.review_queue import waiting_drawings

    head = waiting_drawings(reviewer).values_list("pk", flat=True)[:FIRST_OPINIONS]
    Review.objects.bulk_create(
        [Review(drawing_id=pk, reviewer=reviewer, verdict="ambiguous") for pk in head]
    )


if __name__ == "__main__":
    main()
