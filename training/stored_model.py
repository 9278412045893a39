"""A run's exported model, read from the storage and answered with ONNX Runtime."""

import hashlib
from collections.abc import Callable

import numpy as np
from django.core.files.storage import default_storage

BATCH = 500


class StoredModel:
    """The ONNX file of a run's artifacts.

    Raises ValueError if the stored file is not the one that was exported.
    """

    def __init__(self, artifact: dict) -> None:
        import onnxruntime

        with default_storage.open(artifact["name"], "rb") as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != artifact["sha256"]:
            raise ValueError(f"{artifact['name']} does not have its digest")
        self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(N, 10) float32 for (N, 28, 28) uint8 images."""
        if not len(images):
            return np.empty((0, 10), np.float32)
        return self._run("probabilities", images)

    def features(
        self, images: np.ndarray, report: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        """(N, D) float32, the penultimate layer's, for (N, 28, 28) uint8 images, N > 0.

        report: is told the share that is done.
        """
        return self._run("features", images, report)

    def _run(self, output: str, images: np.ndarray, report=lambda share: None) -> np.ndarray:
        parts = []
        for start in range(0, len(images), BATCH):
            parts += self._session.run([output], {"images": images[start : start + BATCH]})
            report(min(1.0, (start + BATCH) / len(images)))
        return np.concatenate(parts)
