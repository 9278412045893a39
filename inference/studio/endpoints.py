"""What the studio's page and `gradio_client` may call.

Every function is stateless: the drawing comes with each call, the person from the gate.
A DrawingError or a missing model reaches the caller as Gradio's error, with the sentence in
`error` and the stable code in `title`.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import gradio as gr
import numpy as np
from django.urls import reverse

from digitsite.accounts.limits import pictures, submissions
from digitsite.accounts.models import User
from digitsite.accounts.rate import TooOften
from digitsite.database_threads import in_database_thread
from inference.answers import DECIMALS, answers
from inference.looks import Look, look_at_picture, look_at_strokes
from inference.models import Drawing
from inference.predictor import NoProductionModel, Prediction, predictor
from inference.replay import changes, growth
from inference.services.drawings import submit_drawing
from inference.services.share_links import LinkOver, link_of_visitor
from training.ml.occlusion import cover
from training.ml.occlusion import explain as explain_answer
from training.ml.preprocess import CONTRACT_ID, DrawingError


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
        except TooOften as error:
            raise gr.Error(str(error), title="too_often", print_exception=False) from error
        except LinkOver as error:
            code = f"link_{error.reason}"
            raise gr.Error(str(error), title=code, print_exception=False) from error

    return wrapped


@_said_to_people
async def status() -> dict:
    """Which model answers now: {"model": "v3"}. Fails with `no_model` while none does."""
    prediction = await predictor.apredict_images(np.zeros((1, 28, 28), np.uint8))
    return {"model": str(prediction.model_version), "contract": CONTRACT_ID}


@_said_to_people
async def predict(strokes: list[list[list[float]]]) -> dict:
    """Read a drawing: a list of strokes, each a list of points [x, y], [x, y, milliseconds] or
    [x, y, milliseconds, pressure], in 0..1 with y down. Answers label, confidence, ten
    probabilities, whether the model is sure, its two candidates, the 28x28 image the model saw, the
    model version and milliseconds; for several digits side by side also, in `digits`, the same for
    each of them, left to right."""
    return await _read(look_at_strokes(strokes))


@_said_to_people
async def predict_picture(picture: str, request: gr.Request) -> dict:
    """Read a picture of a digit, or of several side by side: a PNG or JPEG file in base64, with or
    without a data: prefix. Answers as `predict` does."""
    pictures.take(request.username)
    content = _decode(picture)
    return await _read(await asyncio.to_thread(look_at_picture, content))


@_said_to_people
async def replay(strokes: list[list[list[float]]]) -> dict:
    """Which stroke did it: the answers to up to 40 stages of a drawing as it grew. Each of `steps`
    answers as `predict` does and says how many `points` of the drawing it has and what share of the
    `ink`; `changes` are the indices of the steps that read another digit than the step before."""
    grown = await asyncio.to_thread(growth, strokes)
    prediction = await predictor.apredict_images(grown.images)
    steps = answers(prediction.probabilities, grown.images)
    for step, points, share in zip(steps, grown.points, grown.shares, strict=True):
        step |= {"points": points, "ink": round(share, DECIMALS)}
    return {"steps": steps, "changes": changes(prediction.labels), **_about(prediction)}


@_said_to_people
async def explain(image: list[list[int]]) -> dict:
    """Why: which parts of the 28x28 image that the model saw (0..255) its answer rests on. `heat`
    has 28 rows of 28 numbers in -1..1, above 0 where covering makes the answer less likely;
    `sentence` says what covering the most important part does."""
    covering = cover(_seen(image))
    prediction = await predictor.apredict_images(covering.images)
    found = explain_answer(covering, prediction.probabilities)
    return {
        "label": found.answer,
        "heat": found.heat.round(2).tolist(),
        "place": found.place,
        "covered": {"label": found.label, "confidence": round(found.confidence, DECIMALS)},
        "sentence": found.sentence,
        **_about(prediction),
    }


@_said_to_people
async def submit(strokes: list[list[list[float]]], label: int, request: gr.Request) -> dict:
    """Store a drawing with the digit (0-9) that its author says it is. Answers its number, its
    address (null for a visitor, who cannot see it later), what the model read and the label."""
    return await _submit(request, label, strokes=strokes)


@_said_to_people
async def submit_picture(picture: str, label: int, request: gr.Request) -> dict:
    """Store what the model sees of a picture (as in `predict_picture`) with its digit (0-9)."""
    pictures.take(request.username)
    return await _submit(request, label, picture=_decode(picture))


DEVICE_HEADER = "x-digitsite-device"
"""The studio's page says here what a drawing was made with; programs send no such header."""


async def _submit(request: gr.Request, label: int, **drawn) -> dict:
    device = request.headers.get(DEVICE_HEADER, Drawing.Device.PROGRAM)

    def store() -> Drawing:
        author = link_of_visitor(request.username)  # whose submissions the gate counts
        if author is None:
            author = User.objects.get(username=request.username)
            submissions.take(author.pk)
        return submit_drawing(author=author, label=label, device=device, **drawn)

    drawing = await in_database_thread(store)
    return {
        "drawing": drawing.pk,
        "url": drawing.author_id and reverse("drawing", args=[drawing.pk]),
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


def _seen(image: Any) -> np.ndarray:
    try:
        array = np.array(image)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0)
    if array.shape != (28, 28) or array.dtype.kind not in "iu":
        raise DrawingError("malformed", "An image is 28 rows of 28 whole numbers, 0 to 255.")
    if array.min() < 0 or array.max() > 255:
        raise DrawingError("out_of_range", "The numbers of an image are 0 to 255.")
    if not array.any():
        raise DrawingError("empty", "There is nothing in this image yet.")
    return array.astype(np.uint8)


async def _read(look: Look) -> dict:
    prediction = await predictor.apredict_images(look.images)
    return {**look.told(prediction.probabilities), **_about(prediction)}


def _about(prediction: Prediction) -> dict:
    return {
        "model": str(prediction.model_version),
        "milliseconds": round(prediction.milliseconds, 3),
    }


ENDPOINTS = {
    "predict": predict,
    "predict_picture": predict_picture,
    "replay": replay,
    "explain": explain,
    "submit": submit,
    "submit_picture": submit_picture,
    "status": status,
}
