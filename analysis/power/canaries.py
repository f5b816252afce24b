"""The power of the two canaries: what an alarm sees of a share of invocations, or of users."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

from analysis.format import chance_at_least
from analysis.power.distribution import chance_of_anybody, parts_held
from analysis.power.rate_alarm import MinuteRuns, RateAlarm
from analysis.rules import CanaryWindows, Window
from analysis.traffic import Shift, Traffic
from judge import pairs_needed

FAILING_PERCENTS = (1, 5, 20, 100)
"""The failures that a power is told for."""

HEALTHY_PERCENT = 0.1
"""Requests that fail when all is well."""

A_DAY = 1_440
"""Minutes in which the data-source canary should see a failure."""


@dataclass(frozen=True, slots=True)
class Power:
    """What an alarm sees of a canary, as chances and shares from 0 to 1.

    Attributes:
        detection: the chance to go back in time, by the percentage of requests that fail.
        false_rollback: the chance to go back from what is healthy.
        anybody: the chance that the canary holds a user at all.
        share: the part of the traffic that it then has.

    Example:
        >>> day = RateAlarm(2, Window(period=timedelta(days=1), minimum_requests=5))
        >>> power = power_of_exposure(Traffic.per_day(1_000, users=50), 1, day, days=7)
        >>> f"holds somebody: {power.anybody:.1%}, seen: {power.detection[20]:.1%}"  # of 50 users
        'holds somebody: 39.5%, seen: 36.7%'
    """

    detection: Mapping[float, float]
    false_rollback: float
    anybody: float
    share: float


def power_of_code(
    traffic: Traffic,
    shift: Shift,
    alarm: RateAlarm,
    *,
    healthy_percent: float = HEALTHY_PERCENT,
) -> Power:
    """The power of a code canary, which takes a share of the invocations.

    Args:
        traffic: of the route.
        shift: how the new version takes over; all at once nothing is seen, since CodeDeploy
            watches no version that has all.
        alarm: on its error rate.
        healthy_percent: requests that fail when all is well - 1 in 1,000.

    Raises:
        ValueError: a percentage that is not from 0 to 100, or less than no time.
    """
    minutes = _minutes_of_code(traffic, shift)
    whole = sum(count for count, _ in minutes)
    on_canary = sum(count * requests for count, requests in minutes)
    return Power(
        detection={
            failing: code_detection(traffic, shift, alarm, failing_percent=failing)
            for failing in FAILING_PERCENTS
        },
        false_rollback=alarm.false_alarm(minutes, failing_percent=healthy_percent),
        anybody=1.0 if on_canary else 0.0,
        share=on_canary / (traffic.per_minute * max(1, whole)),
    )


def code_detection(
    traffic: Traffic,
    shift: Shift,
    alarm: RateAlarm,
    *,
    failing_percent: float,
) -> float:
    """The chance that the alarm of a code canary turns red before the new version has all."""
    return alarm.detection(_minutes_of_code(traffic, shift), failing_percent=failing_percent)


def _minutes_of_code(traffic: Traffic, shift: Shift) -> MinuteRuns:
    """The requests to expect on a new version."""
    return [(count, traffic.per_minute * percent / 100) for count, percent in shift.steps]


def power_of_exposure(
    traffic: Traffic,
    percent: float,
    alarm: RateAlarm,
    *,
    days: float,
    healthy_percent: float = HEALTHY_PERCENT,
) -> Power:
    """The power of a data-source canary, which takes a share of the users, always the same ones.

    How many it holds is chance, and each of them has the same part of the traffic. A failure is to
    be seen within a day of the canary's first request.

    Args:
        traffic: of the route.
        percent: of the users.
        alarm: on its error rate.
        days: from launch to clean-up; a false rollback may come in all of them.
        healthy_percent: requests that fail when all is well - 1 in 1,000.

    Raises:
        ValueError: a percentage that is not from 0 to 100, or less than no time.
    """
    watched = _minutes_of_users(traffic, percent, int(days * A_DAY))
    anybody = chance_of_anybody(traffic.users, percent)
    return Power(
        detection={
            failing: exposure_detection(traffic, percent, alarm, days=days, failing_percent=failing)
            for failing in FAILING_PERCENTS
        },
        false_rollback=sum(
            chance * alarm.false_alarm(minutes, failing_percent=healthy_percent)
            for chance, minutes in watched
        ),
        anybody=anybody,
        share=_part(percent) / anybody if anybody else 0.0,
    )


def exposure_detection(
    traffic: Traffic, percent: float, alarm: RateAlarm, *, days: float, failing_percent: float
) -> float:
    """The chance that the alarm of a data-source canary turns red within its first day."""
    first_day = _minutes_of_users(traffic, percent, int(min(days, 1) * A_DAY))
    return sum(
        chance * alarm.detection(minutes, failing_percent=failing_percent)
        for chance, minutes in first_day
    )


def _minutes_of_users(
    traffic: Traffic, percent: float, minutes: int
) -> list[tuple[float, MinuteRuns]]:
    """The requests to expect on the candidate, by how many users it holds, with their chances."""
    return [
        (chance, [(minutes, traffic.per_minute * part)])
        for chance, part in parts_held(traffic.users, 100 * _part(percent))
    ]


def _part(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise ValueError(f"a canary takes from 0 to 100 percent; got {percent!r}")
    return percent / 100


# Evidence beside the canaries


@dataclass(frozen=True, slots=True)
class ShadowEvidence:
    """The pairs without mismatch after which the judge says PASS, and the days that they take.

    Example:
        >>> evidence = ShadowEvidence.of(Traffic.per_day(1_000, users=50), tolerance_percent=0.1)
        >>> f"{evidence.pairs:,} pairs in {evidence.days:.1f} days"
        '4,876 pairs in 4.9 days'
    """

    pairs: int
    days: float

    @classmethod
    def of(
        cls, traffic: Traffic, *, tolerance_percent: float = 0.1, shadow_percent: float = 100
    ) -> Self:
        """For a mismatch under `tolerance_percent`, with `shadow_percent` of requests copied.

        Raises:
            ValueError: a tolerance that is no percentage, or nothing copied.
        """
        if not 0 < shadow_percent <= 100:
            raise ValueError(
                f"shadow_percent is over 0 and at most 100 percent; got {shadow_percent!r}"
            )
        pairs = pairs_needed(tolerance_percent)
        return cls(pairs, pairs / (traffic.requests_per_day * shadow_percent / 100))


# Warnings

_FAILING_PERCENT = 20
_ENOUGH = 0.8

_PERCENTS = (1, 2, 5, 10, 20, 50)
_BAKES = (10, 15, 30, 60, 120, 240, 480, 1_440, 2_880)
"""Minutes; the longest is CodeDeploy's."""

_Setting = TypeVar("_Setting")


def underpowered_code(
    alarm: RateAlarm, traffic: Traffic, shift: Shift, *, given: Window | None = None
) -> str | None:
    """What is to be said where a new version that fails 20 % is seen with less than 80 %.

    Names the nearest canary that would do: more percent for as long or, where that is a smaller
    step, as many percent for longer. `alarm` is the one there is, `given` the window of any other
    - by the rule.
    """

    def tried(other: Shift) -> float:
        window = CanaryWindows.for_code(traffic, other, given=given).error_rate
        return detection(other, RateAlarm(alarm.threshold_percent, window))

    def detection(other: Shift, looks: RateAlarm) -> float:
        return code_detection(traffic, other, looks, failing_percent=_FAILING_PERCENT)

    chance = detection(shift, alarm)
    if chance >= _ENOUGH:
        return None
    found = [_first_enough(others, tried) for others in _nearby(shift)]
    nearest = min(filter(None, found), key=lambda each: _size(each[0]), default=None)
    return (
        f"{_named(shift)} sees a new version that fails {_FAILING_PERCENT} % of its requests "
        f"with a chance of {chance_at_least(chance)} at {traffic.requests_per_day:,.0f} requests a "
        "day; " + (_would_do(_named(nearest[0]), nearest[1]) if nearest else _evidence(traffic))
    )


def underpowered_exposure(
    alarm: RateAlarm,
    traffic: Traffic,
    percent: float,
    *,
    within: timedelta,
    given: Window | None = None,
) -> str | None:
    """What is to be said where a candidate that fails 20 % is seen in a day with less than 80 %.

    Counts that the canary of `percent` may hold nobody. Names the smallest percentage that would
    do. Where it is 0 nobody is exposed, and nothing is to be seen. `alarm` and `given` are as for
    the code canary; `within` is how long one watches.
    """

    def tried(other: float) -> float:
        windows = CanaryWindows.for_exposure(traffic, other, within=within, given=given)
        return detection(other, RateAlarm(alarm.threshold_percent, windows.error_rate))

    def detection(other: float, looks: RateAlarm) -> float:
        days = within / timedelta(days=1)
        return exposure_detection(
            traffic, other, looks, days=days, failing_percent=_FAILING_PERCENT
        )

    chance = detection(percent, alarm) if percent else 1.0
    if chance >= _ENOUGH:
        return None
    nearest = _first_enough(_PERCENTS, tried)
    return (
        f"a canary of {percent:g} % of {traffic.users:,} users holds anybody with a chance of "
        f"{chance_at_least(chance_of_anybody(traffic.users, percent))}, and sees a candidate that "
        f"fails {_FAILING_PERCENT} % of its requests within a day with {chance_at_least(chance)}; "
        + (_would_do(f"{nearest[0]} %", nearest[1]) if nearest else _evidence(traffic))
    )


def _nearby(shift: Shift) -> list[Iterable[Shift]]:
    """More percent for as long, and as many percent for longer."""
    bake = shift.minutes or _BAKES[0]
    return [
        (Shift.canary(minutes=bake, percent=percent) for percent in _PERCENTS),
        (
            Shift.canary(minutes=minutes, percent=shift.first_percent)
            for minutes in _BAKES
            if shift.steps
        ),
    ]


def _size(shift: Shift) -> int:
    return sum(minutes * percent for minutes, percent in shift.steps)


def _first_enough(
    settings: Iterable[_Setting], detection: Callable[[_Setting], float]
) -> tuple[_Setting, float] | None:
    tried = ((setting, detection(setting)) for setting in settings)
    return next(((setting, chance) for setting, chance in tried if chance >= _ENOUGH), None)


def _named(shift: Shift) -> str:
    if not shift.steps:
        return "a shift all at once"
    minutes = shift.minutes
    time = f"{minutes} minutes" if minutes <= 60 else f"{minutes / 60:g} hours"
    first, last = shift.steps[0][1], shift.steps[-1][1]
    return f"a canary of {first} % for {time}" if first == last else f"a shift of {time}"


def _would_do(setting: str, chance: float) -> str:
    return f"{setting} would do, with {chance_at_least(chance)}"


def _evidence(traffic: Traffic) -> str:
    evidence = ShadowEvidence.of(traffic)
    days = math.ceil(10 * evidence.days) / 10
    return f"no canary would do: rely on shadow evidence, {evidence.pairs:,} pairs in {days:g} days"
