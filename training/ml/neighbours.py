"""Which training images a network takes for alike: nearest in its penultimate features."""

from collections.abc import Callable

import numpy as np

DIMENSIONS = 64
_FITTED_ON = 10_000
_BLOCK = 2_000


class Reduced:
    """Features brought to at most 64 dimensions by PCA, fitted on the training images' own."""

    def __init__(self, train_features: np.ndarray) -> None:
        """train_features: (M, D) float32, M > 0."""
        from sklearn.decomposition import PCA

        step = -(-len(train_features) // _FITTED_ON)
        sample = train_features[::step]
        self._pca = None
        if train_features.shape[1] > DIMENSIONS:
            dimensions = min(DIMENSIONS, len(sample))
            self._pca = PCA(dimensions, svd_solver="randomized", random_state=0).fit(sample)
        self.train = self(train_features)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(N, <= 64) float32."""
        reduced = features if self._pca is None else self._pca.transform(features)
        return np.ascontiguousarray(reduced, dtype=np.float32)


def nearest(
    queries: np.ndarray,
    train: np.ndarray,
    count: int,
    *,
    same: bool = False,
    report: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, K) int32 of the nearest rows of `train`, nearest first, and distances.

    same: the queries are `train` itself, and nobody is their own neighbour. K is `count`, or fewer
    where there are not as many. report: is told the share that is done.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(train) - same)
    indices = np.empty((len(queries), count), np.int32)
    distances = np.empty((len(queries), count), np.float32)
    if not count:
        return indices, distances
    index = NearestNeighbors(n_neighbors=count + same, algorithm="brute").fit(train)
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        near, found = index.kneighbors(block)
        if same:
            itself = found == (start + np.arange(len(block)))[:, None]
            itself[~itself.any(axis=1), -1] = True  # crowded out by exact copies of it
            near = near[~itself].reshape(len(block), count)
            found = found[~itself].reshape(len(block), count)
        rows = slice(start, start + len(block))
        indices[rows], distances[rows] = found, near
        report(min(1.0, (start + len(block)) / len(queries)))
    return indices, distances
