"""One call of predict, from the bytes of the request to those of the answer."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import orjson

from digitsite.accounts.limits import pictures, predictions
from inference import predict_request
from inference.answers import answers
from inference.predictor import predictor
from training.ml.preprocess import CONTRACT_ID

READ_INLINE_BYTES = 16 * 1024
"""A larger body, or a picture, takes milliseconds to read, in which others could be answered."""

_readers = ThreadPoolExecutor(2, thread_name_prefix="reading")
"""Few, since one reads while another decodes, and more would only keep the loop from its turn."""


async def predict_call(body: bytes, caller: int) -> bytes:
    """JSON to JSON, as `POST /api/v1/predict` documents it; `caller` is the primary key of the
    person whose rates it counts towards. Raises ApiError, NoProductionModel and TooOften."""
    began = time.perf_counter()
    predictions.take(caller)
    has_picture = b'"picture"' in body
    if has_picture:
        pictures.take(caller)
    if len(body) > READ_INLINE_BYTES or has_picture:
        loop = asyncio.get_running_loop()
        images, show = await loop.run_in_executor(_readers, predict_request.parse, body)
    else:
        images, show = predict_request.parse(body)
    prediction = await predictor.apredict_images(images)
    return orjson.dumps(
        {
            "model": str(prediction.model_version),
            "contract": CONTRACT_ID,
            "milliseconds": round((time.perf_counter() - began) * 1000, 3),
            "predictions": answers(prediction.probabilities, images if show else None),
        }
    )
