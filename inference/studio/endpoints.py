"""What the studio's page and `gradio_client` may call.

Every function is stateless: the drawing comes with each call, the person from the gate.
A DrawingError or a missing model reaches the caller as Gradio's error, with the sentence in
`error` and the stable code in `title`.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any

import gradio as gr
import numpy as np
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.database_threads import in_database_thread
from inference.models import Drawing
from inference.predictor import NoProductionModel, Prediction, predictor
from inference.services.drawings import submit_drawing
from training.ml.preprocess import CONTRACT_ID, DrawingError, picture_to_image, strokes_to_image

SURE_FROM = 0.6
"""Below this confidence the answer is given as two candidates rather than as one digit."""


def _said_to_people(endpoint: Callable[..., Coroutine]) -> Callable[..., Coroutine]:
    """Turn the errors that people can act on into answers; all others stay Gradio's 500."""

    @wraps(endpoint)
    async def wrapped(*args: Any) -> dict:
        try:
            return await endpoint(*args)
        except DrawingError as error:
            raise gr.Error(str(error), title=error.code, print_exception=False) from error
        except NoProductionModel as error:
            raise gr.Error(str(error), title="no_model", print_exception=False) from error

    return wrapped


@_said_to_people
async def status() -> dict:
    """Which model answers now: {"model": "v3"}. Fails with `no_model` while none does."""
    model, _ = await _read(np.zeros((28, 28), np.uint8))
    return {"model": str(model.model_version), "contract": CONTRACT_ID}


@_said_to_people
async def predict(strokes: list[list[list[float]]]) -> dict:
    """Read a drawing: a list of strokes, each a list of points [x, y] or [x, y, milliseconds], in
    0..1 with y down. Answers label, confidence, ten probabilities, whether the model is sure, its
    two candidates, the 28x28 image the model saw, the model version and milliseconds."""
    return _answer(*await _read(strokes_to_image(strokes)))


@_said_to_people
async def predict_picture(picture: str) -> dict:
    """Read a picture of one digit: a PNG or JPEG file in base64, with or without a data: prefix.
    Answers as `predict` does."""
    image = await in_database_thread(partial(picture_to_image, _decode(picture)))
    return _answer(*await _read(image))


@_said_to_people
async def submit(strokes: list[list[list[float]]], label: int, request: gr.Request) -> dict:
    """Store a drawing with the digit (0-9) that its author says it is. Answers its number, its
    address, what the model read and the label."""
    return await _submit(request, label, strokes=strokes)


@_said_to_people
async def submit_picture(picture: str, label: int, request: gr.Request) -> dict:
    """Store what the model sees of a picture (as in `predict_picture`) with its digit (0-9)."""
    return await _submit(request, label, picture=_decode(picture))


async def _submit(request: gr.Request, label: int, **drawn) -> dict:
    drawing: Drawing = await in_database_thread(
        lambda: submit_drawing(
            author=User.objects.get(username=request.username), label=label, **drawn
        )
    )
    return {
        "drawing": drawing.pk,
        "url": reverse("drawing", args=[drawing.pk]),
        "label": drawing.label,
        "predicted_label": drawing.predicted_label,
        "confidence": drawing.confidence,
        "model": str(drawing.model),
    }


def _decode(picture: str) -> bytes:
    if not isinstance(picture, str):
        raise DrawingError("malformed", "A picture is a PNG or JPEG file in base64.")
    try:
        return base64.b64decode(picture.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise DrawingError("malformed", "A picture is a PNG or JPEG file in base64.") from None


async def _read(image: np.ndarray) -> tuple[Prediction, np.ndarray]:
    return await predictor.apredict_images(image[None]), image


def _answer(prediction: Prediction, image: np.ndarray) -> dict:
    probabilities = [round(float(p), 5) for p in prediction.probabilities[0]]
    best, second = (int(digit) for digit in np.argsort(-prediction.probabilities[0])[:2])
    return {
        "label": best,
        "confidence": probabilities[best],
        "probabilities": probabilities,
        "sure": probabilities[best] >= SURE_FROM,
        "candidates": [best, second],
        "image": image.tolist(),
        "model": str(prediction.model_version),
        "milliseconds": round(prediction.milliseconds, 3),
    }


ENDPOINTS = {
    "predict": predict,
    "predict_picture": predict_picture,
    "submit": submit,
    "submit_picture": submit_picture,
    "status": status,
}
