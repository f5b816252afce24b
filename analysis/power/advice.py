"""What synthesis says of a canary that would hardly see a failure, and what would do."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from analysis.format import chance_at_least, count
from analysis.power.canaries import A_DAY, ExposureRates, ShadowEvidence, code_at_least
from analysis.power.counts import chance_of_anybody
from analysis.power.rate_alarm import RateAlarm
from analysis.rules import VISIBLE_AFTER, CanaryWindows, Window
from analysis.traffic import Shift, Traffic

_FAILING_PERCENT = 20
_ENOUGH = 0.8

_PERCENTS = (1, 2, 5, 10, 20, 50)
_BAKES = (10, 15, 30, 60, 120, 240, 480, 1_440, 2_880)
"""Minutes; the longest is CodeDeploy's."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """A shift, the chance that it sees a failure, and the requests that fail, on average."""

    shift: Shift
    chance: float
    failed: float

    @classmethod
    def of(cls, shift: Shift, alarm: RateAlarm, traffic: Traffic) -> "_Tried":
        """A version that is not seen fails for a day, until people see it."""
        chance = code_at_least(traffic, shift, alarm, failing_percent=_FAILING_PERCENT)
        on_new = sum(minutes * percent / 100 for minutes, percent in shift.steps)
        shifting = traffic.per_minute * on_new
        seen = min(shifting, _until_red(alarm, traffic.per_minute * shift.first_percent / 100))
        missed = shifting + traffic.requests_per_day
        share = _FAILING_PERCENT / 100
        return cls(shift, chance, share * (chance * seen + (1 - chance) * missed))


def _until_red(alarm: RateAlarm, a_minute: float) -> float:
    """Requests of which enough fail, and those that come until CloudWatch has seen them."""
    window = alarm.window
    needed = 100 * alarm.fewest / _FAILING_PERCENT
    minutes = math.ceil(needed / a_minute) + (window.datapoints_to_alarm - 1) * window.minutes
    return a_minute * (minutes + VISIBLE_AFTER / timedelta(minutes=1))


def underpowered_code(
    alarm: RateAlarm, traffic: Traffic, shift: Shift, *, given: Window | None = None
) -> str | None:
    """What is to be said where a new version that fails 20 % is seen with less than 80 %.

    Names the canary that would do with the fewest failed requests, and of those the shortest.
    `alarm` is the one there is, `given` the window of any other - by the rule.
    """
    there = _Tried.of(shift, alarm, traffic)
    if there.chance >= _ENOUGH:
        return None
    others = (
        _Tried.of(other, _by_rule(alarm, traffic, other, given), traffic) for other in _shifts()
    )
    enough = (other for other in others if other.chance >= _ENOUGH)
    best = min(enough, key=lambda other: (round(other.failed), other.shift.minutes), default=None)
    return (
        f"{_named(shift)} sees a new version that fails {_FAILING_PERCENT} % of its requests "
        f"with a chance of {chance_at_least(there.chance)} at {count(traffic.requests_per_day)} "
        f"requests a day, so that about {_rounded(there.failed)} of them fail; "
        + (
            f"{_named(best.shift)} would do, with {chance_at_least(best.chance)} and about "
            f"{_rounded(best.failed)}"
            if best
            else _evidence(traffic)
        )
    )


def underpowered_exposure(
    alarms: ExposureRates,
    traffic: Traffic,
    percent: float,
    *,
    within: timedelta,
    given: Window | None = None,
) -> str | None:
    """What is to be said where a candidate that fails 20 % is seen in a day with less than 80 %.

    Counts that the canary of `percent` may hold nobody. Names the smallest percentage that would
    do, which harms the fewest users. Where it is 0 nobody is exposed, and nothing is to be seen.
    `alarms` and `given` are as for the code canary; `within` is how long one watches.
    """

    def tried(other: float) -> float:
        windows = CanaryWindows.for_exposure(traffic, other, within=within, given=given)
        return at_least(
            other,
            ExposureRates(
                RateAlarm(alarms.errors.threshold_percent, windows.error_rate),
                RateAlarm(alarms.mismatches.threshold_percent, windows.mismatch_rate),
            ),
        )

    def at_least(other: float, looks: ExposureRates) -> float:
        return looks.at_least(
            traffic, other, failing_percent=_FAILING_PERCENT, within=min(within, A_DAY)
        )

    chance = at_least(percent, alarms) if percent else 1.0
    if chance >= _ENOUGH:
        return None
    chances = ((other, tried(other)) for other in _PERCENTS)
    nearest = next((each for each in chances if each[1] >= _ENOUGH), None)
    return (
        f"a canary of {percent:g} % of {traffic.users:,} users holds anybody with a chance of "
        f"{chance_at_least(chance_of_anybody(traffic.users, percent))}, and a candidate that "
        f"fails {_FAILING_PERCENT} % of its requests, and of the copies, is seen within a day with "
        f"{chance_at_least(chance)}; "
        + (
            f"{nearest[0]} % would do, with {chance_at_least(nearest[1])}"
            if nearest
            else _evidence(traffic)
        )
    )


def _by_rule(alarm: RateAlarm, traffic: Traffic, shift: Shift, given: Window | None) -> RateAlarm:
    window = CanaryWindows.for_code(traffic, shift, given=given).error_rate
    return RateAlarm(alarm.threshold_percent, window)


def _shifts() -> Iterator[Shift]:
    for minutes in _BAKES:
        for percent in _PERCENTS:
            yield Shift.canary(minutes=minutes, percent=percent)


def _named(shift: Shift) -> str:
    if not shift.steps:
        return "a shift all at once"
    minutes = shift.minutes
    time = f"{minutes} minutes" if minutes <= 60 else f"{minutes / 60:g} hours"
    first, last = shift.steps[0][1], shift.steps[-1][1]
    return f"a canary of {first} % for {time}" if first == last else f"a shift of {time}"


def _rounded(requests: float) -> str:
    """To two digits."""
    return count(float(f"{round(requests):.2g}"))


def _evidence(traffic: Traffic) -> str:
    evidence = ShadowEvidence.of(traffic)
    days = math.ceil(10 * evidence.days) / 10
    return f"no canary would do: rely on shadow evidence, {evidence.pairs:,} pairs in {days:g} days"
