"""Images of one set that are in another too: the same bytes, or the same picture.

**Exact** duplicates have the same 784 bytes.

**Near** duplicates are the same picture handled once more: moved, dimmed or brightened, saved as
JPEG, resampled, scaled by a few per cent. As a number: both images are centred by mass, smoothed
(Gaussian, 0.7 px) and brought to length 1 as vectors; one of them also scaled by 0.95 and 1.05.
They are near when the greatest cosine between the two is at least NEAR. An image whose ink lies
along a line (a plain 1) has little to tell it apart from another person's, so where either image
is such (`thinness` below LINE) the cosine must be at least NEAR_LINE.

The bounds were chosen on MNIST, whose training and test images were written by different people:
of its 600 million pairs, those bounds call some dozens near, and of its test images saved again as
JPEG of quality 75 they find 98 %, of those moved by whole pixels all, of those scaled by 5 % 97 %
(`python -m benchmarks.leaks`).

The search is exact: nothing within the bounds is missed. The vectors are projected on DIMENSIONS
principal axes, and the length of what the projection leaves out is kept as one more coordinate, so
that by the inequality of Cauchy and Schwarz the product of two projections is never below the
cosine. Pairs that pass are judged on all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SIDE = 28
NEAR = 0.99
NEAR_LINE = 0.997
LINE = 0.3
SCALES = (1.0, 0.95, 1.05)
BLUR = 0.7

DIMENSIONS = 64
_PROJECTED_FROM = 2_000_000  # pairs; fewer are compared on all pixels at once
_BASIS_FROM = 6000  # images the principal axes are found on
_LEFT_BLOCK = 4096
_RIGHT_BLOCK = 256
_JUDGED_AT_ONCE = 20_000
_DESCRIBED_AT_ONCE = 4000


@dataclass(frozen=True)
class Matches:
    """Images of the left set that are in the right set too, each with one partner there.

    left, right: (M,) int64 indices, left ascending and unique. exact: (M,) bool. similarity: (M,)
    float32, the cosine above, 1 for exact ones. The partner of an exact duplicate is the first
    with the same bytes; that of a near one is one within the bounds, not always the nearest.
    """

    left: np.ndarray
    right: np.ndarray
    exact: np.ndarray
    similarity: np.ndarray

    def __len__(self) -> int:
        return len(self.left)


def find_matches(left: np.ndarray, right: np.ndarray) -> Matches:
    """What of `left` is in `right` too; both (N, 28, 28) uint8.

    Blank images match only blank ones. Raises ValueError for arrays of another kind.
    """
    left, right = _checked(left, "left"), _checked(right, "right")
    partner = exact_partners(left, right)
    similarity = (partner >= 0).astype(np.float32)
    exact = partner >= 0
    open_left = np.flatnonzero(~exact & left.any(axis=(1, 2)))
    right_kept = _first_of_each(right)
    right_kept = right_kept[right[right_kept].any(axis=(1, 2))]
    if len(open_left) and len(right_kept):
        found, cosine = _near_partners(left[open_left], right[right_kept])
        hit = found >= 0
        partner[open_left[hit]] = right_kept[found[hit]]
        similarity[open_left[hit]] = cosine[hit]
    matched = np.flatnonzero(partner >= 0)
    return Matches(matched, partner[matched], exact[matched], similarity[matched])


def exact_partners(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(len(left),) int64: the first image of `right` with the same bytes, or -1."""
    first: dict[bytes, int] = {}
    for index, image in enumerate(right):
        first.setdefault(image.tobytes(), index)
    partners = (first.get(image.tobytes(), -1) for image in left)
    return np.fromiter(partners, np.int64, len(left))


def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N,) float32: the cosine of each pair of two sets (N, 28, 28) uint8 of the same length."""
    vectors = describe(one)
    cosines = [np.einsum("ij,ij->i", vectors, describe(other, scale)) for scale in SCALES]
    return np.max(cosines, axis=0)


def thinness(images: np.ndarray) -> np.ndarray:
    """(N,) float32 of (N, 28, 28) uint8: the spread of the ink across over that along, 0 to 1.

    The roots of the two eigenvalues of the ink's covariance. MNIST's 1s have 0.16, others 0.6.
    """
    ink = images.astype(np.float32)
    at = np.arange(SIDE, dtype=np.float32)
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    down, across = ink.sum(axis=2), ink.sum(axis=1)
    y, x = down @ at / mass, across @ at / mass
    yy, xx = down @ at**2 / mass - y**2, across @ at**2 / mass - x**2
    xy = (ink @ at) @ at / mass - x * y
    middle, apart = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    return np.sqrt(np.maximum(middle - apart, 0) / np.maximum(middle + apart, 1e-6))


def describe(images: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """(N, 784) float32 of length 1: images (N, 28, 28) uint8 centred by mass, scaled, smoothed.

    A blank image gives zeros.
    """
    parts = [
        _described(images[start : start + _DESCRIBED_AT_ONCE], scale)
        for start in range(0, len(images), _DESCRIBED_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty((0, SIDE * SIDE), np.float32)


def _described(images: np.ndarray, scale: float) -> np.ndarray:
    """Centring, scaling and smoothing are linear along each axis: one matrix for each image."""
    ink = images.astype(np.float32)
    at = np.arange(SIDE, dtype=np.float32)
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    y, x = ink.sum(axis=2) @ at / mass, ink.sum(axis=1) @ at / mass
    moved = _resampling(y, scale) @ ink @ _resampling(x, scale).transpose(0, 2, 1)
    vectors = moved.reshape(len(ink), -1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _resampling(centre: np.ndarray, scale: float) -> np.ndarray:
    """(N, 28, 28) float32: rows of weights that bring `centre` (N,) to the middle, then smooth."""
    at = np.arange(SIDE, dtype=np.float32)
    source = centre[:, None] + (at[None] - (SIDE - 1) / 2) / np.float32(scale)
    linear = np.maximum(0, 1 - np.abs(source[:, :, None] - at[None, None]))
    smooth = np.exp(-0.5 * ((at[:, None] - at[None]) / BLUR) ** 2)
    smooth /= smooth.sum(axis=1, keepdims=True)
    return smooth.astype(np.float32) @ linear


def _near_partners(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(len(left),) partners in `right` or -1, and their cosines; no image is blank."""
    left_vectors = describe(left)
    scaled = [describe(right, scale) for scale in SCALES]
    axes = _principal_axes(left_vectors, scaled[0])
    left_bound, left_thin = _projected(left_vectors, axes), thinness(left) < LINE
    right_bounds, right_thin = [_projected(one, axes) for one in scaled], thinness(right) < LINE
    partner = np.full(len(left), -1, np.int64)
    cosine = np.zeros(len(left), np.float32)

    for lefts, rights in _blocks(left_bound, right_bounds):
        lefts = lefts[partner[lefts] < 0]
        if not len(lefts):
            continue
        bound = right_bounds[0][rights] @ left_bound[lefts].T
        for one in right_bounds[1:]:
            np.maximum(bound, one[rights] @ left_bound[lefts].T, out=bound)
        # Sorted by the right image: each round below then settles as many left ones as it can.
        at_right, at_left = np.nonzero(bound >= NEAR)
        needed = np.where(right_thin[rights[at_right]] | left_thin[lefts[at_left]], NEAR_LINE, NEAR)
        likely = bound[at_right, at_left] >= needed
        at_right, at_left, needed = at_right[likely], at_left[likely], needed[likely]
        for start in range(0, len(at_left), _JUDGED_AT_ONCE):
            part = slice(start, start + _JUDGED_AT_ONCE)
            a, b = lefts[at_left[part]], rights[at_right[part]]
            waiting = partner[a] < 0
            a, b, least = a[waiting], b[waiting], needed[part][waiting]
            found = np.zeros(len(a), np.float32)
            for one in scaled:
                np.maximum(found, np.einsum("ij,ij->i", left_vectors[a], one[b]), out=found)
            good = found >= least
            # Written backwards, so that of several partners the first stays.
            partner[a[good][::-1]], cosine[a[good][::-1]] = b[good][::-1], found[good][::-1]
    return partner, cosine


def _principal_axes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(784, DIMENSIONS + 1) float32, orthonormal: the mean first, then the principal axes.

    All 784 axes as they are, for sets so small that finding better ones would take longer.
    """
    if len(left) * len(right) < _PROJECTED_FROM:
        return np.eye(left.shape[1], dtype=np.float32)
    sample = np.concatenate([left[:: max(1, len(left) // _BASIS_FROM)], right])[: 2 * _BASIS_FROM]
    mean = sample.mean(axis=0, keepdims=True)
    spread = sample - mean
    _, axes = np.linalg.eigh(spread.T @ spread)
    basis = np.concatenate([mean.T, axes[:, : -DIMENSIONS - 1 : -1]], axis=1)
    return np.linalg.qr(basis)[0].astype(np.float32)


def _projected(vectors: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """(N, axes + 1) float32: the projection, and the length of what it leaves out."""
    inside = vectors @ axes
    left_out = np.sqrt(np.maximum(0, 1 - np.einsum("ij,ij->i", inside, inside)))
    return np.concatenate([inside, left_out[:, None]], axis=1)


def _blocks(left: np.ndarray, rights: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of index arrays that hold every near pair.

    Vectors of length 1 with a cosine of NEAR are at most sqrt(2 - 2 NEAR) apart, along any axis
    too: so both sets are put in the order of their first principal coordinate, and only
    neighbours are compared.
    """
    reach = np.sqrt(2 - 2 * NEAR) + 1e-3
    low = np.min([one[:, 1] for one in rights], axis=0) - reach
    high = np.max([one[:, 1] for one in rights], axis=0) + reach
    left_order = np.argsort(left[:, 1], kind="stable")
    left_at = left[left_order, 1]
    right_order = np.argsort(low, kind="stable")
    for start in range(0, len(right_order), _RIGHT_BLOCK):
        block = right_order[start : start + _RIGHT_BLOCK]
        begin = np.searchsorted(left_at, low[block].min(), "left")
        end = np.searchsorted(left_at, high[block].max(), "right")
        for position in range(begin, end, _LEFT_BLOCK):
            yield left_order[position : min(position + _LEFT_BLOCK, end)], block


def _first_of_each(images: np.ndarray) -> np.ndarray:
    """Indices of the first image of each content, ascending."""
    first: dict[bytes, int] = {}
    for index, image in enumerate(images):
        first.setdefault(image.tobytes(), index)
    return np.fromiter(first.values(), np.int64, len(first))


def _checked(images: np.ndarray, name: str) -> np.ndarray:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"{name}: expected (N, 28, 28) uint8, got {images.shape} {images.dtype}")
    return images
