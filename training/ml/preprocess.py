"""The one contract from pen or picture to the 28x28 image a model sees.

Everything that shows a digit to a model (studio, API, uploads, datasets of drawings, evaluation)
goes through here, and stores `CONTRACT_ID` with what it made.
"""

from __future__ import annotations

from training.ml.ink import BOX, CENTRE, EDGE, PEN, SIDE, DrawingError
from training.ml.pictures import picture_to_image
from training.ml.strokes import strokes_to_image, strokes_to_views

CONTRACT_ID = "digitsite-ink-1"
"""Changes whenever the same drawing would give another picture."""

__all__ = [
    "BOX",
    "CENTRE",
    "CONTRACT_ID",
    "EDGE",
    "PEN",
    "SIDE",
    "DrawingError",
    "picture_to_image",
    "strokes_to_image",
    "strokes_to_views",
]
