"""How much of MNIST's accuracy is left for what people draw and upload.

    python -m benchmarks.domain_gap [MODEL.onnx [PRODUCTION.onnx]] --strokes FILE.jsonl.gz
        [--sheet ERRORS.png]

Prints one table. Rows: MNIST's test set, real pen strokes as strokes, the same strokes as raster
drawings with thin, usual and thick pens, and uploads (photos, screenshots, transparency, JPEG).
Columns: the first model fed by naive resizing, the first model fed by the contract, and the second
model fed by the contract. The first should be a plain MNIST model (recipe `baseline`), the second
the one in production. With one model, the last column is left out; with none, `baseline` and the
recipe a new site trains by itself are trained first, with seed 0.

Strokes: one `{"label": 7, "writer": 1, "strokes": [[[x, y], ...], ...]}` a line, gzipped or not;
also from DIGITSITE_DEV_STROKES. Uploads are made from MNIST's test digits and from drawn forms.
"""

import argparse
import gzip
import importlib.metadata
import io
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw

from benchmarks.material import picture_rows
from benchmarks.material.picture_rows import draw_rows
from benchmarks.material.trained_model import train
from benchmarks.material.upload_scenes import SCENES, glyph_of_image, glyph_of_strokes
from training.ml.allographs import FORMS, draw_form
from training.ml.data import load_mnist
from training.ml.preprocess import CONTRACT_ID, DrawingError, picture_to_image, strokes_to_image
from training.ml.recipes import DEFAULT_RECIPE

Model = Callable[[np.ndarray], np.ndarray]
PENS = {"thin pen": 2, "usual pen": 10, "thick pen": 24}
CANVAS = 280


def main() -> None:
    options = _options()
    digits, source = load_mnist(options.mnist, cache_dir=options.cache)
    with tempfile.TemporaryDirectory() as folder:
        paths = options.models or [
            train(recipe, digits, Path(folder)) for recipe in ("baseline", DEFAULT_RECIPE)
        ]
        models = [load_model(path) for path in paths]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {versions()}")
    print(f"contract {CONTRACT_ID}; MNIST from {source}\n")
    names = ["naive resize", "contract", "contract, production model"][: len(models) + 1]
    print(f"| right % | digits | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")

    show("MNIST test", digits.test_images, digits.test_images, digits.test_labels, models)
    drawings = read_strokes_file(options.strokes, options.most)
    if drawings is None:
        print("| real pens: no file of strokes, see --strokes | | |")
    else:
        labels, strokes = drawings
        contract = np.stack([strokes_to_image(drawing) for drawing in strokes])
        for name, pen in PENS.items():
            rasters = [rasterise(drawing, pen) for drawing in strokes]
            naive = np.stack([resize(raster) for raster in rasters])
            if name == "usual pen":
                show("real pens, strokes", naive, contract, labels, models)
            seen = np.stack([picture(raster) for raster in rasters])
            show(f"real pens, pictures, {name}", naive, seen, labels, models)
    everything = [uploads(scene, digits, options.uploads) for scene in SCENES]
    for scene, columns in zip(SCENES, everything, strict=True):
        show(f"upload: {scene.replace('_', ' ')}", *columns, models)
    show("uploads, all", *(np.concatenate(c) for c in zip(*everything, strict=True)), models)
    if drawings is not None:
        answers = models[-1](contract).argmax(axis=1)
        confusions(answers, labels)
        if options.sheet:
            draw_rows(picture_rows.confusions(contract, labels, answers)).save(options.sheet)
            print(f"their pictures: {options.sheet}")


def show(name: str, naive: np.ndarray, seen: np.ndarray, labels: np.ndarray, models) -> None:
    """One row of the table. naive, seen: (N, 28, 28) uint8; labels: (N,)."""
    columns = [(models[0], naive), *((model, seen) for model in models)]
    right = [100 * np.mean(model(images).argmax(axis=1) == labels) for model, images in columns]
    print(f"| {name} | {len(labels)} | {' | '.join(f'{r:.2f}' for r in right)} |", flush=True)


def confusions(answers: np.ndarray, labels: np.ndarray) -> None:
    """Which written forms the last model does not know: the commonest errors on real pens."""
    per_class = [100 * np.mean(answers[labels == digit] == digit) for digit in range(10)]
    print(
        "\nreal pens, strokes, by digit:",
        "  ".join(f"{d}: {r:.1f}" for d, r in enumerate(per_class)),
    )
    wrong = np.bincount(10 * labels[answers != labels] + answers[answers != labels], minlength=100)
    worst = [place for place in np.argsort(-wrong)[:6] if wrong[place]]
    print("commonest:", ", ".join(f"{p // 10} read as {p % 10} ({wrong[p]})" for p in worst))


def load_model(path: Path) -> Model:
    """(N, 28, 28) uint8 to probabilities (N, 10)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(images: np.ndarray) -> np.ndarray:
        parts = np.array_split(images, max(1, len(images) // 1000))
        return np.concatenate([session.run(["probabilities"], {"images": p})[0] for p in parts])

    return predict


def read_strokes_file(path: Path | None, most: int) -> tuple[np.ndarray, list] | None:
    """Labels (N,) and strokes of `most` drawings spread over the file; None without a file."""
    if path is None:
        return None
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    rows = [json.loads(line) for line in lines]
    picked = np.random.default_rng(0).permutation(len(rows))[: most or None]
    return np.array([rows[i]["label"] for i in picked]), [rows[i]["strokes"] for i in picked]


def rasterise(strokes: list, pen: int) -> np.ndarray:
    """A drawing program's canvas, white on black: (280, 280) uint8, where the person drew."""
    fine = 2
    sheet = Image.new("L", (CANVAS * fine, CANVAS * fine))
    draw = ImageDraw.Draw(sheet)
    radius = pen * fine / 2
    for stroke in strokes:
        path = [(point[0] * CANVAS * fine, point[1] * CANVAS * fine) for point in stroke]
        draw.line(path, fill=255, width=pen * fine, joint="curve")
        for x, y in path:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(sheet.resize((CANVAS, CANVAS), Image.Resampling.BOX))


def resize(raster: np.ndarray) -> np.ndarray:
    """What tutorials do: the whole canvas to 28x28."""
    return np.asarray(Image.fromarray(raster).resize((28, 28), Image.Resampling.BOX))


def picture(upload: np.ndarray | bytes) -> np.ndarray:
    """The contract; black where it finds no digit, which counts as an error."""
    try:
        return picture_to_image(upload)
    except DrawingError:
        return np.zeros((28, 28), np.uint8)


def uploads(scene: str, digits, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Naively resized, by the contract, labels: half from MNIST's test set, half drawn."""
    rng = np.random.default_rng(0)
    naive, seen, labels = [], [], []
    for number in range(count):
        if number % 2:
            form = FORMS[int(rng.integers(len(FORMS)))]
            glyph = glyph_of_strokes(draw_form(form, rng), float(rng.uniform(0.02, 0.18)))
            labels.append(form.digit)
        else:
            index = int(rng.integers(len(digits.test_images)))
            glyph = glyph_of_image(digits.test_images[index])
            labels.append(int(digits.test_labels[index]))
        file = SCENES[scene](glyph, rng)
        grey = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA").convert("L"))
        naive.append(resize(255 - grey if np.median(grey) > 127 else grey))
        seen.append(picture(file))
    return np.stack(naive), np.stack(seen), np.array(labels)


def versions() -> str:
    names = ("numpy", "pillow", "scipy", "onnxruntime")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.onnx")
    known = os.environ.get("DIGITSITE_DEV_STROKES")
    parser.add_argument("--strokes", type=Path, default=Path(known) if known else None)
    parser.add_argument("--most", type=int, default=0, help="drawings to use; 0 for all")
    parser.add_argument("--uploads", type=int, default=100, help="uploads per scene")
    parser.add_argument(
        "--sheet", type=Path, help="PNG to write: the last model's errors on strokes, by confusion"
    )
    parser.add_argument("--mnist", type=Path, help="file or folder; else as the site finds it")
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    options = parser.parse_args()
    if len(options.models) > 2:
        parser.error(f"at most two models, got {len(options.models)}")
    for path in [*options.models, *filter(None, [options.strokes])]:
        if not path.exists():
            sys.exit(f"There is no file {path}.")
    return options


if __name__ == "__main__":
    main()
