"""What a model of today sees of a drawing that may have been made under an older contract."""

import numpy as np

from training.ml.preprocess import CONTRACT_ID, DrawingError, strokes_to_image


class Undrawable(ValueError):
    """Its strokes cannot be drawn under the contract of today. The message says why."""


def image_now(contract_id: str, image: bytes, strokes: list) -> np.ndarray:
    """(28, 28) uint8: the stored image, drawn anew from the strokes if its contract is older.

    Of an uploaded picture only its image is kept, so that one stays as it is. Raises Undrawable.
    """
    if is_current(contract_id, strokes):
        return np.frombuffer(bytes(image), np.uint8).reshape(28, 28)
    try:
        return strokes_to_image(strokes)
    except DrawingError as error:
        raise Undrawable(str(error)) from error


def is_current(contract_id: str, strokes: list) -> bool:
    """Whether the stored image stays as it is."""
    return contract_id == CONTRACT_ID or not strokes
