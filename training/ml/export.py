"""A trained model as files for Keras, for HDF5 readers and for ONNX, with proof that they agree."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.ml.digits import Digits

BATCH = 500
PROOF_IMAGES = 10_000


@dataclass(frozen=True)
class ExportedFile:
    """A file on disk, its SHA-256 in hex and its size in bytes."""

    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ExportProof:
    """How each file, read back, agrees with the model in memory on the whole test split.

    Without a test split, on training images. images: how many were compared. *_label_agreement:
    share of images with the same answer. *_max_abs_dp: the largest difference of any probability.
    """

    images: int
    keras_label_agreement: float
    keras_max_abs_dp: float
    h5_label_agreement: float
    h5_max_abs_dp: float
    onnx_label_agreement: float
    onnx_max_abs_dp: float


@dataclass(frozen=True)
class Export:
    """The files by kind (keras, h5, onnx), the proof, and the ONNX file's probabilities (N, 10)."""

    files: dict[str, ExportedFile]
    proof: ExportProof
    probabilities: np.ndarray


def export(model, digits: Digits, directory: Path) -> Export:
    """Write model.keras, model.h5 and model.onnx, read each back and compare.

    The .h5 file is read back here, right after it was written, and nowhere else.
    """
    import keras

    from training.ml.onnx_graph import to_onnx

    directory.mkdir(parents=True, exist_ok=True)
    paths = {kind: directory / f"model.{kind}" for kind in ("keras", "h5", "onnx")}
    model.save(paths["keras"])
    _save_h5(model, paths["h5"])
    graph = to_onnx(model, {"dataset_sha256": digits.digest})
    paths["onnx"].write_bytes(graph.SerializeToString(deterministic=True))

    images = digits.test_images if len(digits.test_images) else digits.train_images[:PROOF_IMAGES]
    truth = keras_probabilities(model, images)
    readers = {
        "keras": lambda: keras_probabilities(keras.saving.load_model(paths["keras"]), images),
        "h5": lambda: keras_probabilities(
            keras.saving.load_model(paths["h5"], compile=False), images
        ),
        "onnx": lambda: onnx_probabilities(paths["onnx"], images),
    }
    proof: dict[str, float] = {}
    for kind, read in readers.items():
        got = read()
        proof[f"{kind}_label_agreement"] = float((got.argmax(1) == truth.argmax(1)).mean())
        proof[f"{kind}_max_abs_dp"] = float(np.abs(got - truth).max())
    files = {kind: _described(path) for kind, path in paths.items()}
    return Export(files, ExportProof(images=len(images), **proof), got)


def keras_probabilities(model, images: np.ndarray) -> np.ndarray:
    """(N, 10) float32 of a Keras model for images (N, 28, 28) uint8."""
    parts = [
        np.asarray(model(images[i : i + BATCH], training=False))
        for i in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts)


def onnx_probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    """(N, 10) float32 of an ONNX file for images (N, 28, 28) uint8, without TensorFlow."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = [
        session.run(["probabilities"], {"images": images[i : i + BATCH]})[0]
        for i in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts)


def _save_h5(model, path: Path) -> None:
    """Keras calls HDF5 a legacy format, in a warning; some readers know no other."""
    import logging

    absl = logging.getLogger("absl")
    before = absl.level
    absl.setLevel(logging.ERROR)
    try:
        model.save(path)
    finally:
        absl.setLevel(before)


def _described(path: Path) -> ExportedFile:
    content = path.read_bytes()
    return ExportedFile(path, hashlib.sha256(content).hexdigest(), len(content))
