"""What it costs to bring a drawing or an upload to 28x28, before any model sees it.

    python -m benchmarks.reading_pictures [--count N]

Prints milliseconds of processor time in one thread, so that other work on the machine hardly
counts: decoding, finding the ink and redrawing it, for each kind of upload and for strokes.
"""

import argparse
import base64
import io
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from benchmarks.domain_gap import versions
from benchmarks.material.upload_scenes import SCENES, glyph_of_strokes
from benchmarks.serving import drawn_picture, drawn_strokes
from training.ml.allographs import FORMS, draw_form
from training.ml.preprocess import (
    picture_to_image,
    split_picture,
    split_strokes,
    strokes_to_image,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="of each kind")
    count = parser.parse_args().count
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; {versions()}\n")
    print("| what | one digit, ms | 95 % | split into digits, ms |\n|---|---|---|---|")
    strokes = [drawn_strokes()["strokes"]] * count
    show("strokes of 50 points", strokes, strokes_to_image, split_strokes)
    canvas = base64.b64decode(drawn_picture()["picture"])
    show("PNG of a canvas, 280 px", [canvas] * count, picture_to_image, split_picture)
    for name, scene in SCENES.items():
        rng = np.random.default_rng(0)
        files = [scene(glyph(rng), rng) for _ in range(count)]
        show(f"upload: {name.replace('_', ' ')}", files, picture_to_image, split_picture)
    show("photo of 12 megapixels", [large_photo()] * 3, picture_to_image, split_picture)


def show(name: str, drawn: Iterable, whole: Callable, split: Callable) -> None:
    one, several = times(whole, drawn), times(split, drawn)
    p95 = sorted(one)[int(0.95 * len(one))]
    middle, parts = statistics.median(one), statistics.median(several)
    print(f"| {name} | {middle:.2f} | {p95:.2f} | {parts:.2f} |", flush=True)


def times(function: Callable, drawn: Iterable) -> list[float]:
    """Milliseconds of each, after a warm-up."""
    took = []
    for number, item in enumerate(drawn):
        if number == 0:
            function(item)
        began = time.thread_time()
        function(item)
        took.append(1000 * (time.thread_time() - began))
    return took


def glyph(rng: np.random.Generator) -> np.ndarray:
    form = FORMS[int(rng.integers(len(FORMS)))]
    return glyph_of_strokes(draw_form(form, rng), float(rng.uniform(0.02, 0.18)))


def large_photo() -> bytes:
    rng = np.random.default_rng(0)
    photo = Image.open(io.BytesIO(SCENES["pen_on_paper"](glyph(rng), rng)))
    file = io.BytesIO()
    photo.resize((4000, 3000), Image.Resampling.BICUBIC).save(file, "JPEG", quality=88)
    return file.getvalue()


if __name__ == "__main__":
    main()
