"""One item of the review queue as its page shows it, whatever it is."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse

from inference.drawing_pictures import digit_data_uri
from inference.models import Drawing
from training.dataset_pictures import NoSuchImage, images
from training.models import Misclassification
from training.services.datasets import DatasetUnreadable, load_digits


@dataclass(frozen=True)
class Item:
    field: str  # name of the form field that carries its number: "drawing" or "image"
    pk: int
    name: str
    source: str  # who says `label`
    label: int
    predicted_label: int
    confidence: float
    model: str
    probabilities: list[float] | None
    picture: str | None = None  # data URI of the 28 x 28 image; None if it cannot be read
    drawing: Drawing | None = None
    evaluation: int | None = None

    @property
    def differs(self) -> bool:
        return self.label != self.predicted_label

    @property
    def url(self) -> str:
        """The page that tells more about it."""
        if self.drawing is not None:
            return reverse("drawing", args=[self.pk])
        return reverse("evaluation", args=[self.evaluation])


def is_blind() -> bool:
    """With a second opinion required, nobody is told who drew it or what others say."""
    return settings.REVIEWS_REQUIRED > 1


def item_of(subject: Drawing | Misclassification | None, *, blind: bool) -> Item | None:
    if subject is None:
        return None
    return _drawing(subject, blind) if isinstance(subject, Drawing) else _image(subject)


def _drawing(drawing: Drawing, blind: bool) -> Item:
    return Item(
        field="drawing",
        pk=drawing.pk,
        name=f"Drawing {drawing.pk}",
        source="The author" if blind else _source(drawing),
        label=drawing.label,
        predicted_label=drawing.predicted_label,
        confidence=drawing.confidence,
        model=str(drawing.model),
        probabilities=drawing.probabilities,
        picture=digit_data_uri(drawing.image),
        drawing=drawing,
    )


def _source(drawing: Drawing) -> str:
    name = drawing.drawn_by
    return name[0].upper() + name[1:] if drawing.share_link_id else name


def _image(row: Misclassification) -> Item:
    evaluation = row.evaluation
    version = getattr(evaluation.run, "model_version", None)
    try:
        pixels = images(load_digits(evaluation.dataset), evaluation.split)[row.index]
        picture = digit_data_uri(pixels.tobytes())
    except (DatasetUnreadable, NoSuchImage, IndexError):
        picture = None
    return Item(
        field="image",
        pk=row.pk,
        name=f"{evaluation.split.capitalize()} image {row.index}",
        source=evaluation.dataset.name,
        label=row.true_label,
        predicted_label=row.predicted_label,
        confidence=row.confidence,
        model=str(version or f"of run {evaluation.run_id}"),
        probabilities=_probabilities(evaluation.probabilities.name, row.index),
        picture=picture,
        evaluation=evaluation.pk,
    )


def _probabilities(name: str, index: int) -> list[float] | None:
    """What the model said of one image; None if the file of the evaluation is gone."""
    try:
        return _loaded(name)[index].tolist()
    except (OSError, ValueError, IndexError):
        return None


@lru_cache(maxsize=4)  # the file of a name never changes
def _loaded(name: str) -> np.ndarray:
    """(N, 10) float32."""
    with default_storage.open(name, "rb") as file:
        return np.load(file, allow_pickle=False)
