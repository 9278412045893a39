"""Do suspicious labels turn out to be wrong? A known-answer check on MNIST's test labels.

    python -m benchmarks.label_errors [MODEL.onnx ...] [--mnist FILE]

Northcutt, Athalye and Mueller (2021), "Pervasive Label Errors in Test Sets Destabilize Machine
Learning Benchmarks", had 100 candidates of MNIST's 10,000 test labels judged by five people each.
For 15 of them no majority stood by the given label. This prints how many of those 15 are among the
50 most suspicious labels of each model's analysis, and the rank of each. Without a model, the
recipe a new site trains by itself is trained first, with seed 0.
"""

import argparse
import importlib.metadata
import os
import platform
import tempfile
import time
from pathlib import Path

from benchmarks.material.trained_model import train
from training.ml.data import load_mnist
from training.ml.digits import Digits
from training.ml.export import onnx_probabilities
from training.ml.label_quality import label_quality, suspicious
from training.ml.recipes import DEFAULT_RECIPE

TOP = 50

# The file mturk/mnist_mturk.json of the repository cleanlab/label-errors (commit 5457895): index in
# the test split -> votes of five people for the given label. Listed are those below three.
WRONG = {
    947: 0,
    1621: 2,
    1901: 2,
    2130: 2,
    2462: 0,
    2597: 0,
    2654: 0,
    3520: 2,
    3558: 1,
    5937: 1,
    6651: 0,
    6783: 2,
    8527: 2,
    9679: 2,
    9729: 2,
}


def main() -> None:
    options = _options()
    digits, source = load_mnist(options.mnist, cache_dir=options.cache)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {_versions()}")
    print(f"MNIST from {source}\n")
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models or [train(DEFAULT_RECIPE, digits, Path(folder))]:
            judge(path, digits)


def judge(path: Path, digits: Digits) -> None:
    """Print what one model's analysis makes of the 15 labels."""
    probabilities = onnx_probabilities(path, digits.test_images)
    accuracy = (probabilities.argmax(axis=1) == digits.test_labels).mean()
    began = time.perf_counter()
    quality = label_quality(digits.test_labels, probabilities)
    order = suspicious(quality, len(quality)).tolist()
    seconds = time.perf_counter() - began
    found = sum(index in WRONG for index in order[:TOP])
    print(f"{path.name}: {accuracy:.2%} right on the test split; scored in {seconds:.2f} s")
    print(f"  {found} of the {len(WRONG)} known wrong labels are in the top {TOP}")
    ranks = {index: order.index(index) + 1 for index in WRONG}
    for index, rank in sorted(ranks.items(), key=lambda item: item[1]):
        print(
            f"  rank {rank:5d}: #{index}, labelled {digits.test_labels[index]}, "
            f"read as {probabilities[index].argmax()}; {WRONG[index]} of 5 people agree"
        )


def _versions() -> str:
    names = ("numpy", "cleanlab", "onnxruntime")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--mnist", type=Path, help="file or folder; else as the site finds it")
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
