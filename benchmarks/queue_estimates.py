"""How right a site is about its queue: five runs for one worker, told against what happened.

    python -m benchmarks.queue_estimates --recipes fast fast balanced fast balanced

Trains each of the recipes once, twice where it is the first to be queued behind another, so that
the site has something to learn from; then queues all at once and notes, every few seconds, when
the site says that each will start and be done. Goal: within 30 %.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.private_site import private_site, wait_for
from training.ml.recipes import RECIPES


@dataclass(frozen=True)
class Told:
    """What the site said about a run at a moment; seconds from then."""

    run: int
    at: float
    start: float | None
    done: float | None


def main() -> None:
    options = _options()
    with private_site(mnist=options.mnist):
        queue([name for name in sorted(set(options.recipes)) for _ in range(2)])
        runs, told = queue(options.recipes)
        report(runs, told)


def queue(recipes: list[str]) -> tuple[list, list[Told]]:
    """Queue one run of each, watch until all are over: the runs, and what was told about them."""
    from django.db import transaction

    from digitsite.accounts.models import User
    from training import selectors
    from training.models import Dataset, TrainingRun
    from training.services.runs import create_run

    with transaction.atomic():
        runs = [
            create_run(
                owner=User.objects.get(),
                dataset=Dataset.objects.get(),
                recipe=name,
                hyperparameters=RECIPES[name].hyperparameters.model_copy(update={"seed": seed}),
            )
            for seed, name in enumerate(recipes)
        ]
    told: list[Told] = []
    looked = 0.0

    def over() -> bool:
        nonlocal looked
        if time.monotonic() - looked >= 3:
            looked = time.monotonic()
            now, estimates = time.time(), selectors.queue_estimates()
            for run in TrainingRun.objects.exclude(status__in=TrainingRun.FINAL):
                start = estimates[run.pk].start if run.pk in estimates else None
                told.append(Told(run.pk, now, start, selectors.eta_seconds(run)))
        return not TrainingRun.objects.exclude(status__in=TrainingRun.FINAL).exists()

    wait_for(over)
    for run in runs:
        run.refresh_from_db()
        if run.status != run.Status.SUCCEEDED:
            raise SystemExit(run.traceback or run.error)
    wait_for(lambda: not any(r.evaluations.filter(status="pending").exists() for r in runs))
    time.sleep(8)  # the worker is idle and has loaded TensorFlow ahead
    return runs, told


def report(runs: list, told: list[Told]) -> None:
    """One line a run: what was said when it was queued; and the errors of all that was said."""
    print("| run | recipe | start told | started after | end told | ended after |")
    print("|---|---|---|---|---|---|")
    errors = []
    for run in runs:
        said = [one for one in told if one.run == run.pk]
        for index, one in enumerate(said):
            started = run.claimed_at.timestamp() - one.at
            ended = run.finished_at.timestamp() - one.at
            pairs = [(one.start, started), (one.done, ended)]
            # Of what is 10 s away or less, 3 s are as good as 30 %.
            errors += [abs(s - real) / max(real, 10) for s, real in pairs if s is not None]
            if index == 0:
                print(
                    f"| {run.pk} | {run.recipe} | {one.start or 0:.1f} s | {max(0, started):.1f} s "
                    f"| {one.done or 0:.1f} s | {ended:.1f} s |"
                )
    within = sum(error <= 0.3 for error in errors)
    print(f"\n{within} of {len(errors)} estimates within 30 % (worst: {max(errors):.0%}).")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["fast"] * 5, choices=sorted(RECIPES))
    parser.add_argument("--mnist", type=Path, help="a file or folder instead of a download")
    return parser.parse_args()


if __name__ == "__main__":
    main()
