"""How long the leak guard takes, what it finds, and what it takes for a leak on MNIST.

    python -m benchmarks.leaks [--mnist FILE]

Looks for MNIST's 10,000 test images among 70,000: MNIST's 60,000 training images, and 10,000 made
from the test images in ways that leaks come about. Goal: under 60 seconds. Prints the seconds, the
share found of each way, and how many of MNIST's own training images are called near.
"""

import argparse
import importlib.metadata
import io
import os
import platform
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from training.ml import leaks
from training.ml.data import load_mnist


def as_jpeg(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=75)
    return np.array(Image.open(buffer))


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    back = 1 / factor
    way = (back, 0, 14 - 14 * back, 0, back, 14 - 14 * back)
    picture = Image.fromarray(image).transform((28, 28), Image.Transform.AFFINE, way, 2)
    return np.array(picture)


def there_and_back(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    return np.array(picture.resize((56, 56), 3).resize((28, 28), 3))


WAYS = {
    "the same bytes": lambda image: image,
    "moved by a pixel": lambda image: np.roll(image, 1, axis=1),
    "half as bright": lambda image: image // 2,
    "JPEG, quality 75": as_jpeg,
    "twice as large and back": there_and_back,
    "scaled by 0.95": lambda image: scaled(image, 0.95),
    "scaled by 1.05": lambda image: scaled(image, 1.05),
    "moved by half a pixel": lambda image: ndimage.shift(image, (0.5, 0), order=1),
    "smoothed, 0.7 px": lambda image: ndimage.gaussian_filter(image, 0.7),
    "a photo's noise, 10 of 255": lambda image: np.clip(
        image + np.random.default_rng(0).normal(0, 10, image.shape), 0, 255
    ).astype(np.uint8),
}


def main() -> None:
    options = _options()
    digits, _ = load_mnist(options.mnist, cache_dir=options.cache)
    ways = list(WAYS)
    way_of = np.arange(len(digits.test_images)) % len(ways)
    made = np.stack(
        [WAYS[ways[way]](image) for way, image in zip(way_of, digits.test_images, strict=True)]
    )
    left = np.concatenate([digits.train_images, made])
    began = time.perf_counter()
    matches = leaks.find_matches(left, digits.test_images)
    seconds = time.perf_counter() - began

    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy")
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {versions}")
    print(f"{len(left):,} against {len(digits.test_images):,}: {seconds:.1f} s (goal: under 60)\n")
    own = matches.left < len(digits.train_images)
    by_digit = np.bincount(digits.train_labels[matches.left[own]], minlength=10)
    print(f"MNIST's own: {own.sum()} of {len(digits.train_images):,} training images are near a")
    print(f"test image, {matches.exact[own].sum()} exactly; by digit {by_digit.tolist()}\n")
    print("| made from a test image | found |\n|---|---|")
    found = np.isin(np.arange(len(left)), matches.left)[len(digits.train_images) :]
    for number, way in enumerate(ways):
        print(f"| {way} | {100 * found[way_of == number].mean():.1f} % |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="a file or folder instead of a download")
    parser.add_argument("--cache", type=Path, default=Path("var/benchmarks"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
