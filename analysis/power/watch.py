"""The alarm of a share over the time that it watches: how likely it turns red."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self, TypeAlias

from analysis.power.filling import FULL, ever_while_filling
from analysis.power.periods import ever_m_of_n
from analysis.power.share import Flow, Share, over_threshold, turns_over
from analysis.windows import Window

Minutes: TypeAlias = Sequence[tuple[int, float]]
"""Runs of minutes: how many, and the requests to expect in each."""

_CERTAIN = 1e-4
"""What is left of a doubt under a hundredth of a percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The alarm of a share in numbers: what is too much, and how long it looks.

    It begins with nothing counted: a new version, or users who have just come to the candidate.
    Metrics count as there at once; on AWS they are a minute or two late.

    Example:
        >>> bake = Watch(
        ...     threshold_percent=2, minimum_requests=10, minimum_failures=2, period_minutes=10)
        >>> round(bake.sees([(10, 2.0)], failing_percent=20), 2)
        0.91

    Raises:
        ValueError: a threshold that is no share, nothing to count, or more datapoints than periods.
    """

    threshold_percent: float
    minimum_requests: int
    minimum_failures: int
    period_minutes: int = 1
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.threshold_percent < 100:
            raise ValueError(
                "threshold_percent is a share of requests, over 0 and under 100, such as 2; got "
                f"{self.threshold_percent!r}"
            )
        if min(self.minimum_requests, self.minimum_failures, self.period_minutes) < 1:
            raise ValueError(
                "minimum_requests, minimum_failures and period_minutes are 1 or more; got "
                f"{self.minimum_requests!r}, {self.minimum_failures!r} and {self.period_minutes!r}"
            )
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(
                "an alarm is red in 1 or more of its periods, and at most in all of them; got "
                f"{self.datapoints_to_alarm!r} of {self.evaluation_periods!r}"
            )

    @classmethod
    def of(cls, window: Window, *, threshold_percent: float) -> Self:
        """The alarm of a share with this window."""
        return cls(
            threshold_percent=threshold_percent,
            minimum_requests=window.minimum_requests,
            minimum_failures=window.minimum_failures,
            period_minutes=window.minutes,
            evaluation_periods=window.evaluation_periods,
            datapoints_to_alarm=window.datapoints_to_alarm,
        )

    def sees(self, minutes: Minutes, *, failing_percent: float) -> float:
        """The chance that the alarm turns red in these minutes, while so many requests fail.

        Exact for periods of a minute and, to a tenth of a point at a threshold of 2 %, for one
        period as far as it reaches. Beyond that, and for several longer periods, a floor:
        CloudWatch looks at every minute's sliding period, and only those that do not overlap are
        counted here.

        Raises:
            ValueError: no percentage, or less than no time or requests.
        """
        requests = _each(minutes, failing_percent)
        if self.evaluation_periods > 1:
            return ever_m_of_n(
                [
                    (count, self._over(total, failing_percent))
                    for count, total in self._periods(requests)
                ],
                m=self.datapoints_to_alarm,
                n=self.evaluation_periods,
            )
        unseen = math.prod(
            (1 - self._over(total, failing_percent)) ** count
            for count, total in self._periods(requests[self.period_minutes :])
        )
        if unseen > _CERTAIN:
            unseen *= 1 - self._sees_first(requests, failing_percent)
        return 1 - unseen

    def errs(self, minutes: Minutes, *, failing_percent: float) -> float:
        """The chance of an alarm that nobody wants, while so few requests fail.

        As `sees`, but beyond one long period on the high side: that it turns red is taken to depend
        on the minute before alone. Mostly that is a tenth too much; 2.5 times where a period has
        about as many requests as make the fewest bad ones just the threshold, such as 2 of 100.
        """
        if self.evaluation_periods > 1:
            return self.sees(minutes, failing_percent=failing_percent)
        requests = _each(minutes, failing_percent)
        calm = 1 - self._sees_first(requests, failing_percent)
        for count, a_minute in _runs(requests[self.period_minutes :]):
            if a_minute > FULL:
                continue
            flow = Flow.of(a_minute, failing_percent)
            calm *= (1 - turns_over(self._share, self.period_minutes, flow)) ** count
        return 1 - calm

    @property
    def _share(self) -> Share:
        return Share(self.threshold_percent, self.minimum_requests, self.minimum_failures)

    def _over(self, requests: float, failing_percent: float) -> float:
        return over_threshold(self._share, Flow.of(requests, failing_percent))

    def _sees_first(self, requests: Sequence[float], failing_percent: float) -> float:
        first = [Flow.of(each, failing_percent) for each in requests[: self.period_minutes]]
        return ever_while_filling(self._share, first)

    def _periods(self, requests: Sequence[float]) -> Iterator[tuple[int, float]]:
        """Runs of whole periods that do not overlap, and the requests in each."""
        long = self.period_minutes
        ends = range(long, len(requests) + 1, long)
        return _runs([sum(requests[end - long : end]) for end in ends])


def _each(minutes: Minutes, failing_percent: float) -> list[float]:
    if not 0 <= failing_percent <= 100:
        raise ValueError(f"failing_percent is from 0 to 100; got {failing_percent!r}")
    for count, requests in minutes:
        if count < 0 or not 0 <= requests < math.inf:
            raise ValueError(
                "minutes are how many, and the requests in each, such as (10, 7.5); got "
                f"{(count, requests)!r}"
            )
    return [requests for count, requests in minutes for _ in range(count)]


def _runs(values: Sequence[float]) -> Iterator[tuple[int, float]]:
    return ((len(list(same)), value) for value, same in groupby(values))
