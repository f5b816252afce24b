"""The alarm of a rate over the time that it watches: how likely it turns red, at least.

Requests come by chance, so many on average (Poisson), and each fails by chance. So the good and
the bad ones are two counts that do not depend on each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias

from analysis.power.counts import Poisson, ever_m_of_n, last_m_of_n
from analysis.rules import AlarmKind, AlarmRule, Window

MinuteRuns: TypeAlias = Sequence[tuple[int, float]]
"""Runs of minutes: how many, and the requests to expect in each."""

PeriodRuns: TypeAlias = Sequence[tuple[int, float]]
"""The same of periods."""

_FEW = 5
"""Periods whose every course is followed; of more of them, only the last ones are looked at."""


class Parts(NamedTuple):
    """Of the requests, from 0 to 1: those that an alarm counts as good, and as bad."""

    good: float
    bad: float

    @classmethod
    def of(cls, failing_percent: float, *, part: float = 1) -> Self:
        """Of a `part` of the requests, `failing_percent` are bad.

        Raises:
            ValueError: no percentage.
        """
        if not 0 <= failing_percent <= 100:
            raise ValueError(f"failing_percent is from 0 to 100; got {failing_percent!r}")
        return cls(part * (100 - failing_percent) / 100, part * failing_percent / 100)


@dataclass(frozen=True, slots=True)
class RateAlarm:
    """The alarm of an error rate in numbers: what is too much, and how long it looks.

    It begins with nothing counted: a new version, or users who have just come to the candidate.

    Example:
        >>> from datetime import timedelta
        >>> bake = RateAlarm(2, Window(period=timedelta(minutes=10), minimum_requests=10))
        >>> round(bake.at_least(bake.periods([(10, 2.0)]), Parts.of(20)), 2)
        0.91
        >>> bake.good_beside(2)
        range(0, 98)

    Attributes:
        fewest: failures without which no period is over the threshold.

    Raises:
        ValueError: a threshold that is no percentage of requests.
    """

    threshold_percent: float
    window: Window
    fewest: int = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.threshold_percent < 100:
            raise ValueError(
                "threshold_percent is a rate of requests, over 0 and under 100, such as 2; got "
                f"{self.threshold_percent!r}"
            )
        over = math.floor(self.threshold_percent * self.window.minimum_requests / 100) + 1
        object.__setattr__(self, "fewest", max(self.window.minimum_failures, over))

    @classmethod
    def of(cls, rule: AlarmRule) -> Self:
        """The alarm that follows `rule`.

        Raises:
            ValueError: it is no alarm of a rate.
        """
        if rule.kind is not AlarmKind.RATE:
            raise ValueError(f"{rule.name} is no rate but a {rule.kind}: it has no power")
        return cls(rule.threshold, rule.window)

    def good_beside(self, failures: int) -> range:
        """How many good requests leave a period with `failures` over the threshold."""
        if failures < self.fewest:
            return range(0)
        return range(max(0, math.ceil(100 * failures / self.threshold_percent) - failures))

    def periods(self, minutes: MinuteRuns) -> PeriodRuns:
        """The requests of its periods, counted back from the last minute; the first may be shorter.

        Raises:
            ValueError: less than no time or requests.
        """
        for count, requests in minutes:
            if count < 0 or not 0 <= requests < math.inf:
                raise ValueError(
                    "minutes are how many, and the requests in each, such as (10, 7.5); got "
                    f"{(count, requests)!r}"
                )
        period = self.window.minutes
        found, filled, under_way = [], 0, 0.0
        for count, requests in reversed(minutes):
            first = min(count, (period - filled) % period)
            filled, under_way = filled + first, under_way + first * requests
            if filled == period:
                found.append((1, under_way))
                filled, under_way = 0, 0.0
            whole, rest = divmod(count - first, period)
            if whole:
                found.append((whole, period * requests))
            filled, under_way = filled + rest, under_way + rest * requests
        if filled:
            found.append((1, under_way))
        return found[::-1]

    def at_least(self, periods: PeriodRuns, parts: Parts) -> float:
        """The chance that it turns red in these `periods`, or less than that.

        CloudWatch looks each minute at the period up to then. Only periods that do not overlap are
        counted here, and of more than five that are looked at together only the last ones.
        """
        over = [(count, self._over(requests, parts)) for count, requests in periods]
        m, n = self.window.datapoints_to_alarm, self.window.evaluation_periods
        if n <= _FEW:
            return ever_m_of_n(over, m=m, n=n)
        return last_m_of_n(over, m=m, n=n)

    def _over(self, requests: float, parts: Parts) -> float:
        """The chance that a period with so many requests is over the threshold."""
        good = Poisson(requests * parts.good)
        over = sum(
            chance * good.within(self.good_beside(bad))
            for bad, chance in Poisson(requests * parts.bad)
            if bad >= self.fewest
        )
        return min(1.0, over)
