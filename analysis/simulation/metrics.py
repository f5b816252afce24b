"""What CloudWatch would hold of many rollouts, and when an alarm over it turns red."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analysis.alarms import Alarm, Metric, State, ranges, sums
from analysis.metric_math import Series
from analysis.rollout import Rollout
from analysis.simulation.scenario import PerMinute, RehearsalError, Scenario
from shadow_runtime.contract import NAMESPACE, Dimension, MetricName

RequestCounts = NDArray[np.int64]
"""One count for each rollout (first axis) and minute."""

_MEAN_AT = 9
"""The hour at which the day's curve passes its mean, upwards."""


def expected(rollout: Rollout, scenario: Scenario) -> PerMinute:
    """Requests to expect in each minute."""
    even = np.full(scenario.minutes, rollout.traffic.per_minute)
    if not scenario.daily_curve:
        return even
    launched = rollout.clean_up.hour + rollout.clean_up.minute / 60
    hours = launched + np.arange(scenario.minutes) / 60
    swing = 1 - rollout.traffic.trough
    return even * (1 + swing * np.sin(2 * math.pi * (hours - _MEAN_AT) / 24))


def poisson(rng: np.random.Generator, mean: PerMinute, rollouts: int) -> RequestCounts:
    """RequestCounts around `mean`, which is that of each minute, or of each rollout and minute."""
    return rng.poisson(mean, size=(rollouts, mean.shape[-1]))


def some_of(
    rng: np.random.Generator, counts: RequestCounts, share: PerMinute | float
) -> RequestCounts:
    """How many of `counts` are drawn, each with `share`."""
    if not np.any(share):
        return np.zeros_like(counts)
    return rng.binomial(counts, share)


# Latencies

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

    requests: RequestCounts
    slow: RequestCounts
    latencies: Latencies

    def percentile(self, level: float, minutes: int, rng: np.random.Generator) -> Series:
        """At each minute that of the last `minutes`, in milliseconds; NaN without a request."""
        beyond = some_of(rng, self.requests, 1 - level)
        total, tail, slow = (
            sums(counts.astype(float), minutes) for counts in (self.requests, beyond, self.slow)
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


# Metrics and alarms

_MINUTE = 60

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


def by_route(name: MetricName, route: str, **dimensions: str) -> Key:
    """Of ours: by route, and by what else is given."""
    given = {Dimension.ROUTE.value: route, **dimensions}
    return NAMESPACE, name.value, frozenset(given.items())


def by_function(name: str, function: str, **dimensions: str) -> Key:
    """Of Lambda: by function, and by what else is given; the alias is left out."""
    return "AWS/Lambda", name, frozenset({"FunctionName": function, **dimensions}.items())


def written(counts: RequestCounts, among: RequestCounts | None = None) -> Series:
    """The datapoints of a metric: none in a minute without any `among` which it counts.

    Lambda writes a 0 for what was invoked and went well; what we write has no zeros.
    """
    return np.where((counts if among is None else among) > 0, counts, np.nan)


@dataclass(frozen=True, slots=True)
class SimulatedMetrics:
    """Datapoints and latencies of each rollout and minute, by metric."""

    counts: Mapping[Key, Series]
    latencies: Mapping[Key, Latency]
    rng: np.random.Generator

    def first_red(self, name: str, alarm: Alarm) -> NDArray[np.float64]:
        """For each rollout the first minute at whose end the alarm is red; infinite for none.

        Raises:
            RehearsalError: it looks at something that is not played.
        """
        if alarm.period % _MINUTE:
            raise RehearsalError(f"{name} has a period of {alarm.period} s, not of whole minutes")
        minutes = alarm.period // _MINUTE
        points = alarm.formula.evaluate(
            {i: self._series(name, metric, minutes) for i, metric in alarm.metrics.items()}
        )
        states = alarm.states(ranges(points, minutes, alarm.evaluation_range))
        red = states == State.ALARM
        return np.where(red.any(axis=-1), red.argmax(axis=-1), np.inf)

    def _series(self, name: str, metric: Metric, minutes: int) -> Series:
        key = metric.namespace, metric.name, _dimensions(metric)
        percentile = re.fullmatch(r"p(\d+(\.\d+)?)", metric.statistic)
        if percentile and key in self.latencies:
            level = float(percentile[1]) / 100
            return self.latencies[key].percentile(level, minutes, self.rng)
        if metric.statistic == "Sum" and key in self.counts:
            return sums(self.counts[key], minutes)
        told = ", ".join(f"{name}={value}" for name, value in sorted(metric.dimensions))
        raise RehearsalError(
            f"{name} looks at {metric.statistic} of {metric.namespace} {metric.name} ({told}), "
            "which is not played in a rehearsal"
        )


def _dimensions(metric: Metric) -> frozenset[tuple[str, str]]:
    """Those of Lambda without `Resource`, which names function and alias once more."""
    function = dict(metric.dimensions).get("FunctionName", "")
    return frozenset(
        (name, value)
        for name, value in metric.dimensions
        if not (name == "Resource" and function in value)
    )


@dataclass(frozen=True, slots=True)
class FirstRed:
    """For each rollout, which alarm was red first, and when: minutes from the start."""

    guard: NDArray[np.int8]
    red_at: NDArray[np.float64]


def first_red(
    alarms: Mapping[str, Alarm], recorded: SimulatedMetrics, *, delay: int, until: float
) -> FirstRed:
    """The first alarm that can be seen red by `until`, `delay` minutes after its data's minute."""
    red_at = np.stack([recorded.first_red(name, alarm) for name, alarm in alarms.items()])
    red_at += 1 + delay
    red_at[red_at > until] = np.inf
    earliest = red_at.min(axis=0)
    guard = np.where(np.isinf(earliest), -1, red_at.argmin(axis=0))
    return FirstRed(guard.astype(np.int8), earliest)


def sum_until(counts: NDArray[np.number], minutes: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each rollout the sum of its counts before `minutes`, which may end within one."""
    whole = np.zeros((counts.shape[0], counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=whole[:, 1:])
    at = np.minimum(minutes, counts.shape[1])
    low = at.astype(int)
    high = np.minimum(low + 1, counts.shape[1])
    rows = np.arange(counts.shape[0])
    total: NDArray[np.float64] = whole[rows, low] * (low + 1 - at) + whole[rows, high] * (at - low)
    return total
