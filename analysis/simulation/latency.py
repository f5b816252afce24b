"""Percentiles of latencies, without drawing a single latency."""

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analysis.alarms import sliding
from analysis.alarms.operations import Series
from analysis.simulation.arrivals import Counts, some_of

_TAIL = np.linspace(0.0, 10.0, 201)
"""Levels of a distribution, as -ln(1 - level): evenly spaced in its upper tail."""

_SHARES = np.linspace(0.0, 1.0, 51)
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Latencies:
    """Two lognormal distributions: all is well, and `slow_times` slower; none beyond `most_ms`.

    Example:
        >>> usual = Latencies.around(p50_ms=40, p95_ms=110)
        >>> round(usual.over(110), 3)
        0.05
    """

    mean: float
    deviation: float
    slow_times: float = 1
    most_ms: float = np.inf
    _levels: NDArray[np.float64] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_levels", self._table())

    @classmethod
    def around(
        cls, *, p50_ms: float, p95_ms: float, slow_times: float = 1, most_ms: float = np.inf
    ) -> Self:
        """The distributions with this median and 95th percentile, when all is well."""
        deviation = np.log(p95_ms / p50_ms) / _NORMAL.inv_cdf(0.95)
        return cls(np.log(p50_ms), deviation, slow_times, most_ms)

    def over(self, ms: float) -> float:
        """The share of slow requests that would take more than `ms`."""
        mean = self.mean + np.log(self.slow_times)
        return 1 - _NORMAL.cdf((np.log(ms) - mean) / self.deviation)

    def at(self, level: Series, slow: Series) -> Series:
        """The latency at `level`, from 0 to 1, where a share of `slow` is slow; in milliseconds."""
        column = np.minimum(-np.log1p(-level), _TAIL[-1]) / _TAIL[1]
        row = slow * (_SHARES.size - 1)
        return np.minimum(np.exp(_between(self._levels, row, column)), self.most_ms)

    def _table(self) -> NDArray[np.float64]:
        """The logarithm of the latency, for each share that is slow and each level."""
        usual, slower = self.mean, self.mean + np.log(self.slow_times)
        reach = 6 * self.deviation
        logs = np.linspace(min(usual, slower) - reach, max(usual, slower) + reach, 600)
        below = [[_NORMAL.cdf((x - m) / self.deviation) for x in logs] for m in (usual, slower)]
        levels = -np.expm1(-_TAIL)
        mixed = ((1 - share) * np.array(below[0]) + share * np.array(below[1]) for share in _SHARES)
        return np.array([np.interp(levels, below, logs) for below in mixed])


@dataclass(frozen=True, slots=True)
class Latency:
    """The latencies of `requests`, of which `slow` are slow; a percentile of a sliding period.

    How far a sample's percentile is off by chance is told by how many of its requests lie beyond
    the distribution's own: one draw a minute, which stays in the period as long as the minute does.
    The percentile is put where, on average, as many evenly spread ones leave the wanted share
    above. Beside real samples its 10th, 50th and 90th percentile are within 2 % for 2,000 requests,
    5 % for 200 and 15 % for 50.
    """

    requests: Counts
    slow: Counts
    latencies: Latencies

    def percentile(self, level: float, minutes: int, chance: np.random.Generator) -> Series:
        """At each minute that of the last `minutes`, in milliseconds; NaN without a request."""
        beyond = some_of(chance, self.requests, 1 - level)
        total, tail, slow = (
            sliding.sums(counts.astype(float), minutes)
            for counts in (self.requests, beyond, self.slow)
        )
        above = (1 - level) * (total + 1)
        there = np.where(
            tail >= above,
            1 - (1 - level) * above / (tail + 1),
            level * (1 - (above - tail) / (total - tail + 1)),
        )
        values = self.latencies.at(there, slow / np.maximum(total, 1))
        return np.where(total > 0, values, np.nan)


def _between(table: NDArray[np.float64], row: Series, column: Series) -> Series:
    """Linear between the four neighbours."""
    top = np.minimum(row.astype(int), table.shape[0] - 2)
    left = np.minimum(column.astype(int), table.shape[1] - 2)
    down, right = row - top, column - left
    flat, at = table.ravel(), top * table.shape[1] + left
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    below = at + table.shape[1]
    lower = flat[below] * (1 - right) + flat[below + 1] * right
    value: Series = upper * (1 - down) + lower * down
    return value
