"""What the platform costs a run: its epochs under a real worker against a bare script.

    python -m benchmarks.platform_cost --recipe fast --epochs 6 --pairs 3

Each pair trains the same hyperparameters twice, one after the other: in a script that calls `fit`
and nothing else, and as a run of a site (SQLite, Redis, keeper, workers). Wall seconds are
from the first step to the last epoch's end; checkpoints, heartbeat and progress are in them, the
import of TensorFlow and the export are not. CPU seconds are the training process's own, from the
end of the first epoch to the end of the last: they tell the two apart where other programs make
the wall clock swing. Goal: at most 3 % and 2 s more.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.private_site import ROOT, private_site, wait_for
from training.ml.recipes import RECIPES


def main() -> None:
    options = _options()
    hyperparameters = RECIPES[options.recipe].hyperparameters
    if options.epochs:
        hyperparameters = hyperparameters.model_copy(update={"epochs": options.epochs})
    if options.bare:
        print(json.dumps(train_bare(hyperparameters, options.bare)))
        return
    with private_site(mnist=options.mnist):
        print(f"{options.recipe}, {hyperparameters.epochs} epochs, {os.cpu_count()} CPUs\n")
        print(
            "| pair | script wall s | run wall s | ratio | script CPU s | run CPU s | ratio "
            "| same weights |\n|---|---|---|---|---|---|---|---|"
        )
        pairs = []
        for number in range(1, options.pairs + 1):
            bare = train_in_a_script(options)
            run = train_as_a_run(options.recipe, hyperparameters)
            pairs.append((bare["wall"], run["wall"], bare["cpu"], run["cpu"]))
            same = "yes" if bare["weights"] == run["weights"] else "NO"
            print(f"| {number} | {_row(*pairs[-1])} | {same} |", flush=True)
        middle = [statistics.median(column) for column in zip(*pairs, strict=True)]
        print(f"| median | {_row(*middle)} | |")


def _row(wall: float, run_wall: float, cpu: float, run_cpu: float) -> str:
    return (
        f"{wall:.2f} | {run_wall:.2f} | {run_wall / wall:.3f} "
        f"| {cpu:.2f} | {run_cpu:.2f} | {run_cpu / cpu:.3f}"
    )


class Clock:
    """The monitor of the bare script: it notes when the epochs ended."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.first_seconds = 0.0

    def on_batch(self, progress) -> None: ...

    def on_epoch(self, result, checkpoint) -> None:
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())
        self.first_seconds = self.first_seconds or result.seconds

    def should_stop(self) -> bool:
        return False


def train_bare(hyperparameters, dataset: Path) -> dict:
    from training.ml.digits import load_npz
    from training.ml.fit import fit

    clock = Clock()
    with dataset.open("rb") as file:
        digits = load_npz(file)
    with tempfile.TemporaryDirectory() as folder:
        result = fit(hyperparameters, digits, checkpoint_dir=Path(folder), monitor=clock)
    return {
        "wall": clock.wall[-1] - clock.wall[0] + clock.first_seconds,
        "cpu": clock.cpu[-1] - clock.cpu[0],
        "weights": result.weights_sha256,
    }


def train_in_a_script(options: argparse.Namespace) -> dict:
    """In a process of its own, as a run is."""
    from django.core.files.storage import default_storage

    from training.models import Dataset

    dataset = default_storage.path(Dataset.objects.get().file.name)
    command = [sys.executable, "-m", "benchmarks.platform_cost", "--bare", dataset]
    command += ["--recipe", options.recipe, "--epochs", str(options.epochs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def train_as_a_run(recipe: str, hyperparameters) -> dict:
    from digitsite.accounts.models import User
    from training.models import Dataset, Evaluation
    from training.services.runs import create_run

    run = create_run(
        owner=User.objects.get(),
        dataset=Dataset.objects.get(),
        recipe=recipe,
        hyperparameters=hyperparameters,
    )

    seen: list[tuple[float, float]] = []

    def over() -> bool:
        run.refresh_from_db()
        if run.status == run.Status.RUNNING:
            with contextlib.suppress(OSError):
                seen.append((time.time(), _cpu_seconds(run.worker)))
        return run.is_final

    wait_for(over)
    if run.status != run.Status.SUCCEEDED:
        raise SystemExit(run.traceback or run.error)
    wait_for(lambda: not Evaluation.objects.filter(status=Evaluation.Status.PENDING).exists())
    time.sleep(8)  # the next child has loaded TensorFlow ahead: the script trains undisturbed
    first, last = run.epoch_metrics.first(), run.epoch_metrics.last()
    ends = [first.recorded_at.timestamp(), last.recorded_at.timestamp()]
    cpu = np.interp(ends, [at for at, _ in seen], [used for _, used in seen])
    return {
        "wall": ends[1] - ends[0] + first.seconds,
        "cpu": float(cpu[1] - cpu[0]),
        "weights": run.weights_digest,
    }


def _cpu_seconds(worker: str) -> float:
    """User and system time so far of a trainer on this machine, by its name `host:pid`."""
    stat = Path(f"/proc/{worker.rpartition(':')[2]}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="fast", choices=sorted(RECIPES))
    parser.add_argument("--epochs", type=int, default=6, help="0: as many as the recipe has")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--mnist", type=Path, help="a file or folder instead of a download")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
