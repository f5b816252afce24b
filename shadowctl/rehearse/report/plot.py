"""A plot as inline SVG; its colours come from the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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


Points = Sequence[tuple[float, float]]

_HEIGHT = 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 40, 40
_MIDDLE = 0.5


class Plot:
    """A frame with two scales, and what is drawn in it. `kind` is a class of the style sheet.

    Example:
        >>> plot = Plot("Chance by rate", Scale.even("%", 100), Scale.even("%", 100))
        >>> plot.line([(0, 0), (100, 80)], "code")
        >>> plot.svg()[:40]
        '<svg class="plot" viewBox="0 0 460 280" '
    """

    def __init__(self, title: str, x: Scale, y: Scale, *, width: int = 460) -> None:
        self._title = title
        self._x = x
        self._y = y
        self._width = width
        self._height = _HEIGHT
        self._drawn: list[str] = []

    def line(self, points: Points, kind: str) -> None:
        """A line with a dot at each point."""
        places = [self._at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self._drawn.append(f'<polyline class="line {kind}" points="{path}"/>')
        self._drawn += [
            f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in places
        ]

    def steps(
        self, lower: Sequence[float], upper: Sequence[float], kind: str, *, start: int = 0
    ) -> None:
        """An area between two heights, for each whole number from `start` on."""
        edge = [*self._stairs(upper, start), *reversed(self._stairs(lower, start))]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
        self._drawn.append(f'<polygon class="area {kind}" points="{path}"/>')

    def rule(self, x: float, words: str) -> None:
        """A vertical line at `x`, named above it."""
        at, top = self._at(x, self._y.high)
        bottom = self._height - _BOTTOM
        anchor = "end" if self._x.place(x) > _MIDDLE else "start"
        self._drawn.append(
            f'<line class="rule" x1="{at:.1f}" y1="{top - 6:.1f}" x2="{at:.1f}" y2="{bottom}"/>'
            f'<text class="note" x="{at:.1f}" y="{top - 10:.1f}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def svg(self) -> str:
        """The plot."""
        return (
            f'<svg class="plot" viewBox="0 0 {self._width} {self._height}" role="img" '
            f'aria-label="{escape(self._title)}">{self._frame()}{"".join(self._drawn)}</svg>'
        )

    def _frame(self) -> str:
        left, right = _LEFT, self._width - _RIGHT
        bottom = self._height - _BOTTOM
        parts = []
        for mark in self._y.marks:
            _, y = self._at(self._x.low, mark)
            parts.append(
                f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:,g}</text>'
            )
        for mark in self._x.marks:
            x, _ = self._at(mark, self._y.low)
            parts.append(
                f'<line class="tick" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}"/>'
                f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{mark:,g}</text>'
            )
        parts.append(
            f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
            f'<text class="unit" x="{right}" y="{self._height - 6}" text-anchor="end">'
            f"{escape(self._x.title)}</text>"
            f'<text class="unit" x="0" y="12">{escape(self._y.title)}</text>'
        )
        return "".join(parts)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        across = self._width - _LEFT - _RIGHT
        down = self._height - _TOP - _BOTTOM
        return _LEFT + across * self._x.place(x), _TOP + down * (1 - self._y.place(y))

    def _stairs(self, heights: Sequence[float], start: int) -> list[tuple[float, float]]:
        last = start + len(heights) - 1
        return [
            self._at(at, height)
            for left, height in enumerate(heights, start)
            for at in (left, min(left + 1, last))
        ]
