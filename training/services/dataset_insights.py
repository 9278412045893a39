"""What the pages of a dataset tell beyond its row: looked at once, then kept in the storage.

A dataset never changes, so neither does anything that is computed from it; the names of the files
are made of digests and of the version of the computation.
"""

import base64
import json
import logging
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.core.files.storage import default_storage

from training import storage
from training.dataset_pictures import SPLITS, NoSuchImage, png
from training.ml.dataset_changes import KINDS, compare
from training.ml.dataset_summary import summarize
from training.ml.digits import CLASSES, IMAGE_SIZE
from training.models import Dataset
from training.services.datasets import load_digits

logger = logging.getLogger(__name__)

VERSION = 1
_one_at_a_time = threading.Lock()


def summary(dataset: Dataset) -> dict:
    """{"train": {...}, "test": {...}}, without empty splits; each has
        ink, mean_ink, distinct   see training.ml.dataset_summary
        means   ten PNGs in base64
    Raises training.services.datasets.DatasetUnreadable.
    """
    return _kept(_summary_name(dataset), lambda: _summarize(dataset))


def mean_png(dataset: Dataset, split: str, digit: int) -> bytes:
    """The mean of all images of a class, 28 x 28, grey; black if the class is empty.

    Raises training.dataset_pictures.NoSuchImage, and DatasetUnreadable.
    """
    if split not in SPLITS or not 0 <= digit < CLASSES:
        raise NoSuchImage(f"There is no digit {digit} of a split {split!r}.")
    told = summary(dataset).get(split)
    if told is None:
        return png(np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8))
    return base64.b64decode(told["means"][digit])


def changes(dataset: Dataset, older: Dataset) -> dict:
    """{"train": {...}, "test": {...}, "examples": {kind: [...]}}: what came since `older`.

    Of a split: lists of ten counts called added, again, removed, relabelled, moved and same (see
    training.ml.dataset_changes). An example has split, index, label, was and image, a PNG in
    base64. Raises training.services.datasets.DatasetUnreadable.
    """
    return _kept(_changes_name(dataset, older), lambda: _compare(dataset, older))


def are_known(dataset: Dataset, older: list[Dataset]) -> bool:
    """Whether the summary and all these changes can be told without looking at images."""
    names = [_summary_name(dataset)] + [_changes_name(dataset, other) for other in older]
    return all(_read(name) is not None for name in names)


def _summary_name(dataset: Dataset) -> str:
    return f"datasets/insights/{dataset.digest[:32]}-{VERSION}.json"


def _changes_name(dataset: Dataset, older: Dataset) -> str:
    return f"datasets/insights/{dataset.digest[:32]}-{older.digest[:32]}-{VERSION}.json"


def _kept(name: str, make: Callable[[], dict]) -> dict:
    """The file's content; made, by one thread at a time, if there is none."""
    known = _read(name)
    if known is not None:
        return known
    with _one_at_a_time:
        known = _read(name)
        if known is None:
            known = make()
            _keep(name, known)
    return known


def _read(name: str) -> dict | None:
    with suppress(OSError, ValueError):
        return _parsed(name)
    return None


@lru_cache(maxsize=128)
def _parsed(name: str) -> dict:
    with default_storage.open(name) as file:
        return json.load(file)


def _keep(name: str, content: dict) -> None:
    """Losing it costs only the time to compute it again."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "insight.json"
            local.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
            storage.store(name, local)
    except OSError as error:
        logger.warning("event=insight-not-kept name=%s reason=%s", name, error)


def _summarize(dataset: Dataset) -> dict:
    digits = load_digits(dataset)
    found = {}
    for split in SPLITS:
        labels = getattr(digits, f"{split}_labels")
        if not len(labels):
            continue
        told = summarize(getattr(digits, f"{split}_images"), labels)
        found[split] = {
            "ink": told.ink.tolist(),
            "mean_ink": round(told.mean_ink, 4),
            "distinct": told.distinct,
            "means": [_base64(mean) for mean in told.means],
        }
    return found


def _compare(dataset: Dataset, older: Dataset) -> dict:
    before, now = load_digits(older), load_digits(dataset)
    found = compare(before, now)
    told: dict = {split: {} for split in SPLITS}
    for (split, kind), counts in found.counts.items():
        told[split][kind] = counts.tolist()
    told["examples"] = {kind: [] for kind in KINDS}
    for example in found.examples:
        of = before if example.kind == "removed" else now
        told["examples"][example.kind].append(
            {
                "split": example.split,
                "index": example.index,
                "label": example.label,
                "was": example.was,
                "image": _base64(getattr(of, f"{example.split}_images")[example.index]),
            }
        )
    return told


def _base64(image) -> str:
    return base64.b64encode(png(image)).decode()
