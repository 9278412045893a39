"""What the page of one image of an evaluation shows."""

import base64
import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from training.confusion import stored_probabilities
from training.dataset_pictures import NoSuchImage
from training.ml.occlusion import Explanation, cover, explain
from training.models import Evaluation, Misclassification
from training.services.datasets import load_digits
from training.stored_model import StoredModel

FOR, AGAINST = (255, 122, 24), (40, 132, 255)
_MOST_OPAQUE = 220


@dataclass(frozen=True)
class Bar:
    """One digit's probability, as templates draw it."""

    digit: int
    share: str
    percent: float
    top: bool


@dataclass(frozen=True)
class Reading:
    """One image of the split: its label and what the model said.

    previous, following: indices of the misread images around it, None at the ends.
    """

    index: int
    label: int
    read: int
    confidence: float
    bars: list[Bar]
    mistake: Misclassification | None
    previous: int | None
    following: int | None

    @property
    def right(self) -> bool:
        return self.label == self.read


def reading(evaluation: Evaluation, index: int) -> Reading:
    """Raises NoSuchImage, and LookupError where the probabilities are gone."""
    if index >= evaluation.count:
        raise NoSuchImage(f"The split has images 0 to {evaluation.count - 1}, not {index}.")
    stored = stored_probabilities(evaluation)
    if stored is None or index >= len(stored):
        raise LookupError("The stored probabilities of this evaluation cannot be read.")
    probabilities = stored[index]
    read = int(probabilities.argmax())
    mistake = evaluation.misclassifications.filter(index=index).first()
    around = evaluation.misclassifications.order_by("index").values_list("index", flat=True)
    return Reading(
        index=index,
        label=mistake.true_label if mistake else read,
        read=mistake.predicted_label if mistake else read,
        confidence=float(probabilities[read]),
        bars=[
            Bar(digit, f"{share:.4f}", float(share), digit == read)
            for digit, share in enumerate(probabilities)
        ],
        mistake=mistake,
        previous=around.filter(index__lt=index).last(),
        following=around.filter(index__gt=index).first(),
    )


@dataclass(frozen=True)
class Why:
    """What the answer rests on. heat: a PNG to lay over the image, as a data URI."""

    explanation: Explanation
    heat: str


def why(evaluation: Evaluation, index: int) -> Why | None:
    """The map of occlusion of one image, None for an image without ink: some 150 answers.

    Raises training.services.datasets.DatasetUnreadable, ValueError for a model file that was
    changed and OSError for one that is gone.
    """
    image = getattr(load_digits(evaluation.dataset), f"{evaluation.split}_images")[index]
    covering = cover(image)
    if not len(covering.corners):
        return None
    artifact = evaluation.run.artifacts["onnx"]
    model = _model(artifact["name"], artifact["sha256"])
    found = explain(covering, model.probabilities(covering.images))
    return Why(found, _heat_uri(found.heat))


@lru_cache(maxsize=2)
def _model(name: str, sha256: str) -> StoredModel:
    return StoredModel({"name": name, "sha256": sha256})


def _heat_uri(heat: np.ndarray) -> str:
    """Orange where covering costs the answer, blue where it helps; clear at 0, as in the studio."""
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[..., :3] = np.where(heat[..., None] > 0, FOR, AGAINST)
    pixels[..., 3] = np.rint(np.abs(heat) ** 0.8 * _MOST_OPAQUE)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
