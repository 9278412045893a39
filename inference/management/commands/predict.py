"""`manage.py predict`: reads drawings or pictures from a file with the production model."""

import json
import sys
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.models import ModelVersion
from inference.predictor import ModelUnavailable, NoProductionModel, Prediction, predictor
from training.ml.preprocess import DrawingError, picture_to_image, strokes_to_image

BATCH = 1024

# A 28x28 image ready for a model, or the sentence that says why there is none.
Prepared = np.ndarray | str


class Command(BaseCommand):
    help = (
        "Reads digits from a file and prints one answer a line, in order. What cannot be read "
        "gets a line that says why, and the command ends with exit code 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "--strokes",
            type=Path,
            metavar="FILE.jsonl",
            help='one {"strokes": [[[x, y], ...], ...]} a line, 0..1 with y down; - is the input',
        )
        source.add_argument(
            "--images",
            type=Path,
            metavar="FILE.npz",
            help="an array `images` (N, H, W) uint8, white on black or black on white",
        )
        parser.add_argument(
            "--model", type=int, metavar="NUMBER", help="this version, not the production model"
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help='print {"label": d, "probabilities": [...]} for each',
        )

    def handle(self, *, strokes: Path | None, images: Path | None, model, **options) -> None:
        version = self._version(model)
        prepared = _from_strokes(strokes) if strokes else _from_images(images)
        answer = _answer_json if options["json"] else _answer_text
        failures = 0
        while batch := list(islice(prepared, BATCH)):
            readable = [image for image in batch if isinstance(image, np.ndarray)]
            rows = iter(self._predict(np.array(readable), version)) if readable else iter(())
            lines = []
            for image in batch:
                if isinstance(image, str):
                    failures += 1
                    self.stderr.write(image)
                    lines.append(json.dumps({"error": image}) if options["json"] else "?")
                else:
                    lines.append(answer(next(rows)))
            self.stdout.write("\n".join(lines))
        if failures:
            noun = "digit" if failures == 1 else "digits"
            raise CommandError(f"{failures} {noun} could not be read.", returncode=1)

    def _version(self, number: int | None) -> ModelVersion | None:
        if number is None:
            return None
        version = ModelVersion.objects.select_related("run").filter(number=number).first()
        if version is None:
            raise CommandError(f"There is no model v{number}.")
        return version

    def _predict(self, images: np.ndarray, version: ModelVersion | None) -> np.ndarray:
        try:
            prediction: Prediction = (
                predictor.predict_images_with(version, images)
                if version
                else predictor.predict_images(images)
            )
        except ModelUnavailable as error:
            raise CommandError(f"Model {version} cannot be used: {error}") from error
        except NoProductionModel as error:
            raise CommandError(str(error)) from error
        return prediction.probabilities


def _answer_json(probabilities: np.ndarray) -> str:
    return json.dumps(
        {
            "label": int(probabilities.argmax()),
            "probabilities": [round(float(p), 6) for p in probabilities],
        }
    )


def _answer_text(probabilities: np.ndarray) -> str:
    return f"{int(probabilities.argmax())}  {float(probabilities.max()) * 100:.1f} %"


def _from_strokes(path: Path) -> Iterator[Prepared]:
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            try:
                yield strokes_to_image(_strokes_of(line))
            except DrawingError as error:
                yield f"line {number}: {error}"


def _lines(path: Path) -> Iterator[str]:
    if str(path) == "-":
        yield from sys.stdin
        return
    try:
        with path.open(encoding="utf-8") as file:
            yield from file
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8.") from error


def _strokes_of(line: str) -> Any:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise DrawingError("malformed", "this is not JSON.") from None
    if not isinstance(record, dict) or "strokes" not in record:
        raise DrawingError("malformed", 'expected {"strokes": [[[x, y], ...], ...]}.')
    return record["strokes"]


def _from_images(path: Path) -> Iterator[Prepared]:
    for number, picture in enumerate(_array(path)):
        try:
            yield picture_to_image(picture)
        except DrawingError as error:
            yield f"image {number}: {error}"


def _array(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive["images"]
    except KeyError:
        raise CommandError(f"{path} holds no array named `images`.") from None
    except OSError as error:
        reason = error.strerror or "it is not an .npz file"
        raise CommandError(f"{path} cannot be read: {reason}.") from error
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        raise CommandError(f"{path} is not an .npz file of plain arrays.") from None
    if images.ndim != 3 or images.dtype != np.uint8:
        raise CommandError(
            f"`images` should be (N, H, W) uint8; it is {images.shape} {images.dtype}."
        )
    return images
