"""The alarm of a rate over the time that it watches: how likely it turns red.

Requests come by chance, so many on average (Poisson), and each fails by chance. So the good and
the bad ones are two counts that do not depend on each other.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Self, TypeAlias

from analysis.power.distribution import Distribution, ever_m_of_n
from analysis.rules import AlarmKind, AlarmRule, Window

MinuteRuns: TypeAlias = Sequence[tuple[int, float]]
"""Runs of minutes: how many, and the requests to expect in each."""

_CERTAIN = 1e-4
"""What is left of a doubt under a hundredth of a percent."""

_SPARSE = 1 / 3
"""Requests a minute up to which two in one minute are rare."""

FULL = 1_000
"""Requests a minute over which a rate is hardly a matter of chance any more."""

_LOOKS = 60


@dataclass(frozen=True, slots=True)
class RateAlarm:
    """The alarm of an error rate in numbers: what is too much, and how long it looks.

    It begins with nothing counted: a new version, or users who have just come to the candidate.
    Metrics count as there at once; on AWS they are a minute or two late.

    Example:
        >>> from datetime import timedelta
        >>> bake = RateAlarm(2, Window(period=timedelta(minutes=10), minimum_requests=10))
        >>> round(bake.detection([(10, 2.0)], failing_percent=20), 2)
        0.91
        >>> bake.most_failures(150), bake.good_beside(2)
        (3, range(8, 98))

    Raises:
        ValueError: a threshold that is no percentage of requests.
    """

    threshold_percent: float
    window: Window

    def __post_init__(self) -> None:
        if not 0 < self.threshold_percent < 100:
            raise ValueError(
                "threshold_percent is a rate of requests, over 0 and under 100, such as 2; got "
                f"{self.threshold_percent!r}"
            )

    @classmethod
    def of(cls, rule: AlarmRule) -> Self:
        """The alarm that follows `rule`.

        Raises:
            ValueError: it is no alarm of a rate.
        """
        if rule.kind is not AlarmKind.RATE:
            raise ValueError(f"{rule.name} is no rate but a {rule.kind}: it has no power")
        return cls(rule.threshold, rule.window)

    def most_failures(self, requests: int) -> int:
        """How many of `requests` may fail without being over the threshold."""
        if requests < self.window.minimum_requests:
            return requests
        allowed = int(requests * self.threshold_percent / 100)
        return max(self.window.minimum_failures - 1, allowed)

    def good_beside(self, failures: int) -> range:
        """How many good requests leave a period with `failures` over the threshold."""
        if failures < self.window.minimum_failures:
            return range(0)
        enough = max(0, self.window.minimum_requests - failures)
        most = math.ceil(100 * failures / self.threshold_percent) - failures
        return range(enough, max(enough, most))

    def detection(self, minutes: MinuteRuns, *, failing_percent: float) -> float:
        """The chance that the alarm turns red in these minutes, while so many requests fail.

        Exact for periods of a minute and, to a tenth of a point at a threshold of 2 %, for one
        period as far as it reaches. Beyond that, and for several longer periods, a floor:
        CloudWatch looks at every minute's sliding period, and only those that do not overlap are
        counted here.

        Raises:
            ValueError: no percentage, or less than no time or requests.
        """
        requests = _each(minutes, failing_percent)
        if self.window.evaluation_periods > 1:
            return ever_m_of_n(
                [
                    (count, self._over(total, failing_percent))
                    for count, total in self._periods(requests)
                ],
                m=self.window.datapoints_to_alarm,
                n=self.window.evaluation_periods,
            )
        unseen = math.prod(
            (1 - self._over(total, failing_percent)) ** count
            for count, total in self._periods(requests[self.window.minutes :])
        )
        if unseen > _CERTAIN:
            unseen *= 1 - self._detected_in_first(requests, failing_percent)
        return 1 - unseen

    def false_alarm(self, minutes: MinuteRuns, *, failing_percent: float) -> float:
        """The chance of an alarm that nobody wants, while so few requests fail.

        As `detection`, but beyond one long period on the high side: that it turns red
        is taken to depend on the minute before alone. Mostly that is a tenth too much; 2.5 times
        where a period has about as many requests as make the minimum of failures just the
        threshold, such as 2 of 100.
        """
        if self.window.evaluation_periods > 1:
            return self.detection(minutes, failing_percent=failing_percent)
        requests = _each(minutes, failing_percent)
        calm = 1 - self._detected_in_first(requests, failing_percent)
        for count, a_minute in _runs(requests[self.window.minutes :]):
            if a_minute > FULL:
                continue
            flow = Flow.of(a_minute, failing_percent)
            calm *= (1 - turns_over(self, self.window.minutes, flow)) ** count
        return 1 - calm

    def _over(self, requests: float, failing_percent: float) -> float:
        return over_threshold(self, Flow.of(requests, failing_percent))

    def _detected_in_first(self, requests: Sequence[float], failing_percent: float) -> float:
        first = [Flow.of(each, failing_percent) for each in requests[: self.window.minutes]]
        return ever_while_filling(self, first)

    def _periods(self, requests: Sequence[float]) -> Iterator[tuple[int, float]]:
        """Runs of whole periods that do not overlap, and the requests in each."""
        long = self.window.minutes
        ends = range(long, len(requests) + 1, long)
        return _runs([sum(requests[end - long : end]) for end in ends])


class Flow(NamedTuple):
    """Good and bad requests to expect, in a minute or in a period."""

    good: float
    bad: float

    @classmethod
    def of(cls, requests: float, failing_percent: float) -> Self:
        """`requests`, of which `failing_percent` are bad."""
        return cls(requests * (100 - failing_percent) / 100, requests * failing_percent / 100)


def over_threshold(alarm: RateAlarm, flow: Flow) -> float:
    """The chance that a period with `flow` is over the threshold."""
    goods = Distribution.poisson(flow.good)
    bads = Distribution.poisson(flow.bad)
    return sum(chance * goods.within(alarm.good_beside(bad)) for bad, chance in bads)


def turns_over(alarm: RateAlarm, minutes: int, flow: Flow) -> float:
    """The chance that a sliding period of `minutes` is over the threshold, if it was not before.

    `flow` is that of a minute: one comes, one goes, and what is between stays.
    """
    goods, bads = map(Distribution.poisson, flow)
    kept_goods, kept_bads = (Distribution.poisson(mean * (minutes - 1)) for mean in flow)
    turned = calm = 0.0
    for bad, likely in kept_bads:
        beside = [(chance, alarm.good_beside(bad + more)) for more, chance in bads]
        for good, chance in kept_goods:
            over = sum(
                each * goods.within(range(enough.start - good, enough.stop - good))
                for each, enough in beside
            )
            turned += likely * chance * over * (1 - over)
            calm += likely * chance * (1 - over)
    return turned / calm if calm else 1.0


def ever_while_filling(alarm: RateAlarm, minutes: Sequence[Flow]) -> float:
    """The chance that a period, empty at first, is over the threshold after one of its `minutes`.

    Nothing leaves the period meanwhile. Up to one request in three minutes, it is looked at after
    each request instead. With more of them, good ones are counted in packets, and a period of over
    an hour is looked at 60 times. At a threshold of 2 % the first two move the chance by less than
    0.1 points, at 20 % by less than 0.6; the last is a floor. So is, with over 1,000 requests a
    minute, to look after the first of them and at the end only.

    Example:
        >>> from datetime import timedelta
        >>> alarm = RateAlarm(2, Window(period=timedelta(minutes=1), minimum_requests=2))
        >>> round(ever_while_filling(alarm, [Flow(good=0, bad=1)]), 3)  # 1 - 2 / e
        0.264
    """
    if all(sum(flow) <= _SPARSE for flow in minutes):
        return _by_request(alarm, _sum(minutes))
    if any(sum(flow) > FULL for flow in minutes):
        return max(over_threshold(alarm, flow) for flow in (minutes[0], _sum(minutes)))
    each = math.ceil(len(minutes) / _LOOKS)
    starts = range(0, len(minutes), each)
    return _by_look(alarm, [_sum(minutes[start : start + each]) for start in starts])


def _sum(flows: Sequence[Flow]) -> Flow:
    return Flow(sum(flow.good for flow in flows), sum(flow.bad for flow in flows))


def _by_request(alarm: RateAlarm, flow: Flow) -> float:
    """A chain over the bad ones of the requests so far, and over how many requests come."""
    requests = Distribution.poisson(sum(flow))
    chances = dict(requests)
    bad = flow.bad / sum(flow) if any(flow) else 0.0
    never = [1.0]
    over = found = 0.0
    for so_far in range(1, requests.stop):
        never = [
            none * (1 - bad) + one * bad
            for none, one in zip([*never, 0.0], [0.0, *never], strict=True)
        ]
        allowed = alarm.most_failures(so_far) + 1
        found += sum(never[allowed:])
        never = never[:allowed]
        over += chances.get(so_far, 0.0) * found
    return over


def _by_look(alarm: RateAlarm, looks: Sequence[Flow]) -> float:
    """A chain over the good and the bad requests so far.

    Where more than one good request comes from look to look, they are counted in packets on top of
    an even flow, with the mean and the variance of one by one: a rate hangs on the bad ones.
    """
    packet = max(1.0, math.sqrt(min(good for good, _ in looks)))
    never = {0: Distribution(0, [1.0])}
    over = evenly = 0.0
    for good, bad in looks:
        evenly += good * (1 - 1 / packet)
        packets, newly_bad = Distribution.poisson(good / packet**2), Distribution.poisson(bad)
        moved = defaultdict(list)
        for so_far, row in never.items():
            filled = row.plus(packets)
            for more, chance in newly_bad:
                moved[so_far + more].append((chance, filled))
        never = {}
        for so_far, parts in moved.items():
            beside = alarm.good_beside(so_far)
            edges = ((edge - 0.5 - evenly) / packet for edge in (beside.start, beside.stop))
            found, left = Distribution.mixture(parts).split(*edges)
            over += found
            never[so_far] = left.trimmed()
        never = {so_far: row for so_far, row in never.items() if row.chances}
    return over


def _each(minutes: MinuteRuns, failing_percent: float) -> list[float]:
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
