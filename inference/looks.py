"""What a model is to look at: one digit, or several side by side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.answers import answers
from training.ml.preprocess import (
    DrawingError,
    Piece,
    picture_to_image,
    split_picture,
    split_strokes,
    strokes_to_image,
)

TOUCHING = "This is wider than a digit usually is: two that touch are read as one."


@dataclass(frozen=True)
class Look:
    """The drawing as one digit, and as several where it falls into pieces.

    notice: a sentence for people about what may have gone wrong, or nothing.
    """

    image: np.ndarray
    """(28, 28) uint8."""

    pieces: list[Piece] = field(default_factory=list)
    """Left to right; empty for a single digit."""

    notice: str = ""

    @property
    def images(self) -> np.ndarray:
        """(1 + pieces, 28, 28) uint8, for one batch."""
        return np.stack([self.image, *(piece.image for piece in self.pieces)])

    def told(self, probabilities: np.ndarray) -> dict[str, Any]:
        """The answer in plain values, for the `probabilities` (N, 10) of `images`.

        `digits` holds an answer for each piece, with its box and whether it is doubtful.
        """
        whole, *parts = answers(probabilities, self.images)
        for part, piece in zip(parts, self.pieces, strict=True):
            part["box"] = [round(side, 4) for side in piece.box]
            part["doubtful"] = piece.doubtful
        return {**whole, "digits": parts, "notice": self.notice}


def look_at_strokes(strokes) -> Look:
    """Raises DrawingError as `strokes_to_image` does."""
    return _look(strokes, split_strokes, strokes_to_image)


def look_at_picture(picture: bytes) -> Look:
    """Raises DrawingError as `picture_to_image` does."""
    return _look(picture, split_picture, picture_to_image)


def _look(drawn, split: Callable[..., list[Piece]], whole: Callable[..., np.ndarray]) -> Look:
    try:
        pieces = split(drawn)
    except DrawingError as error:
        if error.code != "too_many":
            raise
        return Look(whole(drawn), notice=str(error))
    if len(pieces) == 1:
        # What `whole` would give, without drawing it once more.
        return Look(pieces[0].image, notice=TOUCHING if pieces[0].doubtful else "")
    return Look(whole(drawn), pieces)
