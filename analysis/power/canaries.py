"""The power of the two canaries: what an alarm sees of a share of invocations, or of users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.power.users import chance_of_anybody, parts_held
from analysis.power.watch import Minutes, Watch
from analysis.traffic import Traffic

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
        sees: the chance to go back in time, by the percentage of requests that fail.
        false_rollback: the chance to go back from what is healthy.
        anybody: the chance that the canary holds a user at all.
        share: the part of the traffic that it then has.

    Example:
        >>> day = Watch(
        ...     threshold_percent=2, minimum_requests=5, minimum_failures=2, period_minutes=1_440)
        >>> power = power_of_exposure(Traffic.per_day(1_000, users=50), 1, day, days=7)
        >>> f"holds somebody: {power.anybody:.1%}, seen: {power.sees[20]:.1%}"  # of 50 users
        'holds somebody: 39.5%, seen: 36.7%'
    """

    sees: Mapping[float, float]
    false_rollback: float
    anybody: float
    share: float


def power_of_code(
    traffic: Traffic,
    steps: Sequence[tuple[int, float]],
    watch: Watch,
    *,
    healthy_percent: float = HEALTHY_PERCENT,
) -> Power:
    """The power of a code canary, which takes a share of the invocations.

    Args:
        traffic: of the route.
        steps: minutes and percent of a new version before it has all - none is all at once, and
            sees nothing: CodeDeploy watches no version that has all.
        watch: the alarm.
        healthy_percent: requests that fail when all is well - 1 in 1,000.

    Raises:
        ValueError: a percentage that is not from 0 to 100, or less than no time.
    """
    minutes = _minutes_of_code(traffic, steps)
    whole = sum(count for count, _ in minutes)
    on_canary = sum(count * requests for count, requests in minutes)
    return Power(
        sees={
            failing: sees_code(traffic, steps, watch, failing_percent=failing)
            for failing in FAILING_PERCENTS
        },
        false_rollback=watch.errs(minutes, failing_percent=healthy_percent),
        anybody=1.0 if on_canary else 0.0,
        share=on_canary / (traffic.per_minute * max(1, whole)),
    )


def sees_code(
    traffic: Traffic,
    steps: Sequence[tuple[int, float]],
    watch: Watch,
    *,
    failing_percent: float,
) -> float:
    """The chance that the alarm of a code canary turns red before the new version has all."""
    return watch.sees(_minutes_of_code(traffic, steps), failing_percent=failing_percent)


def _minutes_of_code(traffic: Traffic, steps: Sequence[tuple[int, float]]) -> Minutes:
    """The requests to expect on a new version."""
    return [(count, traffic.per_minute * _part(percent)) for count, percent in steps]


def power_of_exposure(
    traffic: Traffic,
    percent: float,
    watch: Watch,
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
        watch: the alarm.
        days: from launch to clean-up; a false rollback may come in all of them.
        healthy_percent: requests that fail when all is well - 1 in 1,000.

    Raises:
        ValueError: a percentage that is not from 0 to 100, or less than no time.
    """
    watched = _minutes_of_users(traffic, percent, int(days * A_DAY))
    anybody = chance_of_anybody(traffic.users, percent)
    return Power(
        sees={
            failing: sees_exposure(traffic, percent, watch, days=days, failing_percent=failing)
            for failing in FAILING_PERCENTS
        },
        false_rollback=sum(
            chance * watch.errs(minutes, failing_percent=healthy_percent)
            for chance, minutes in watched
        ),
        anybody=anybody,
        share=_part(percent) / anybody if anybody else 0.0,
    )


def sees_exposure(
    traffic: Traffic, percent: float, watch: Watch, *, days: float, failing_percent: float
) -> float:
    """The chance that the alarm of a data-source canary turns red within its first day."""
    first_day = _minutes_of_users(traffic, percent, int(min(days, 1) * A_DAY))
    return sum(
        chance * watch.sees(minutes, failing_percent=failing_percent)
        for chance, minutes in first_day
    )


def _minutes_of_users(
    traffic: Traffic, percent: float, minutes: int
) -> list[tuple[float, Minutes]]:
    """The requests to expect on the candidate, by how many users it holds, with their chances."""
    return [
        (chance, [(minutes, traffic.per_minute * part)])
        for chance, part in parts_held(traffic.users, 100 * _part(percent))
    ]


def _part(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise ValueError(f"a canary takes from 0 to 100 percent; got {percent!r}")
    return percent / 100
