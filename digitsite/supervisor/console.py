"""What a person reads while the site starts: one line a step, with its duration."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

NAME_WIDTH = 15
DETAIL_WIDTH = 62
ERASE_LINE = "\r\x1b[2K"
REPEAT_EVERY_SECONDS = 5.0  # a progress line, where lines cannot be rewritten


class Step:
    """A line being worked on."""

    def __init__(self, console: "Console", name: str):
        self._console = console
        self.name = name
        self.detail = ""
        self.began = time.monotonic()

    def progress(self, detail: str) -> None:
        self._console.progress(self.name, detail)

    def done(self, detail: str) -> None:
        self.detail = detail


class Console:
    """Lines on a terminal; the same lines, without rewriting or colour, in a pipe or file."""

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        encoding = (getattr(self.stream, "encoding", "") or "ascii").lower()
        self._plain = not encoding.startswith("utf")
        self._repeated_at = 0.0
        self._repeated = ""

    def line(self, text: str = "") -> None:
        # Another process of ours may have left a progress line on the terminal.
        self._write(f"{ERASE_LINE if self.live else ''}{text}\n")

    def note(self, text: str) -> None:
        """Something went another way than planned; the site goes on."""
        self.line(f"  {self._colour('33', '!')} {text}")

    def failure(self, text: str) -> None:
        self.line(f"  {self._colour('31', self._glyph('✗', 'x'))} {text}")

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Shows the step while it runs and its result when it is done."""
        step = Step(self, name)
        if self.live:
            self._rewrite(f"  {self._glyph('·', '.')} {name:<{NAME_WIDTH}}...")
        try:
            yield step
        except BaseException:
            if self.live:
                self._write(ERASE_LINE)
            raise
        self.done(name, step.detail, time.monotonic() - step.began)

    def done(self, name: str, detail: str, seconds: float = 0) -> None:
        took = f"{seconds:6.1f} s" if seconds >= 0.05 else ""
        mark = self._colour("32", self._glyph("✓", "+"))
        self.line(f"  {mark} {name:<{NAME_WIDTH}}{detail:<{DETAIL_WIDTH}}{took}".rstrip())

    def progress(self, name: str, detail: str) -> None:
        text = f"  {self._glyph('·', '.')} {name:<{NAME_WIDTH}}{detail}"
        if self.live:
            self._rewrite(text)
        elif text != self._repeated and time.monotonic() - self._repeated_at > REPEAT_EVERY_SECONDS:
            self._repeated, self._repeated_at = text, time.monotonic()
            self.line(text)

    def box(self, lines: list[str]) -> None:
        width = max(map(len, lines)) + 2
        bar, edge = self._glyph("─", "-"), self._glyph("│", "|")
        corners = self._glyph("╭╮╰╯", "++++")
        self.line()
        self.line(f"  {corners[0]}{bar * width}{corners[1]}")
        for text in lines:
            self.line(f"  {edge} {text:<{width - 1}}{edge}")
        self.line(f"  {corners[2]}{bar * width}{corners[3]}")
        self.line()

    def _rewrite(self, text: str) -> None:
        self._write(ERASE_LINE + text)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:  # the terminal was closed: ending in order matters more
            pass

    def _glyph(self, fine: str, plain: str) -> str:
        return plain if self._plain else fine

    def _colour(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.live else text
