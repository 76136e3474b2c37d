"""Progress of long work: a bar on a terminal, a line every few seconds in a log."""

import re
import sys
import time
from collections.abc import Callable
from typing import Any, Self, TextIO, TypeVar

T = TypeVar("T")

_WIDTH = 30
_LINE = re.compile(r": ([\d,/]+ \w+( \(\d+%\))?, [\d,]+/s, \d+s( left)?)$")


class Progress:
    """A counter of `total` units, None if unknown.

    `with Progress("embed", 900, "frames") as p: p.advance(32)`
    """

    def __init__(
        self, title: str, total: int | None, unit: str, stream: TextIO = sys.stderr
    ) -> None:
        self.title, self.total, self.unit, self.stream = title, total, unit, stream
        self.interval = 0.2 if stream.isatty() else 5.0
        self.done, self.shown_done = 0, -1

    def __enter__(self) -> Self:
        self.started = self.shown_at = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        # A log may have the last line already; a bar still needs its line end.
        if self.stream.isatty() or self.shown_done < self.done:
            self._show(time.monotonic(), end="\n")

    def advance(self, units: int = 1) -> None:
        self.done += units
        now = time.monotonic()
        if now - self.shown_at >= self.interval:
            self._show(now, end="" if self.stream.isatty() else "\n")

    def _show(self, now: float, end: str) -> None:
        self.shown_at, self.shown_done = now, self.done
        line = progress_line(self.title, self.done, self.total, self.unit, now - self.started)
        if self.stream.isatty():
            filled = _WIDTH * self.done // self.total if self.total else 0
            line = f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {line}\x1b[K"
        print(line, end=end, file=self.stream, flush=True)


class Times:
    """Seconds of the parts of a job; as text `load 2.1 s, embed 30.4 s`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, part: str, function: Callable[..., T], *values: Any, **options: Any) -> T:
        """What the function returns."""
        start = time.monotonic()
        returned = function(*values, **options)
        self.seconds[part] = time.monotonic() - start
        return returned

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())


def progress_line(title: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    """A line such as `embed: 512/900 frames (57%), 103/s, 4s left`."""
    rate = done / max(seconds, 1e-9)
    if total is None:
        return f"{title}: {done:,} {unit}, {rate:,.0f}/s, {seconds:.0f}s"
    percent = 100 * done // max(total, 1)
    left = f"{(total - done) / rate:.0f}s left" if 0 < done < total else f"{seconds:.0f}s"
    return f"{title}: {done:,}/{total:,} {unit} ({percent}%), {rate:,.0f}/s, {left}"


def last_progress(lines: list[str]) -> str:
    """The last progress line among `lines`, without its title; empty if there is none."""
    found = [match[1] for line in lines if (match := _LINE.search(line))]
    return found[-1] if found else ""
