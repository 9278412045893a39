import numpy as np
import pytest

from tests.factories import make_dataset
from tests.training.ml.synthetic import synthetic_digits
from training import storage
from training.ml.data import MnistUnavailable
from training.models import Dataset
from training.services import datasets
from training.services.datasets import DatasetUnreadable, import_mnist, load_digits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_in_memory():
    datasets._load.cache_clear()
    yield
    datasets._load.cache_clear()


def test_the_row_describes_the_content():
    digits = synthetic_digits(3)
    dataset = make_dataset(3)

    assert dataset.digest == digits.digest
    assert dataset.class_counts["train"] == np.bincount(digits.train_labels, minlength=10).tolist()
    assert (dataset.train_count, dataset.test_count) == (256, 64)
    assert dataset.file.name == f"datasets/{digits.digest}.npz"


def test_the_same_content_is_stored_once():
    assert make_dataset(3) == make_dataset(3)
    assert len(storage.names_in("datasets")) == 1


def test_other_content_under_a_name_is_its_next_version():
    assert [make_dataset(seed).version for seed in (1, 2, 3)] == [1, 2, 3]


def test_the_content_comes_back_and_stays_in_memory():
    dataset = make_dataset(3)
    digits = load_digits(dataset)

    assert digits.digest == dataset.digest
    assert load_digits(dataset) is digits


def test_a_lost_file_has_a_clear_error():
    dataset = make_dataset(3)
    storage.delete([dataset.file.name])

    with pytest.raises(DatasetUnreadable, match="cannot be read"):
        load_digits(dataset)


def test_a_changed_file_is_refused():
    dataset = make_dataset(3)
    other = make_dataset(4)
    storage.store(dataset.file.name, storage.Path(storage.default_storage.path(other.file.name)))

    with pytest.raises(DatasetUnreadable, match="digest"):
        load_digits(dataset)


def test_mnist_is_imported_once(monkeypatch):
    calls = []

    def load_mnist(path, *, cache_dir):
        calls.append(path)
        return synthetic_digits(9), "a test"

    monkeypatch.setattr(datasets, "load_mnist", load_mnist)
    first, second = import_mnist(), import_mnist()

    assert first == second
    assert (first.kind, first.source, first.version) == (Dataset.Kind.MNIST, "a test", 1)
    assert calls == [None]


def test_mnist_whose_file_is_gone_is_fetched_again(monkeypatch):
    monkeypatch.setattr(
        datasets, "load_mnist", lambda path, cache_dir: (synthetic_digits(9), "a test")
    )
    dataset = import_mnist()
    storage.delete([dataset.file.name])

    assert import_mnist() == dataset
    assert load_digits(dataset).digest == dataset.digest


def test_no_row_is_made_when_mnist_is_not_to_be_had(monkeypatch):
    def load_mnist(path, *, cache_dir):
        raise MnistUnavailable("No.")

    monkeypatch.setattr(datasets, "load_mnist", load_mnist)
    with pytest.raises(MnistUnavailable):
        import_mnist()

    assert not Dataset.objects.exists()
