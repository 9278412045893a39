"""What the recipes cost and what they are worth.

    python -m benchmarks.training --recipes fast balanced --seeds 5

Trains each recipe with seeds 0, 1, 2... in a process of its own, `baseline` first and once, and
reads the test split once, at the end of each. Times cover `fit` whole (building, tracing, every
epoch, validation, checkpoints), not the import of TensorFlow nor the reading of the data. CPU
seconds are the fair measure on a shared machine; wall seconds swing.

"real pens" is the share read right of a file of pen strokes (--strokes, as domain_gap.py reads it),
through the contract; nothing was trained on it.

"waiting for data" is the time to gather and augment a batch alone, against the time of a step.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.domain_gap import read_strokes_file
from training.ml.data import load_mnist
from training.ml.preprocess import strokes_to_image
from training.ml.recipes import RECIPES

PACKAGES = ("tensorflow", "keras", "numpy", "onnxruntime")


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(train_once(options.one[0], int(options.one[1]), options)))
        return
    _, source = load_mnist(options.mnist, cache_dir=options.cache)
    print(f"{machine()}; MNIST from {source}\n")
    print(
        "| recipe | seeds | test mean % | test worst % | real pens mean % | worst % | fit wall s "
        "| CPU s | wall / baseline | CPU / baseline | waiting for data |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    baseline = None
    for name in ["baseline", *(r for r in options.recipes if r != "baseline")]:
        runs = [in_own_process(name, seed, options) for seed in seeds_of(name, options)]
        row = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
        baseline = baseline or row
        print(
            f"| {name} | {len(runs)} | {100 * row['accuracy']:.3f} "
            f"| {100 * min(run['accuracy'] for run in runs):.2f} "
            f"| {100 * row['pens']:.2f} | {100 * min(run['pens'] for run in runs):.2f} "
            f"| {row['wall']:.1f} | {row['cpu']:.1f} "
            f"| 1/{baseline['wall'] / row['wall']:.1f} | 1/{baseline['cpu'] / row['cpu']:.1f} "
            f"| {100 * row['waiting']:.1f} % |",
            flush=True,
        )


def seeds_of(name: str, options: argparse.Namespace) -> range:
    return range(options.baseline_seeds if name == "baseline" else options.seeds)


def machine() -> str:
    """CPU, count, system and versions, in a line."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if "model name" in x), model)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    cpus = len(os.sched_getaffinity(0))
    return f"{model}, {cpus} CPUs; Python {platform.python_version()}, {versions}"


def in_own_process(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """One run in a new process: nothing traced, cached or pinned before."""
    command = [sys.executable, "-m", "benchmarks.training", "--one", name, str(seed)]
    command += ["--cache", str(options.cache)]
    if options.mnist:
        command += ["--mnist", str(options.mnist)]
    if options.strokes:
        command += ["--strokes", str(options.strokes)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, seed {seed} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


class Silent:
    def on_batch(self, progress) -> None: ...

    def on_epoch(self, result, checkpoint) -> None: ...

    def should_stop(self) -> bool:
        return False


def train_once(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Fit, then read the test split, once."""
    from training.ml.export import keras_probabilities
    from training.ml.fit import fit, pin_threads

    pin_threads(None)
    digits, _ = load_mnist(options.mnist, cache_dir=options.cache)
    hyperparameters = RECIPES[name].hyperparameters.model_copy(update={"seed": seed})
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        result = fit(hyperparameters, digits, checkpoint_dir=Path(folder), monitor=Silent())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    answers = keras_probabilities(result.model, digits.test_images).argmax(1)
    return {
        "accuracy": float((answers == digits.test_labels).mean()),
        "pens": pens_accuracy(result.model, options.strokes),
        "wall": wall,
        "cpu": cpu,
        "waiting": waiting_share(hyperparameters, digits),
    }


def pens_accuracy(model, path: Path | None) -> float:
    """Share of real pen drawings read right; NaN without a file."""
    drawings = read_strokes_file(path, most=0)
    if drawings is None:
        return float("nan")
    from training.ml.export import keras_probabilities

    images = np.stack([strokes_to_image(strokes) for strokes in drawings[1]])
    return float((keras_probabilities(model, images).argmax(1) == drawings[0]).mean())


def waiting_share(hyperparameters, digits, steps: int = 100) -> float:
    """Seconds to prepare batches over seconds to prepare them and train on them."""
    from training.ml.schedule import learning_rates
    from training.ml.trainer import Trainer

    trainer = Trainer(hyperparameters, digits)
    trainer.begin_epoch(0, learning_rates(hyperparameters, trainer.steps))
    seconds = []
    for work in (trainer.prepare_only, trainer.train):
        work(0, 5)
        began = time.perf_counter()
        work(5, steps)
        seconds.append(time.perf_counter() - began)
    return seconds[0] / seconds[1]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["fast"], choices=sorted(RECIPES))
    parser.add_argument("--seeds", type=int, default=5, help="runs of each recipe")
    parser.add_argument("--baseline-seeds", type=int, default=1, help="runs of the baseline")
    parser.add_argument("--mnist", type=Path, help="a file or folder instead of a download")
    parser.add_argument("--cache", type=Path, default=Path("var/benchmarks"))
    known = os.environ.get("DIGITSITE_DEV_STROKES")
    parser.add_argument("--strokes", type=Path, default=Path(known) if known else None)
    parser.add_argument("--one", nargs=2, metavar=("RECIPE", "SEED"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
