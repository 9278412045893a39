"""Does the loop of drawing, reviewing and learning make the model better for people?

    python -m benchmarks.rounds --strokes FILE.jsonl.gz [--rounds 5] [--share 0.2] [--recipe fast]

A site of its own in a folder that goes: SQLite, the real services, each training in a process of
its own, as `manage.py train` does it. The writers of the file are people with accounts; one in
three judges (holdout), the others teach (pool), on the side that the site itself puts them on. The
first model learns from MNIST alone. Then, every round: more drawings of the pool's people are
handed in, a reviewer settles each, the settled ones become a dataset mixed with MNIST, a model
learns from it (fine-tuned from the production model, or with --from-scratch), and is promoted if
the gate lets it pass. All drawings of the holdout's people are handed in before, and are only ever
judged by.

Some authors say a wrong digit (--slips); the reviewer knows the right one.

Strokes: one `{"label": 7, "writer": 1, "strokes": [[[x, y], ...], ...]}` a line, gzipped or not;
also from DIGITSITE_DEV_STROKES.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.training import machine
from training.ml.mixing import DEFAULT_SMALL_SHARE

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """A digit of the file."""

    label: int
    strokes: list


def main() -> None:
    options = _options()
    writers = read_writers(options.strokes)
    with tempfile.TemporaryDirectory() as folder:
        site = open_site(Path(folder), options)
        print(f"{machine()}\n{site.mnist}, {site.mnist.source}; {options.strokes.name}\n")
        people = assign(writers, site, options)
        judges = sum(len(rows) for author, rows in people if author.fold == "holdout")
        teachers = [(author, rows) for author, rows in people if author.fold == "pool"]
        print(
            f"{len(teachers)} people teach with {sum(len(rows) for _, rows in teachers)} drawings, "
            f"{len(people) - len(teachers)} others judge with {judges}\n"
        )
        print(
            "| round | drawings learned from | dataset | model | error on the judges' drawings "
            "(95 % interval) | error on MNIST | gate | training s |"
        )
        print("|---|---|---|---|---|---|---|---|", flush=True)
        first = play(people, site, options)
    fell = 1 - first[-1].pen.error / first[0].pen.error
    print(
        f"\nThe error on drawings of people who taught nothing fell by {fell:.0%}, from "
        f"{first[0].pen.error:.2%} to {first[-1].pen.error:.2%}; MNIST's went from "
        f"{first[0].mnist.error:.2%} to {first[-1].mnist.error:.2%}. In production: "
        f"{first[-1].serves}."
    )


def read_writers(path: Path) -> list[list[Row]]:
    """The digits of each writer, in the file's order."""
    data = path.read_bytes()
    found: dict[object, list[Row]] = defaultdict(list)
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        digit = json.loads(line)
        found[digit["writer"]].append(Row(digit["label"], digit["strokes"]))
    return [found[writer] for writer in sorted(found, key=str)]


def open_site(home: Path, options: argparse.Namespace) -> SimpleNamespace:
    """Django is set up on an empty site with MNIST, a researcher who also reviews, and a model."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "digitsite.settings",
        "DIGITSITE_HOME": str(home),
        "DATABASE_URL": "",
        "DIGITSITE_FILES_URL": "",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens: all is done here
        "DIGITSITE_LOG_LEVEL": "CRITICAL",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    import django

    django.setup()
    from django.core.management import call_command

    from digitsite.accounts.models import User
    from training.services.datasets import import_mnist

    call_command("migrate", verbosity=0)
    reviewer = User.objects.create_superuser("reviewer", password=None)
    if options.mnist is None and (options.cache / "mnist.npz").exists():
        options.mnist = options.cache / "mnist.npz"
    return SimpleNamespace(home=home, reviewer=reviewer, mnist=import_mnist(options.mnist))


def assign(writers: list[list[Row]], site, options) -> list[tuple[SimpleNamespace, list[Row]]]:
    """An account for each writer: (its user and fold, its digits).

    Accounts are made until enough of them are on either side; those left over draw nothing.
    """
    from digitsite.accounts.models import User
    from inference.services.drawings import fold_of

    judging = round(len(writers) / 3)
    wanted = {"holdout": judging, "pool": len(writers) - judging}
    accounts: list[SimpleNamespace] = []
    while sum(wanted.values()):
        user = User.objects.create_user(f"writer{len(accounts) + 1}")
        fold = str(fold_of(user))
        if wanted[fold]:
            wanted[fold] -= 1
            accounts.append(SimpleNamespace(user=user, fold=fold))
        else:
            user.delete()  # its number is not given again, so the next one may be luckier
    order = np.random.default_rng(options.seed).permutation(len(writers))
    return [(account, writers[place]) for account, place in zip(accounts, order, strict=True)]


def play(people, site, options) -> list[SimpleNamespace]:
    """All rounds; what each came to."""
    from inference import registry
    from inference.services import promotion

    train(site, options, "--recipe", options.recipe, "--dataset", str(site.mnist.pk))
    promotion.promote(newest_model(), by=site.reviewer, reason="The first model")
    results, learned, dataset, gate, seconds = [], 0, site.mnist, "first", 0.0
    for number in range(options.rounds + 1):
        if number:
            learned += hand_in(people, number, site, options)
            snapshot = make_dataset(site, options)
            dataset = snapshot.mixed
            if not results:
                results.append(judged(0, 0, site.mnist, "first", 0.0, snapshot.drawings, site))
            began = time.perf_counter()
            train(site, options, *_recipe(options), "--dataset", str(dataset.pk))
            seconds = time.perf_counter() - began
            gate = try_to_promote(site, number)
            results.append(judged(number, learned, dataset, gate, seconds, snapshot.drawings, site))
    results[-1].serves = str(registry.production())
    return results


def _recipe(options: argparse.Namespace) -> list[str]:
    from inference import registry

    if options.from_scratch:
        return ["--recipe", options.recipe]
    return ["--from", str(registry.production())]


def train(site, options, *arguments: str) -> None:
    """As a person would, in a process of its own."""
    command = [sys.executable, "manage.py", "train", *arguments]
    command += [f"--set={change}" for change in options.set]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"Training failed:\n{done.stdout}\n{done.stderr}")


def newest_model():
    from inference.models import ModelVersion

    return ModelVersion.objects.select_related("run__dataset").order_by("-number").first()


def hand_in(people, number: int, site, options) -> int:
    """This round's drawings, each submitted and settled; how many are new to learn from.

    In the first round, all those of the judges.
    """
    from django.db import transaction

    from inference.models import Review
    from inference.services.drawings import submit_drawing
    from inference.services.reviews import record_verdict

    rng = np.random.default_rng([options.seed, number])
    taught = 0
    for account, rows in people:
        if account.fold == "pool":
            ends = np.linspace(0, len(rows), options.rounds + 1).round().astype(int)
            part = rows[ends[number - 1] : ends[number]]
            taught += len(part)
        else:
            part = rows if number == 1 else []
        with transaction.atomic():
            for row in part:
                slipped = rng.random() < options.slips
                said = int((row.label + rng.integers(1, 10)) % 10) if slipped else row.label
                drawing = submit_drawing(author=account.user, label=said, strokes=row.strokes)
                record_verdict(
                    drawing,
                    reviewer=site.reviewer,
                    verdict=Review.Verdict.RELABEL if slipped else Review.Verdict.CONFIRM,
                    label=row.label if slipped else None,
                )
    return taught


def make_dataset(site, options):
    from inference.services.snapshots import snapshot_drawings

    return snapshot_drawings(site.reviewer, mnist_share=1 - options.share)


def try_to_promote(site, number: int) -> str:
    """What the gate says of the newest model; it serves from now on if it may."""
    from inference.services import judging, promotion

    candidate = newest_model()
    judging.judge_now(candidate)
    try:
        promotion.promote(candidate, by=site.reviewer, reason=f"Round {number}")
    except promotion.GateRefused as refusal:
        return " ".join(refusal.report.reasons)
    return "passed"


def judged(number, learned, dataset, gate, seconds, drawings, site) -> SimpleNamespace:
    """Judge the newest model on all drawings of the judges, and on MNIST; print the round."""
    from training.models import Evaluation
    from training.services import evaluations

    model = newest_model()

    def figures(on) -> SimpleNamespace:
        row, _ = Evaluation.objects.get_or_create(run=model.run, dataset=on, split="test")
        row = evaluations.evaluate(row.pk)
        return SimpleNamespace(
            error=1 - row.accuracy, low=1 - row.accuracy_high, high=1 - row.accuracy_low
        )

    pen, mnist = figures(drawings), figures(site.mnist)
    print(
        f"| {number} | {learned:,} | {dataset}, {dataset.train_count:,} images | {model} "
        f"| {pen.error:.2%} ({pen.low:.2%} to {pen.high:.2%}) | {mnist.error:.2%} | {gate} "
        f"| {seconds:.0f} |",
        flush=True,
    )
    return SimpleNamespace(pen=pen, mnist=mnist, serves="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = os.environ.get("DIGITSITE_DEV_STROKES")
    parser.add_argument("--strokes", type=Path, default=Path(known) if known else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--share", type=float, default=DEFAULT_SMALL_SHARE, help="of drawings in the mixture"
    )
    parser.add_argument("--recipe", default="fast", help="of the first model")
    parser.add_argument("--from-scratch", action="store_true", help="instead of fine-tuning")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument(
        "--slips", type=float, default=0.02, help="share of wrong labels by authors"
    )
    parser.add_argument("--seed", type=int, default=0, help="who judges, and who slips")
    parser.add_argument("--mnist", type=Path, help="file or folder; else as the site finds it")
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    options = parser.parse_args()
    if options.strokes is None or not options.strokes.exists():
        sys.exit(f"There is no file of strokes {options.strokes or ''}: name one with --strokes.")
    options.strokes = options.strokes.resolve()
    return options


if __name__ == "__main__":
    main()
