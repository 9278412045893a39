"""The one contract from pen or picture to the 28x28 image a model sees.

Everything that shows a digit to a model (studio, API, uploads, datasets of drawings, evaluation)
goes through here, and stores `CONTRACT_ID` with what it made.
"""

from __future__ import annotations

from training.ml.ink import BOX, CENTRE, EDGE, PEN, SIDE, DrawingError
from training.ml.pictures import picture_to_image
from training.ml.split import MAX_DIGITS, Piece, split_picture, split_strokes
from training.ml.strokes import strokes_to_image

CONTRACT_ID = "digitsite-ink-1"
"""Changes whenever the same drawing would give another picture."""

__all__ = [
    "BOX",
    "CENTRE",
    "CONTRACT_ID",
    "EDGE",
    "MAX_DIGITS",
    "PEN",
    "SIDE",
    "DrawingError",
    "Piece",
    "picture_to_image",
    "split_picture",
    "split_strokes",
    "strokes_to_image",
]
