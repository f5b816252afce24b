"""When two different values count as equal: close numbers, near times, folded text."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

Place = tuple[object, float | None]
"""Where a value stands among others: its kind, and its position if kinds are compared by distance.

Values of one kind without a position are equal; those of different kinds never are.
"""


class Leniency(Protocol):
    """A way in which two different values count as equal."""

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether these two count as equal."""

    def place(self, value: Any) -> Place | None:
        """Where `value` stands; None if this leniency has nothing to say about it."""


_ORIGIN = datetime(1, 1, 1)  # noqa: DTZ001 - takes the zone of the time it is subtracted from


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two numbers may be: by `absolute`, or by `relative` to the larger one.

    Either is enough when both are given. Booleans and numbers in strings are no numbers.

    Example:
        >>> Tolerance(absolute=0.01).excuses(9.99, 10)
        True

    Raises:
        ValueError: a negative or infinite tolerance, a relative one of 1 or more, or none at all.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.absolute < math.inf and 0 <= self.relative < 1):
            raise ValueError(
                f"a tolerance is absolute >= 0, relative from 0 to below 1, got {self!r}"
            )
        if self.absolute == self.relative == 0:
            raise ValueError("a tolerance of nothing excuses nothing; give absolute= or relative=")

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are numbers, and close."""
        here, there = self.place(control), self.place(candidate)
        return (
            here is not None
            and there is not None
            and math.isclose(control, candidate, rel_tol=self.relative, abs_tol=self.absolute)
        )

    def place(self, value: Any) -> Place | None:
        """On the axis of numbers, if it fits there."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float, float(value)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Within:
    """Two ISO 8601 times at most `span` apart; one with and one without a zone never are."""

    span: timedelta

    def __post_init__(self) -> None:
        if not isinstance(self.span, timedelta) or self.span < timedelta(0):
            raise ValueError(f"a span of time is a timedelta of 0 or more, got {self.span!r}")

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are times, and near each other."""
        here, there = _time(control), _time(candidate)
        if here is None or there is None or (here.tzinfo is None) != (there.tzinfo is None):
            return False
        return abs(here - there) <= self.span

    def place(self, value: Any) -> Place | None:
        """On the axis of times, if it is one."""
        time = _time(value)
        if time is None:
            return None
        origin = _ORIGIN.replace(tzinfo=time.tzinfo and UTC)
        return (datetime, time.tzinfo is None), (time - origin).total_seconds()


class Folded:
    """Two strings that differ in case or in white space only."""

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are strings, and equal once folded."""
        return (
            isinstance(control, str)
            and isinstance(candidate, str)
            and self.place(control) == self.place(candidate)
        )

    def place(self, value: Any) -> Place | None:
        """With every string that folds to the same."""
        return (" ".join(value.split()).casefold(), None) if isinstance(value, str) else None


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
