"""A map of errors: misread images among right ones, near each other where the network is alike."""

from dataclasses import dataclass

import numpy as np

MISREAD_MOST = 1_000
RIGHT_MOST = 1_000
_SEED = 0


@dataclass(frozen=True)
class ErrorMap:
    """Where images lie on the plane. indices: (K,) in the split; places: (K, 2) in -1..1."""

    indices: np.ndarray
    places: np.ndarray


def error_map(features: np.ndarray, wrong: np.ndarray, confidence: np.ndarray) -> ErrorMap:
    """The most confident misread images and right ones spread over the split, by t-SNE.

    features: (N, D) float32, wrong: (N,) bool, confidence: (N,). The same input gives the same map.
    """
    misread = np.flatnonzero(wrong)
    misread = misread[np.argsort(-confidence[misread], kind="stable")][:MISREAD_MOST]
    right = np.flatnonzero(~wrong)
    if len(right) > RIGHT_MOST:
        right = right[np.linspace(0, len(right) - 1, RIGHT_MOST).astype(int)]
    indices = np.sort(np.concatenate([misread, right]))
    return ErrorMap(indices, _plane(features[indices]))


def _plane(points: np.ndarray) -> np.ndarray:
    """(K, 2) float64 within -1..1."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(points) < 5 or not np.ptp(points, axis=0).any():
        places = np.zeros((len(points), 2))
        places[:, 0] = np.linspace(-1, 1, len(points)) if len(points) > 1 else 0
        return places
    dimensions = min(32, *points.shape)
    points = PCA(dimensions, random_state=_SEED).fit_transform(points)
    tsne = TSNE(
        2,
        init="random" if dimensions < 2 else "pca",
        perplexity=min(30, (len(points) - 1) / 3),
        random_state=_SEED,
        max_iter=500,
    )
    # Its threads wait for each other thousands of times: on a busy machine, for most of the time.
    with threadpool_limits(1):
        places = tsne.fit_transform(points)
    places = places - places.mean(axis=0)
    return places / max(float(np.abs(places).max()), 1e-12)
