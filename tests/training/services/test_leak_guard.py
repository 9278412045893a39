import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.factories import make_dataset
from tests.training.ml.synthetic import synthetic_digits
from training import storage
from training.ml.digits import Digits
from training.models import Dataset
from training.services import datasets
from training.services.datasets import add_dataset
from training.services.leak_guard import EXAMPLES, OWN_TEST, screen

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_in_memory():
    datasets._load.cache_clear()
    yield
    datasets._load.cache_clear()


def with_train(digits: Digits, *extra: np.ndarray, label: int = 3) -> Digits:
    """The set with more images at the end of its training split."""
    more = np.stack(extra)
    return Digits(
        np.concatenate([digits.train_images, more]),
        np.concatenate([digits.train_labels, np.full(len(more), label, np.uint8)]),
        digits.test_images,
        digits.test_labels,
    )


def test_a_clean_set_passes_unchanged():
    digits = synthetic_digits(1)
    screened = screen(digits)
    assert screened.digits is digits
    assert screened.kept_train_indices.tolist() == list(range(256))
    assert (screened.report["exact"], screened.report["near"]) == (0, 0)
    assert screened.report["checked"] == [
        {"name": OWN_TEST, "dataset": None, "images": 64, "exact": 0, "near": 0}
    ]


def test_training_images_of_its_own_test_split_are_left_out_of_training():
    clean = synthetic_digits(1)
    same, dimmed = clean.test_images[7], (clean.test_images[9] * 0.8).astype(np.uint8)
    screened = screen(with_train(clean, same, dimmed))
    assert screened.digits.digest == clean.digest
    assert screened.kept_train_indices.tolist() == list(range(256))
    report = screened.report
    assert (report["exact"], report["near"]) == (1, 1)
    assert [(row["exact"], row["near"]) for row in report["checked"]] == [(1, 1)]
    pairs = [(pair["train"], pair["kind"], pair["index"]) for pair in report["examples"]]
    assert pairs == [(256, "exact", 7), (257, "near", 9)]


def test_the_test_splits_of_other_datasets_are_looked_at():
    other = make_dataset(seed=5, name="Frozen")
    leaked = synthetic_digits(5).test_images[3]
    screened = screen(with_train(synthetic_digits(1), leaked))
    assert 256 not in screened.kept_train_indices
    checked = screened.report["checked"]
    assert checked[1] == {
        "name": "Frozen v1, test split",
        "dataset": other.pk,
        "images": 64,
        "exact": 1,
        "near": screened.report["near"],
    }
    assert (checked[0]["exact"], checked[0]["near"]) == (0, 0)
    pair = screened.report["examples"][0]
    assert (pair["train"], pair["kind"], pair["against"], pair["index"]) == (256, "exact", 1, 3)


def test_a_test_split_that_several_datasets_share_is_looked_at_once():
    first = synthetic_digits(5)
    make_dataset(seed=5)
    grown = with_train(first, synthetic_digits(6).train_images[0])
    add_dataset(grown, name="Grown", kind=Dataset.Kind.MIXED, source="a test")
    assert len(screen(synthetic_digits(1)).report["checked"]) == 2
    assert len(screen(first, against=[]).report["checked"]) == 1


def test_images_without_a_dataset_can_be_guarded_too():
    holdout = synthetic_digits(8).test_images
    screened = screen(
        with_train(synthetic_digits(1), holdout[0]), also={"frozen drawings": holdout}
    )
    assert screened.report["checked"][1]["name"] == "frozen drawings"
    assert screened.report["exact"] == 1


def test_a_leak_under_another_label_is_counted_as_such():
    clean = synthetic_digits(1)
    wrong = (int(clean.test_labels[0]) + 1) % 10
    report = screen(with_train(clean, clean.test_images[0], label=wrong)).report
    assert report["relabelled"] == 1


def test_a_dataset_whose_file_is_lost_is_named_and_stops_nothing():
    lost = make_dataset(seed=5, name="Lost")
    storage.delete([lost.file.name])
    report = screen(synthetic_digits(1)).report
    assert report["unreadable"] == ["Lost v1"]
    assert len(report["checked"]) == 1


def test_the_report_is_json_with_both_pictures_of_a_few_pairs():
    clean = synthetic_digits(1)
    leaked = with_train(clean, *clean.test_images[: EXAMPLES + 5])
    report = json.loads(json.dumps(screen(leaked).report))
    assert report["exact"] == EXAMPLES + 5
    assert len(report["examples"]) == EXAMPLES
    for pair in report["examples"]:
        for picture in ("image", "other"):
            image = Image.open(io.BytesIO(base64.b64decode(pair[picture])))
            assert np.array_equal(np.array(image), clean.test_images[pair["index"]])


def test_the_report_and_the_parents_are_kept_with_the_dataset():
    parent = make_dataset(seed=5)
    screened = screen(synthetic_digits(1))
    dataset = add_dataset(
        screened.digits,
        name="Child",
        kind=Dataset.Kind.MIXED,
        source="a test",
        parents=[parent],
        report={"leaks": screened.report},
    )
    dataset.refresh_from_db()
    assert dataset.report["leaks"]["checked"][1]["dataset"] == parent.pk
    assert list(dataset.parents.all()) == [parent]
