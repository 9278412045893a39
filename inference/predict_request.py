"""From the body of a predict call to images, with errors that name the item."""

import base64
import binascii
from typing import Any

import numpy as np
import orjson

from digitsite.accounts.api_access import ApiError
from training.ml.preprocess import DrawingError, picture_to_image, strokes_to_image

BATCH_MAX = 512
PIXELS = 28 * 28
KINDS = ("strokes", "image", "picture")


def parse(body: bytes) -> tuple[np.ndarray, bool]:
    """(images (N, 28, 28) uint8, whether the caller wants to see them). Raises ApiError.

    The body is one item, or `{"batch": [items]}`, or `{"images": base64 of N * 784 bytes}`; an item
    has `strokes`, `image` or `picture`.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "bad_json", f"The body is not JSON: {error}.") from error
    if not isinstance(given, dict):
        raise ApiError(422, "invalid", "The body is a JSON object.")
    show = given.pop("with_image", False)
    if not isinstance(show, bool):
        raise ApiError(422, "invalid", "with_image is true or false.", field="with_image")
    if given.keys() == {"images"}:
        return _raw(given["images"]), show
    if given.keys() != {"batch"}:
        return _image(given, "")[None], show
    items = given["batch"]
    if not isinstance(items, list):
        raise ApiError(422, "invalid", "batch is a list of items.", field="batch")
    _check_count(len(items))
    return np.stack([_image(item, f"batch.{i}") for i, item in enumerate(items)]), show


def _check_count(count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise ApiError(
            422,
            "batch_size",
            f"A batch has 1 to {BATCH_MAX} items, got {count}.",
            maximum=BATCH_MAX,
        )


def _raw(text: Any) -> np.ndarray:
    content = base64_bytes(text, "images")
    if len(content) % PIXELS:
        raise ApiError(
            422,
            "invalid",
            f"images: expected a multiple of {PIXELS} bytes, got {len(content)}.",
            field="images",
        )
    _check_count(len(content) // PIXELS)
    return np.frombuffer(content, np.uint8).reshape(-1, 28, 28)


def _image(item: Any, field: str) -> np.ndarray:
    """(28, 28) uint8."""
    kinds = [kind for kind in KINDS if isinstance(item, dict) and kind in item]
    if len(kinds) != 1 or len(item) != 1:
        raise ApiError(
            422,
            "invalid",
            f"{field or 'The body'}: give exactly one of {', '.join(KINDS)}.",
            field=field,
        )
    kind = kinds[0]
    place = f"{field}.{kind}" if field else kind
    try:
        if kind == "strokes":
            return strokes_to_image(item[kind])
        if kind == "picture":
            return picture_to_image(base64_bytes(item[kind], place))
    except DrawingError as error:
        raise ApiError(422, f"drawing_{error.code}", f"{place}: {error}", field=place) from error
    return _array(item[kind], place)


def _array(rows: Any, place: str) -> np.ndarray:
    """As MNIST has it: 28 rows of 28 whole numbers, white ink (255) on black (0)."""
    try:
        array = np.array(rows)
    except (ValueError, TypeError, OverflowError):
        array = np.empty(0)
    if array.shape != (28, 28) or array.dtype.kind not in "iu":
        raise ApiError(
            422,
            "invalid",
            f"{place}: expected 28 rows of 28 whole numbers, got shape {array.shape}.",
            field=place,
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise ApiError(
            422,
            "invalid",
            f"{place}: pixels are 0 to 255, got {low} to {high}.",
            field=place,
        )
    return array.astype(np.uint8)


def base64_bytes(text: Any, place: str) -> bytes:
    """The decoded content of the field called `place`. Raises ApiError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ApiError(422, "invalid", f"{place}: expected base64.", field=place) from None
