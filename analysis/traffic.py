"""What a route is used for, and how a new version takes over its invocations."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

_MINUTES_PER_DAY = 1_440
_FIRST_PERCENT = 1

_LONGEST_SHIFT = 2_880
"""Minutes: https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests that a route expects. Decides the windows of its alarms and their power.

    A day is no even flow: `trough` is the quietest hour's traffic as a part of the mean. By a
    quarter, with as much more in the busiest hour, that one has seven times as many requests. The
    windows are those of the trough, so that no alarm is blind at night.

    `METADATA` is the key under which a template holds it, beside the route's alias.

    Example:
        >>> Traffic.per_day(1_440_000, users=60_000).per_minute
        1000.0

    Raises:
        ValueError: no requests, no users, or a trough that is no part of the mean.
    """

    METADATA: ClassVar[str] = "shadow-canary:expected-traffic"

    requests_per_day: float
    users: int
    trough: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.requests_per_day < math.inf:
            raise ValueError(
                "expected_traffic needs the requests of an ordinary day, such as "
                f"Traffic.per_day(100_000, users=5_000); got {self.requests_per_day!r}"
            )
        if self.users < 1:
            raise ValueError(
                "expected_traffic needs the users of an ordinary day, 1 or more: a canary takes a "
                f"share of them; got users={self.users!r}"
            )

        if not 0 <= self.trough <= 1:
            raise ValueError(
                "expected_traffic has a trough from 0 (nobody comes at night) to 1 (as many at any "
                f"hour), a part of the mean; got trough={self.trough!r}"
            )

    @classmethod
    def per_day(cls, requests: float, *, users: int, trough: float = 0.25) -> Self:
        """So many requests on an ordinary day, by so many users.

        `trough` is the quietest hour's traffic as a part of the mean - a quarter.
        """
        return cls(requests, users, trough)

    def to_metadata(self) -> dict[str, Any]:
        """As a template holds it."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """What `to_metadata` wrote."""
        return cls(**metadata)

    @property
    def per_minute(self) -> float:
        """Requests in a minute, on the average of a day."""
        return self.requests_per_day / _MINUTES_PER_DAY

    @property
    def per_minute_at_trough(self) -> float:
        """Requests in a minute of the quietest hour."""
        return self.per_minute * self.trough

    @property
    def description(self) -> str:
        """Such as `1,000 requests a day by 50 users`."""
        return f"{self.requests_per_day:,.0f} requests a day by {self.users:,} users"

    def of_first_users(self, most_percent: float) -> float:
        """Requests in a minute that the candidate gets when its canary begins, at the trough.

        With 1 % of the users, or with `most_percent` where the ceiling is that low.
        """
        percent = min(_FIRST_PERCENT, most_percent) or _FIRST_PERCENT
        return self.per_minute_at_trough * percent / 100


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of invocations as steps of `(minutes, percent)`, before the new version has all.

    Example:
        >>> Shift.linear(minutes=5, percent=40).steps
        ((5, 40), (5, 80))

    Raises:
        ValueError: a percentage or a time that CodeDeploy would refuse; CDK does not look.
    """

    steps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        minutes = [minutes for minutes, _ in self.steps]
        if 0 in minutes or sum(minutes) > _LONGEST_SHIFT:
            raise ValueError(
                f"a shift takes at least a minute a step, and {_LONGEST_SHIFT} minutes at most "
                f"from the first step to all of it; got {len(minutes)} of {minutes[0]} minutes"
            )

    @classmethod
    def canary(cls, *, minutes: int, percent: float) -> Self:
        """One step."""
        return cls(((minutes, _whole(percent)),))

    @classmethod
    def linear(cls, *, minutes: int, percent: float) -> Self:
        """As much more after each step, until it would be all."""
        each = _whole(percent)
        count = math.ceil(100 / each) - 1
        return cls(tuple((minutes, each * step) for step in range(1, count + 1)))

    @classmethod
    def all_at_once(cls) -> Self:
        """No step. Nothing watches: CodeDeploy knows no bake time at 100 %."""
        return cls(())

    @property
    def minutes(self) -> int:
        """How long the old version keeps a part, and CodeDeploy watches."""
        return sum(minutes for minutes, _ in self.steps)

    @property
    def first_percent(self) -> int:
        """The percentage of the invocations that a new version starts with."""
        return self.steps[0][1] if self.steps else 100

    @property
    def description(self) -> str:
        """Such as `1 % of invocations for 10 minutes, then all`."""
        match self.steps:
            case ():
                return "all invocations at once"
            case ((minutes, percent),):
                return f"{percent} % of invocations for {minutes} minutes, then all"
        minutes, percent = self.steps[0]
        return f"{percent} % more of the invocations every {minutes} minutes"

    def at(self, percent: int) -> Self:
        """The same, with steps of another height."""
        match self.steps:
            case ():
                return self
            case ((minutes, _),):
                return self.canary(minutes=minutes, percent=percent)
        return self.linear(minutes=self.steps[0][0], percent=percent)


def _whole(percent: float) -> int:
    if not 1 <= percent <= 99 or percent != int(percent):
        raise ValueError(f"a shift moves whole percents, from 1 to 99; got percentage={percent:g}")
    return int(percent)
