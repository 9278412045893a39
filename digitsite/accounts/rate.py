"""How often somebody may do something: a token bucket for each, in the memory of the process.

Each web process counts for itself, so a site of several allows each person that much in each.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class TooOften(Exception):
    """Refused for now; `retry_after_seconds` is a whole number, at least 1."""

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        unit = "second" if retry_after_seconds == 1 else "seconds"
        super().__init__(f"Too many {what}. Try again in {retry_after_seconds} {unit}.")
        self.retry_after_seconds = retry_after_seconds


class Rate:
    """`burst` at once, then `per_second`; thread-safe. The oldest of `kept` callers is forgotten:
    a forgotten caller starts with a full bucket."""

    def __init__(
        self,
        what: str,
        *,
        per_second: float,
        burst: int,
        kept: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what = what
        self.per_second = per_second
        self.burst = burst
        self.kept = kept
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: Hashable) -> None:
        """Count one. Raises TooOften, and then counts nothing."""
        with self._lock:
            left, now = self._left(who)
            self._buckets[who] = (left - 1, now)
            self._buckets.move_to_end(who)
            if len(self._buckets) > self.kept:
                self._buckets.popitem(last=False)

    def check(self, who: Hashable) -> None:
        """Raises TooOften if `take` would; counts nothing."""
        with self._lock:
            self._left(who)

    def _left(self, who: Hashable) -> tuple[float, float]:
        """(how many are left, the time now). Raises TooOften below one."""
        now = self._clock()
        left, then = self._buckets.get(who, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_second)
        if left < 1:
            raise TooOften(self.what, math.ceil((1 - left) / self.per_second))
        return left, now

    def forget(self) -> None:
        """Every bucket is full again."""
        with self._lock:
            self._buckets.clear()
