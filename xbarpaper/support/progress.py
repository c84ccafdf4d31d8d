"""Progress of long work: a bar on a terminal, a whole line a minute in a log.

A log that holds a bar is unreadable, since a bar rewrites its line. The standard error of a notebook that the pipeline
executes is neither; ``MODE`` tells it which of the two there is at the other end.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TextIO

from tqdm import tqdm

MODE = "XBARPAPER_PROGRESS"
"""Environment variable: ``bar`` or ``lines`` whatever standard error is."""

MARK = "\r\n"
"""How a line ends in a notebook, where ``stripping`` takes whatever holds a carriage return for progress."""

_SECONDS_PER_LINE = 60.0
_LINES_BACK = 5  # whose pace tells the time left: rows from a journal come at once, later ones do not


class Bar(Protocol):
    """Progress of one piece of work, a context manager; ``tqdm`` is one."""

    def update(self, n: int = 1) -> object:
        """So much more is done."""
        ...

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """What stands at the end, for example the loss."""
        ...

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """End, well or not."""
        ...


class Lines:
    """A line a minute, and one at the end of what took longer than that."""

    def __init__(
        self,
        desc: str,
        total: int | None = None,
        unit: str = "step",
        initial: int = 0,
        *,
        file: TextIO | None = None,
        end: str = "\n",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.desc, self.total, self.unit, self.done, self.initial = desc, total, unit, initial, initial
        self.file, self.end, self.clock = file or sys.stderr, end, clock
        self.postfix = ""
        self.begun = self.next = clock()
        self.next += _SECONDS_PER_LINE
        self.seen = deque([(self.begun, initial)], maxlen=_LINES_BACK)

    def update(self, n: int = 1) -> None:
        """See ``Bar``."""
        self.done += n
        now = self.clock()
        if now >= self.next:
            self._write(self._so_far(now))
            self.seen.append((now, self.done))
            self.next = now + _SECONDS_PER_LINE

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """See ``Bar``."""
        self.postfix = s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self.clock() - self.begun
        if kind is None and seconds > _SECONDS_PER_LINE:
            self._write([f"done, {self._units(self.done - self.initial)} in {duration(seconds)}"])

    def _so_far(self, now: float) -> list[str]:
        took = duration(now - self.begun)
        if not self.total:
            return [self._units(self.done), took]
        share = 100 * self.done // self.total
        parts = [f"{share} % ({self.done} of {self._units(self.total)})", took]
        then, done_then = self.seen[0]
        if self.done > done_then + 1:  # one alone may have waited for preparations
            left = (self.total - self.done) * (now - then) / (self.done - done_then)
            parts.append(f"{duration(left)} left")
        return parts

    def _units(self, count: int) -> str:
        unit = self.unit.strip()
        return f"{count} {unit if count == 1 or unit.endswith('s') else unit + 's'}"

    def _write(self, parts: list[str]) -> None:
        said = ", ".join([*parts, self.postfix] if self.postfix else parts)
        self.file.write(f"{self.desc}: {said}{self.end}")
        self.file.flush()


def bar(
    desc: str,
    total: int | None = None,
    unit: str = "step",
    initial: int = 0,
    *,
    smoothing: float = 0.3,
    shown: bool = True,
) -> Bar:
    """Show progress on standard error, as a bar or in lines.

    Args:
        desc: what is going on.
        total: how many units there are, where that is known.
        unit: name of one.
        initial: how many were done earlier.
        smoothing: how fast a bar's pace follows the last units, from 0 (never) to 1.
        shown: whether to show anything.
    """
    if shown and mode() == "lines":
        return Lines(desc, total, unit, initial, end=MARK if _in_kernel() else "\n")
    return tqdm(
        desc=desc,
        total=total,
        unit=f" {unit}" if total is None else unit,
        initial=initial,
        smoothing=smoothing,
        disable=not shown,
    )


def note(text: str) -> None:
    """Say something on standard output without breaking a bar."""
    tqdm.write(text)


def mode() -> str:
    """``bar`` where somebody watches, on a terminal or in a notebook opened by hand; else ``lines``."""
    told = os.environ.get(MODE)
    if told in ("bar", "lines"):
        return told
    return "bar" if sys.stderr.isatty() or _in_kernel() else "lines"


def duration(seconds: float) -> str:
    """Seconds for a reader: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _in_kernel() -> bool:
    """Whether standard error goes into a notebook."""
    if "IPython" not in sys.modules or sys.stderr is sys.__stderr__:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
