"""Two models on the same images: what the second repaired, what it broke, whether that is luck."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy.stats import binomtest

from training.ml.digits import CLASSES
from training.ml.metrics import wilson_interval


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DigitComparison:
    """One digit: how often each model reads it right. `p`: exact McNemar on its images alone.

    `difference`: recall of the second minus recall of the first. All None without images.
    """

    digit: int
    support: int
    fixed: int
    broken: int
    before: Interval | None
    after: Interval | None
    difference: Interval | None
    p: float | None


@dataclass(frozen=True)
class Comparison:
    """Positions in the split, rising. `both_right` is only counted: it is nearly all of them.

    before, after: accuracies of the first and of the second model. difference: second minus first.
    p: McNemar's exact two-sided p over all images.
    """

    count: int
    fixed: list[int]
    broken: list[int]
    both_wrong: list[int]
    both_right: int
    p: float
    before: Interval
    after: Interval
    difference: Interval
    digits: list[DigitComparison]

    def is_worse(self, alpha: float) -> bool:
        """Whether the second model is significantly worse at this level."""
        return len(self.broken) > len(self.fixed) and self.p < alpha

    def is_better(self, alpha: float) -> bool:
        return len(self.fixed) > len(self.broken) and self.p < alpha

    def fallen_digits(self, alpha: float) -> list[DigitComparison]:
        """Digits that the second model reads significantly worse, the surest first.

        Ten digits are ten chances of a false alarm: the level is shared among them by Holm's
        step-down procedure (Scandinavian Journal of Statistics 6, 1979).
        """
        tested = sorted(
            (row for row in self.digits if row.p is not None), key=lambda row: (row.p, row.digit)
        )
        fallen = []
        for rank, row in enumerate(tested):
            if row.p >= alpha / (len(tested) - rank):
                break
            if row.broken > row.fixed:
                fallen.append(row)
        return fallen

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and dictionaries, ready for JSON."""
        return asdict(self)


def compare(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Comparison:
    """Compare the answers (N,) of two models to the same images with their labels (N,), all 0..9.

    Raises ValueError for other shapes, labels that are no digits, or nothing to compare.
    """
    labels, before, after = map(np.asarray, (labels, before, after))
    if labels.ndim != 1 or not len(labels) or not labels.shape == before.shape == after.shape:
        raise ValueError(
            f"expected labels and two sets of answers (N,) with N > 0, "
            f"got {labels.shape}, {before.shape}, {after.shape}"
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise ValueError(f"expected labels 0..9, got {labels.min()}..{labels.max()}")
    return compare_mistakes(
        np.bincount(labels, minlength=CLASSES).tolist(),
        *(
            {int(i): int(labels[i]) for i in np.flatnonzero(answers != labels)}
            for answers in (before, after)
        ),
    )


def compare_mistakes(
    support: Sequence[int], before: Mapping[int, int], after: Mapping[int, int]
) -> Comparison:
    """The same from the mistakes alone: all that is right need not be looked at.

    support: images of each digit (ten counts). before, after: {position of a misread image: its
    true digit}. Raises ValueError if the mistakes cannot come from a split with this support.
    """
    if len(support) != CLASSES or not sum(support):
        raise ValueError(f"expected images of ten digits, got {list(support)}")
    for position in before.keys() & after.keys():
        if before[position] != after[position]:
            raise ValueError(
                f"image {position} is a {before[position]} for one model "
                f"and a {after[position]} for the other"
            )
    truth = {**before, **after}
    wrong = np.bincount(list(truth.values()), minlength=CLASSES)
    if len(wrong) != CLASSES or (wrong > np.asarray(support)).any():
        raise ValueError(f"more mistakes {wrong.tolist()} than images {list(support)}")
    fixed = sorted(before.keys() - after.keys())
    broken = sorted(after.keys() - before.keys())
    both = sorted(before.keys() & after.keys())
    digits = []
    for digit in range(CLASSES):
        counts = [sum(truth[i] == digit for i in group) for group in (fixed, broken, both)]
        digits.append(_digit(digit, int(support[digit]), *counts))
    count = int(sum(support))
    first, second, difference = _shares(count, len(fixed), len(broken), len(both))
    return Comparison(
        count=count,
        fixed=fixed,
        broken=broken,
        both_wrong=both,
        both_right=count - len(truth),
        p=mcnemar_exact(len(fixed), len(broken)),
        before=first,
        after=second,
        difference=difference,
        digits=digits,
    )


def mcnemar_exact(fixed: int, broken: int) -> float:
    """Two-sided p that as lopsided a split of the changed answers is chance.

    Where two models differ, either is right equally often if they are equally good: a fair coin
    (McNemar, Psychometrika 12, 1947). Exact, so that it holds for few changes as well.
    """
    changed = fixed + broken
    return float(binomtest(fixed, changed, 0.5).pvalue) if changed else 1.0


def newcombe_paired(both: int, only_first: int, only_second: int, neither: int) -> Interval:
    """Difference of two shares of the same things (first minus second), 95 % interval.

    Method 10 of Newcombe, "Improved confidence intervals for the difference between binomial
    proportions based on paired data", Statistics in Medicine 17, 1998: Wilson's limits of the two
    shares, squared and added, with their correlation.
    """
    count = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    share1, share2 = first / count, second / count
    low1, high1 = wilson_interval(first, count)
    low2, high2 = wilson_interval(second, count)
    phi = _correlation(both, only_first, only_second, neither)
    down = _root((share1 - low1), (high2 - share2), phi)
    up = _root((high1 - share1), (share2 - low2), phi)
    difference = (only_first - only_second) / count
    return Interval(difference, max(-1.0, difference - down), min(1.0, difference + up))


def _root(one: float, other: float, phi: float) -> float:
    return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's phi, with his continuity correction; 0 where a margin is empty."""
    margins = (
        (both + only_first)
        * (only_second + neither)
        * (both + only_second)
        * (only_first + neither)
    )
    if not margins:
        return 0.0
    excess = both * neither - only_first * only_second
    if excess > 0:
        excess = max(excess - (both + only_first + only_second + neither) / 2, 0)
    return excess / sqrt(margins)


def _shares(count: int, fixed: int, broken: int, both: int) -> tuple[Interval, Interval, Interval]:
    right = count - fixed - broken - both
    before, after = right + broken, right + fixed
    return (
        Interval(before / count, *wilson_interval(before, count)),
        Interval(after / count, *wilson_interval(after, count)),
        newcombe_paired(right, fixed, broken, both),
    )


def _digit(digit: int, support: int, fixed: int, broken: int, both: int) -> DigitComparison:
    if not support:
        return DigitComparison(digit, 0, 0, 0, None, None, None, None)
    shares = _shares(support, fixed, broken, both)
    return DigitComparison(digit, support, fixed, broken, *shares, mcnemar_exact(fixed, broken))
