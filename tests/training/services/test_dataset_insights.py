"""What is computed from the images of a dataset is computed once."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from tests.factories import make_dataset
from tests.training.ml.synthetic import synthetic_digits
from training.ml.digits import Digits
from training.models import Dataset
from training.services import dataset_insights, datasets
from training.services.datasets import DatasetUnreadable, add_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered():
    dataset_insights._parsed.cache_clear()
    yield
    dataset_insights._parsed.cache_clear()


@pytest.fixture
def unreadable(monkeypatch):
    """From now on nobody may look at images."""

    def forbid():
        def refuse(_dataset):
            raise AssertionError("the images were looked at again")

        monkeypatch.setattr(dataset_insights, "load_digits", refuse)

    return forbid


def relabelled() -> tuple[Dataset, Dataset]:
    digits = synthetic_digits(4)
    labels = digits.train_labels.copy()
    labels[9] = (labels[9] + 1) % 10
    newer = Digits(digits.train_images, labels, digits.test_images, digits.test_labels)
    first = make_dataset(seed=4)
    values = {"name": "Blocks", "kind": Dataset.Kind.UPLOAD, "source": "made for a test"}
    return first, add_dataset(newer, **values, parents=[first])


def test_a_summary_is_kept_in_the_storage_under_the_digest(unreadable):
    dataset = make_dataset(seed=4)
    told = dataset_insights.summary(dataset)
    assert sum(told["train"]["ink"]) == 256
    assert told["test"]["distinct"] == 64
    assert default_storage.exists(f"datasets/insights/{dataset.digest[:32]}-1.json")
    dataset_insights._parsed.cache_clear()
    unreadable()
    assert dataset_insights.summary(dataset) == told
    assert dataset_insights.are_known(dataset, [])


def test_means_come_from_the_summary(unreadable):
    dataset = make_dataset(seed=4)
    digits = synthetic_digits(4)
    dataset_insights.summary(dataset)
    unreadable()
    with Image.open(io.BytesIO(dataset_insights.mean_png(dataset, "train", 6))) as image:
        mean = digits.train_images[digits.train_labels == 6].mean(axis=0)
        np.testing.assert_allclose(np.asarray(image), mean, atol=0.51)


def test_changes_are_kept_for_the_pair_with_pictures(unreadable):
    first, second = relabelled()
    told = dataset_insights.changes(second, first)
    assert sum(told["train"]["relabelled"]) == 1
    (example,) = told["examples"]["relabelled"]
    with Image.open(io.BytesIO(base64.b64decode(example["image"]))) as image:
        np.testing.assert_array_equal(np.asarray(image), synthetic_digits(4).train_images[9])
    dataset_insights._parsed.cache_clear()
    unreadable()
    assert dataset_insights.changes(second, first) == told
    assert not dataset_insights.are_known(first, [second])  # the other way round is another thing


def test_a_damaged_file_is_made_again():
    dataset = make_dataset(seed=4)
    told = dataset_insights.summary(dataset)
    name = f"datasets/insights/{dataset.digest[:32]}-1.json"
    Path(default_storage.path(name)).write_text("{")
    dataset_insights._parsed.cache_clear()
    assert not dataset_insights.are_known(dataset, [])
    assert dataset_insights.summary(dataset) == told
    dataset_insights._parsed.cache_clear()
    assert dataset_insights.are_known(dataset, [])


def test_a_storage_that_takes_nothing_costs_only_time(monkeypatch):
    dataset = make_dataset(seed=4)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.storage.store", full)
    assert sum(dataset_insights.summary(dataset)["test"]["ink"]) == 64
    assert not dataset_insights.are_known(dataset, [])


def test_a_lost_dataset_is_unreadable():
    dataset = make_dataset(seed=79)
    default_storage.delete(dataset.file.name)
    datasets._load.cache_clear()
    with pytest.raises(DatasetUnreadable):
        dataset_insights.summary(dataset)
