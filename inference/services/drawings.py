"""Keeps what people draw, with what the model saw and said."""

import hashlib
from collections.abc import Sequence

import numpy as np
from django.db import transaction

from digitsite.accounts.models import User
from inference.models import Drawing, ShareLink
from inference.predictor import Prediction, predictor
from inference.services.share_links import count_drawing
from training.ml.preprocess import CONTRACT_ID, DrawingError, picture_to_image, strokes_to_image

HOLDOUT_ONE_IN = 3
DECIMALS = 4
"""Digits kept of a coordinate: a ten-thousandth of the canvas is finer than any screen."""

Strokes = Sequence[Sequence[Sequence[float]]]


def submit_drawing(
    *,
    author: User | ShareLink,
    label: int,
    strokes: Strokes | None = None,
    picture: bytes | None = None,
    device: str = Drawing.Device.UNKNOWN,
) -> Drawing:
    """Read the drawing once more, with the model of this moment, and store all of it.

    `author` is a person, or the share link by which somebody without an account came. Either
    `strokes` ([[x, y] or [x, y, milliseconds], ...] each, 0..1, y down) or `picture` (a PNG or JPEG
    file) is given; `label` is what its author says it is, 0..9; `device` is a Drawing.Device.
    Raises DrawingError (with a stable `code`), NoProductionModel, and LinkOver for a share link
    that takes no more.
    """
    if device not in Drawing.Device.values:
        known = ", ".join(Drawing.Device.values)
        raise DrawingError("device", f"The device is one of {known}, got {str(device)[:40]!r}.")
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label <= 9:
        raise DrawingError("label", f"The label is a digit from 0 to 9, got {label!r}.")
    if (strokes is None) == (picture is None):
        raise DrawingError("malformed", "Give either strokes or a picture.")
    image = strokes_to_image(strokes) if picture is None else picture_to_image(picture)
    prediction = predictor.predict_images(image[None])
    return _store(author, label, strokes, image, prediction, device)


def _store(
    author: User | ShareLink,
    label: int,
    strokes: Strokes | None,
    image: np.ndarray,
    prediction: Prediction,
    device: str,
) -> Drawing:
    link = author if isinstance(author, ShareLink) else None
    row = Drawing(
        author=None if link else author,
        share_link=link,
        device=device,
        origin=Drawing.Origin.UPLOAD if strokes is None else Drawing.Origin.PEN,
        strokes=_rounded(strokes or []),
        image=image.tobytes(),
        contract_id=CONTRACT_ID,
        model=prediction.model_version,
        probabilities=[round(float(p), 6) for p in prediction.probabilities[0]],
        predicted_label=int(prediction.labels[0]),
        confidence=float(prediction.confidences[0]),
        margin=Drawing.margin_of(prediction.probabilities[0]),
        latency_ms=prediction.milliseconds,
        label=label,
        fold=fold_of(author),
    )
    with transaction.atomic():
        if link:
            count_drawing(link)
        row.save(force_insert=True)
    return row


def fold_of(author: User | ShareLink) -> str:
    """Pool or holdout: the same for a person for ever, so that no hand is on both sides. Nobody
    knows who drew by a share link, so all of its drawings go to one side."""
    who = f"link {author.pk}" if isinstance(author, ShareLink) else str(author.pk)
    digest = hashlib.sha256(f"digitsite fold 1: {who}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big")
    return Drawing.Fold.HOLDOUT if drawn % HOLDOUT_ONE_IN == 0 else Drawing.Fold.POOL


def _rounded(strokes: Strokes) -> list[list[list[float]]]:
    """Points as [x, y] or [x, y, milliseconds]; whatever follows (pressure) is kept too."""
    return [
        [
            [round(float(p[0]), DECIMALS), round(float(p[1]), DECIMALS), *map(_tidy, p[2:4])]
            for p in stroke
        ]
        for stroke in strokes
        if len(stroke)
    ]


def _tidy(value: object) -> float:
    """Time or pressure as a finite number; anything else, which no reader uses, as 0."""
    number = float(value) if isinstance(value, (int, float)) else 0.0
    return round(number, DECIMALS) if abs(number) < 1e12 else 0.0
