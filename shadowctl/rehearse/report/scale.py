"""From numbers to places on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, with marks and what they are called.

    Example:
        >>> Scale.even("minutes", 12).marks
        (0, 2, 4, 6, 8, 10, 12)
    """

    title: str
    low: float
    high: float
    marks: tuple[float, ...]
    is_log: bool = False

    @classmethod
    def even(cls, title: str, high: float, *, low: float = 0) -> "Scale":
        """From `low` up to the first round number from `high` on."""
        step = _round_step((high - low) / 6)
        last = low + step * math.ceil((high - low) / step - 1e-9)
        count = round((last - low) / step)
        return cls(title, low, last, tuple(low + step * at for at in range(count + 1)))

    @classmethod
    def by_factors(cls, title: str, marks: Sequence[float]) -> "Scale":
        """Over `marks`, where equal factors are equally far apart."""
        return cls(title, marks[0], marks[-1], tuple(marks), is_log=True)

    @classmethod
    def around(cls, title: str, values: Sequence[float], *, least: float) -> "Scale":
        """By factors of ten around `values`; what is under `least` is shown as `least`."""
        first = math.floor(math.log10(max(least, min(values))))
        last = max(first + 1, math.ceil(math.log10(max(least, *values))))
        return cls.by_factors(title, [10.0**power for power in range(first, last + 1)])

    def place(self, value: float) -> float:
        """How far along it is, from 0 to 1; what is beyond is at the edge."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    rounded = next((each * power for each in _STEPS if each * power >= step - 1e-9), 10 * power)
    return int(rounded) if rounded >= 1 else rounded
