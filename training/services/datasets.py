"""Datasets: immutable rows, content-addressed files."""

import logging
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max

from digitsite.accounts.models import User
from training import storage
from training.ml.data import load_mnist
from training.ml.digits import Digits, load_npz, save_npz
from training.models import Dataset

logger = logging.getLogger(__name__)

MNIST_LICENCE = "Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0"


class DatasetUnreadable(Exception):
    """The stored file is gone or is not what the row says."""


class DatasetAway(DatasetUnreadable, ConnectionError):
    """The storage does not answer; it may soon."""


def import_mnist(path: Path | None = None) -> Dataset:
    """MNIST as a dataset; the one that is there already if it is.

    path: a file or folder to take it from; else the usual sources. Raises
    training.ml.data.MnistUnavailable.
    """
    existing = Dataset.objects.filter(kind=Dataset.Kind.MNIST).first()
    if existing is not None and default_storage.exists(existing.file.name):
        return existing
    digits, source = load_mnist(path, cache_dir=settings.HOME / "cache")
    return add_dataset(
        digits, name="MNIST", kind=Dataset.Kind.MNIST, source=source, licence=MNIST_LICENCE
    )


def add_dataset(
    digits: Digits,
    *,
    name: str,
    kind: Dataset.Kind,
    source: str,
    licence: str = "",
    description: str = "",
    parents: Iterable[Dataset] = (),
    report: dict | None = None,
    created_by: User | None = None,
) -> Dataset:
    """Store the content under its digest, then make the row; the row that has it already if so.

    report: JSON on how it was made; services.leak_guard and training.upload_report say what.
    """
    file_name = store_content(digits)
    with transaction.atomic():
        newest = Dataset.objects.filter(name=name).aggregate(newest=Max("version"))["newest"] or 0
        dataset, created = Dataset.objects.get_or_create(
            digest=digits.digest,
            defaults={
                "name": name,
                "version": newest + 1,
                "kind": kind,
                "train_count": len(digits.train_labels),
                "test_count": len(digits.test_labels),
                "class_counts": {
                    "train": np.bincount(digits.train_labels, minlength=10).tolist(),
                    "test": np.bincount(digits.test_labels, minlength=10).tolist(),
                },
                "licence": licence,
                "source": source,
                "description": description,
                "file": file_name,
                "report": report or {},
                "created_by": created_by,
            },
        )
        if created:
            dataset.parents.set(parents)
    if created:
        logger.info("event=dataset-added dataset=%s digest=%s", dataset, dataset.digest)
    return dataset


def store_content(digits: Digits) -> str:
    """Make the content durable, unless it is there already; its name in the storage.

    Whoever adds a dataset in a longer transaction does this before it, since it takes seconds.
    """
    file_name = f"datasets/{digits.digest}.npz"
    if not default_storage.exists(file_name):
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "digits.npz"
            save_npz(digits, local)
            storage.store(file_name, local)
    return file_name


def load_digits(dataset: Dataset) -> Digits:
    """The arrays of a dataset; the two newest stay in memory, by digest.

    Raises DatasetUnreadable; where waiting may help, DatasetAway.
    """
    return _load(dataset.digest, dataset.file.name)


@lru_cache(maxsize=2)
def _load(digest: str, file_name: str) -> Digits:
    try:
        with default_storage.open(file_name, "rb") as file:
            digits = load_npz(file)
    except ConnectionError as error:
        raise DatasetAway(str(error)) from error
    except (OSError, ValueError) as error:
        raise DatasetUnreadable(f"its file {file_name} cannot be read ({error})") from error
    if digits.digest != digest:
        raise DatasetUnreadable(f"its file {file_name} does not have the digest {digest[:12]}")
    return digits
