"""How far two reviewers agree beyond chance: Cohen's kappa. Pure: counts in, figures out.

J. Cohen, A coefficient of agreement for nominal scales (1960); the standard error is the one of
J. L. Fleiss, J. Cohen and B. S. Everitt, Large sample standard errors of kappa and weighted kappa
(1969). Wilson's interval for the plain share.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054
FEW = 30
"""Below so many items judged by both, an interval is too wide to conclude from."""


@dataclass(frozen=True)
class Agreement:
    """Of `count` items that both judged, `agreed` got the same answer."""

    count: int
    agreed: int
    kappa: float | None  # None where chance alone would agree always, or nothing was judged
    low: float | None = None  # 95 % interval
    high: float | None = None

    @property
    def share(self) -> float | None:
        return self.agreed / self.count if self.count else None

    @property
    def share_interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        return wilson(self.agreed, self.count)

    @property
    def is_few(self) -> bool:
        return self.count < FEW

    @property
    def in_words(self) -> str:
        """J. R. Landis and G. G. Koch's names for the strength of kappa (1977)."""
        if self.kappa is None:
            return ""
        names = ((0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"))
        return next((name for least, name in names if self.kappa > least), "slight")


def agreement(answers: Iterable[tuple[str, str]]) -> Agreement:
    """Of (what one said, what the other said), one for each item that both judged."""
    table = Counter(answers)
    count = sum(table.values())
    if not count:
        return Agreement(0, 0, None)
    words = sorted({word for pair in table for word in pair})
    cells = {pair: n / count for pair, n in table.items()}
    first = {w: sum(cells.get((w, v), 0) for v in words) for w in words}
    second = {w: sum(cells.get((v, w), 0) for v in words) for w in words}
    agreed = sum(n for (a, b), n in table.items() if a == b)
    observed = agreed / count
    chance = sum(first[w] * second[w] for w in words)
    if chance > 1 - 1e-12:  # both always gave the same single answer
        return Agreement(count, agreed, None)
    kappa = (observed - chance) / (1 - chance)
    error = _standard_error(cells, first, second, words, kappa, chance, count)
    low, high = max(-1.0, kappa - Z95 * error), min(1.0, kappa + Z95 * error)
    return Agreement(count, agreed, kappa, low, high)


def of_class(answers: Sequence[tuple[str, str]], word: str) -> Agreement:
    """The same, asked only whether it is `word` or anything else."""
    return agreement((str(a == word), str(b == word)) for a, b in answers)


def named_by_either(answers: Sequence[tuple[str, str]], word: str) -> int:
    """How many items at least one of the two called `word`: what a class's figure rests on."""
    return sum(word in pair for pair in answers)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; (0, 1) without observations."""
    if not count:
        return 0.0, 1.0
    share, square = hits / count, Z95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z95 * sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _standard_error(cells, first, second, words, kappa, chance, count) -> float:
    same = sum(
        cells.get((w, w), 0) * (1 - (first[w] + second[w]) * (1 - kappa)) ** 2 for w in words
    )
    apart = (1 - kappa) ** 2 * sum(
        share * (second[a] + first[b]) ** 2 for (a, b), share in cells.items() if a != b
    )
    rest = (kappa - chance * (1 - kappa)) ** 2
    return sqrt(max(0.0, same + apart - rest)) / ((1 - chance) * sqrt(count))
