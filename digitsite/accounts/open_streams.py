"""How many answers that stay open somebody has, in the memory of the process."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class OpenStreams:
    """For the event loop's thread only."""

    def __init__(self) -> None:
        self._open: Counter[Hashable] = Counter()

    def of(self, who: Hashable) -> int:
        return self._open[who]

    @property
    def total(self) -> int:
        return self._open.total()

    @contextmanager
    def one_more(self, who: Hashable) -> Iterator[None]:
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
