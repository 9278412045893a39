"""How suspicious labels are, by confident learning (Northcutt, Jiang and Chuang, 2021).

The scores are those of the library cleanlab. They need probabilities that a model gave for images
it did not learn from.
"""

import numpy as np


def label_quality(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(N,) float64 in 0..1: self-confidence, the lower the more suspicious the label.

    labels: (N,) in 0..9; probabilities: (N, 10).
    """
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(
        labels.astype(int), probabilities.astype(np.float64), method="self_confidence"
    )


def suspicious(quality: np.ndarray, limit: int) -> np.ndarray:
    """Positions of the `limit` most suspicious labels, the most suspicious first."""
    return np.argsort(quality, kind="stable")[:limit]
