"""How far long work is: drawn on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console

from analysis.format import duration
from shadowctl.screen import Steps

_EVERY_S = 10.0


class Meter:
    """Counts the keys of `step`, of which `begun` were done before.

    Whoever stops it is told how far it came, and that the command `again` goes on from there.

    Example:
        >>> with Meter(Console(), "verify", "shadowctl dataset users verify") as meter:
        ...     meter.count(500, 1_000)
        verify: 500 of about 1,000 keys
    """

    def __init__(self, console: Console, step: str, again: str, begun: int = 0) -> None:
        self._console, self._step, self._again = console, step, again
        self._steps = Steps(console)
        self._begun, self._began = begun, time.monotonic()
        self._told_at = -_EVERY_S
        self._line = f"{begun:,} keys"

    def __enter__(self) -> Self:
        self._steps.__enter__()
        self._steps.report(self._step, "Ctrl-C stops it, and the same command goes on")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._steps.__exit__(kind, error, trace)
        if kind is not None and not issubclass(kind, Exception):  # Ctrl-C, or no time is left
            self._say(f"{self._line}; `{self._again}` goes on from there")

    def count(self, done: int, total: int | None, detail: str = "") -> None:
        """Shows that so many are done, of a `total` that may not be known."""
        now = time.monotonic()
        self._line = ", ".join(filter(None, [*self._told(done, total, now - self._began), detail]))
        self._steps.count(self._step, done, total, self._line)
        if not self._console.is_terminal and now - self._told_at >= _EVERY_S:
            self._told_at = now
            self._say(self._line)

    def _say(self, line: str) -> None:
        self._console.print(f"{self._step}: {line}", soft_wrap=True, markup=False)

    def _told(self, done: int, total: int | None, seconds: float) -> Iterator[str]:
        yield f"{done:,} of about {total:,} keys" if total else f"{done:,} keys"
        if seconds < 1 or done <= self._begun:
            return
        a_second = (done - self._begun) / seconds
        yield f"{a_second:,.0f} a second"
        if total and done < total:
            yield f"about {duration((total - done) / a_second / 60)} left"
