"""How an answer of the model is told to programs and to the studio, in plain values."""

from typing import Any

import numpy as np

SURE_FROM = 0.6
"""Below this confidence the answer is given as two candidates rather than as one digit."""

DECIMALS = 5


def answers(probabilities: np.ndarray, images: np.ndarray | None = None) -> list[dict[str, Any]]:
    """One dict for each row of `probabilities` (N, 10): label, confidence, probabilities, whether
    the model is sure, its two candidates; with `images` (N, 28, 28) uint8 also what it saw."""
    rounded = np.round(probabilities.astype(np.float64), DECIMALS)
    two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2].tolist()
    rows = rounded.tolist()
    found = [
        {
            "label": best,
            "confidence": row[best],
            "probabilities": row,
            "sure": row[best] >= SURE_FROM,
            "candidates": [best, second],
        }
        for row, (best, second) in zip(rows, two, strict=True)
    ]
    if images is not None:
        for answer, image in zip(found, images, strict=True):
            answer["image"] = image.tolist()
    return found
