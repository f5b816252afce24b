"""What makes an alarm of a route red: how much, in how long a time, and what comes of it.

When an alarm looks, and at how much, is decided by traffic:

| requests expected on the side that is watched | period | red when over the threshold in |
|---|---|---|
| 20 or more in a minute | a minute | 3 of 5 periods |
| 20 or more in an hour | an hour | that hour |
| 20 or more in 6 hours | 6 hours | those 6 hours |
| fewer | a day | that day |

The side that is watched is the candidate's first users: 1 % of them, or the ceiling where that is
less. A window for more would be blind while there are few. What is expected is what comes at the
trough of the day: a window for the mean would be blind at night.

A code canary is watched for its bake time only: by the first of these that is over by then, or the
whole of it as one period.

A rate is taken over `minimum_requests` where a period has fewer: 10, or half of what is expected
where that is less, but never under 3. So no good request ever turns an alarm red, and what failed
before a raise is not brought back by healthy users who come after it. A period with fewer than
`minimum_failures` is no evidence: one failure is an accident, so it takes 2; where a single period
decides it takes half of the minimum, because an environment that starts may be late for its first
request. A 95th percentile wants 100 requests instead of 20, and no period with fewer than 50
counts.

A long period does not make a slow alarm: CloudWatch looks each minute at the period up to then, so
that a candidate that fails is seen as soon as the minimum is reached. It makes a long memory: red
until what failed has left the period. Of several long periods that not all must be over the
threshold, a short incident is in one, then in two, then in one again, and red more than once.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Self

from analysis.traffic import Shift, Traffic

VISIBLE_AFTER = timedelta(minutes=2)
"""How old a datapoint is when CloudWatch's alarms can see it; AWS promises no number."""

_STEPS = ((1, 5, 3), (60, 1, 1), (360, 1, 1))
"""Minutes, periods that are looked at, and how many of them must be over the threshold."""

_LONGEST = timedelta(days=1)
_LONGEST_OF_HOURS = timedelta(days=7)
"""What an alarm looks back, and may where its period is an hour or longer:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

_COUNTS = ("evaluation_periods", "datapoints_to_alarm", "minimum_requests", "minimum_failures")
_LENGTHS = {1: "a minute", 60: "an hour", 360: "6 hours", 1_440: "a day"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What an alarm looks at: `datapoints_to_alarm` of `evaluation_periods` of length `period`.

    Example:
        >>> Window(period=timedelta(minutes=5), evaluation_periods=3, datapoints_to_alarm=2,
        ...        minimum_requests=10).description
        '2 of 3 periods of 5 minutes with 10 requests or more'

    Raises:
        ValueError: what CloudWatch would refuse - a period that is not whole minutes, more
            datapoints than periods, more than a day in all, or than 7 days where a period is an
            hour or longer -, and counts that are not whole, or of no requests.
    """

    period: timedelta
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1
    minimum_requests: int
    minimum_failures: int = 2

    def __post_init__(self) -> None:
        if self.period % timedelta(minutes=1) or self.period < timedelta(minutes=1):
            raise ValueError(
                f"a window's period is whole minutes; got {self.period.total_seconds():g} seconds"
            )
        for name in _COUNTS:
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name} is a whole number; got {getattr(self, name)!r}")
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(
                "a window is red in 1 or more of its periods, and at most in all of them; got "
                f"{self.datapoints_to_alarm} of {self.evaluation_periods}"
            )
        longest = _LONGEST if self.period < timedelta(hours=1) else _LONGEST_OF_HOURS
        if self.evaluation_periods * self.period > longest:
            raise ValueError(
                f"CloudWatch looks back {longest.days * 24} hours at most where a period is "
                f"{_length(self.minutes)}: take fewer or longer periods; got "
                f"{self.evaluation_periods} of them"
            )
        for name in ("minimum_requests", "minimum_failures"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} counts requests, 1 or more; got {getattr(self, name)!r}")

    @classmethod
    def for_rate(cls, per_minute: float, *, within: timedelta) -> Self:
        """The window of a rate of `per_minute` requests, where `within` is how long one watches."""
        return cls._for(per_minute, within, wanted=20, most=10, least=3)

    @classmethod
    def for_percentile(cls, per_minute: float, *, within: timedelta) -> Self:
        """The window of a 95th percentile of as many requests; it counts no failures."""
        found = cls._for(per_minute, within, wanted=100, most=50, least=50)
        return replace(found, minimum_failures=1)

    @classmethod
    def _for(
        cls, per_minute: float, within: timedelta, *, wanted: int, most: int, least: int
    ) -> Self:
        longest = max(1, min(within, _LONGEST) // timedelta(minutes=1))
        steps = (step for step in _STEPS if step[0] * step[1] <= longest)
        enough = (step for step in steps if step[0] * per_minute >= wanted)
        minutes, periods, datapoints = next(enough, (longest, 1, 1))
        minimum = min(most, max(least, int(per_minute * minutes / 2)))
        return cls(
            period=timedelta(minutes=minutes),
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            minimum_requests=minimum,
            minimum_failures=2 if periods > 1 else max(2, minimum // 2),
        )

    @property
    def minutes(self) -> int:
        """The length of a period."""
        return self.period // timedelta(minutes=1)

    @property
    def description(self) -> str:
        """For the description of an alarm that needs so many requests."""
        return f"{self._periods} with {self.minimum_requests} requests or more"

    @property
    def description_of_rate(self) -> str:
        """For the description of an alarm of a rate."""
        return f"{self._periods}, over {self.minimum_requests} requests where there are fewer"

    @property
    def _periods(self) -> str:
        length = _length(self.minutes)
        if self.evaluation_periods == 1:
            return length
        periods = "minutes" if self.minutes == 1 else f"periods of {length}"
        return f"{self.datapoints_to_alarm} of {self.evaluation_periods} {periods}"


def _length(minutes: int) -> str:
    return _LENGTHS.get(minutes, f"{minutes} minutes")


@dataclass(frozen=True, slots=True)
class CanaryWindows:
    """The windows of the three alarms of a canary: by the rule, or `given` for all of them.

    Example:
        >>> shift = Shift.canary(minutes=10, percent=1)
        >>> CanaryWindows.for_code(Traffic.per_day(100_000, users=500), shift).latency.description
        '10 minutes with 50 requests or more'
    """

    error_rate: Window
    mismatch_rate: Window
    latency: Window

    @classmethod
    def for_code(cls, traffic: Traffic, shift: Shift, *, given: Window | None = None) -> Self:
        """Those of a new version that takes over by `shift`."""
        on_new = traffic.per_minute_at_trough * shift.first_percent / 100
        bake = timedelta(minutes=shift.minutes)
        rate = given or Window.for_rate(on_new, within=bake)
        return cls(rate, rate, given or Window.for_percentile(on_new, within=bake))

    @classmethod
    def for_exposure(
        cls,
        traffic: Traffic,
        most_percent: float,
        *,
        within: timedelta,
        given: Window | None = None,
    ) -> Self:
        """Those of a candidate that gets up to `most_percent` of the users, watched `within`."""
        on_candidate = traffic.of_first_users(most_percent)
        return cls(
            given or Window.for_rate(on_candidate, within=within),
            given or Window.for_rate(traffic.per_minute_at_trough, within=within),
            given or Window.for_percentile(on_candidate, within=within),
        )


class AlarmName(StrEnum):
    """What a pager shows of an alarm, between its route and, of a new version, its number."""

    CODE_ERROR_RATE = "code-error-rate"
    CODE_LATENCY = "code-latency"
    CODE_MISMATCH_RATE = "code-mismatch-rate"
    CANDIDATE_ERROR_RATE = "candidate-error-rate"
    CANDIDATE_MISMATCH_RATE = "candidate-mismatch-rate"
    CANDIDATE_LATENCY_RATIO = "candidate-latency-ratio"
    OPERATIONS_DEAD_LETTERS = "operations-dead-letters"
    FLAG_AGE = "flag-age"
    COPIES_LOST = "copies-lost"
    SHADOW_DEAD = "shadow-dead"
    DATASET_DEAD_LETTERS = "dataset-dead-letters"
    DATASET_COMMANDS = "dataset-commands"
    UNRECONCILED = "unreconciled"
    FOLLOWER_LAG = "follower-lag"


class AlarmKind(StrEnum):
    """What an alarm compares with its threshold."""

    RATE = "rate"  # percent of the requests
    LATENCY = "latency"  # 95th percentile, in milliseconds
    LATENCY_RATIO = "latency-ratio"  # of two 95th percentiles
    LEVEL = "level"  # the largest of what was measured


class AlarmAction(StrEnum):
    """What comes of a red alarm."""

    ALIAS_BACK = "the alias goes back"
    FLAG_OFF = "the flag goes to off"
    NOTIFICATION = "people are told"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """All that makes an alarm of a route red, and what it does then.

    Synthesis writes it beside the alarm, under `METADATA`, for whoever reads the template.

    Attributes:
        name: between the route's name and, of a new version, its number.
        kind: what is compared.
        threshold: red is what is over it; in the unit of `kind`.
        window: the times that are looked at, and the requests without which there is no evidence.
        summary: what a red alarm has seen.
        action: what comes of it.

    Example:
        >>> hour = Window(period=timedelta(hours=1), minimum_requests=10, minimum_failures=5)
        >>> rule = AlarmRule(name="code-error-rate", kind=AlarmKind.RATE, threshold=2, window=hour,
        ...                  summary="over 2 % failed", action=AlarmAction.ALIAS_BACK)
        >>> rule.description
        'over 2 % failed; the alias goes back'
        >>> AlarmRule.from_metadata(rule.to_metadata()) == rule
        True
    """

    METADATA: ClassVar[str] = "shadow-canary:alarm"

    name: str
    kind: AlarmKind
    threshold: float
    window: Window
    summary: str
    action: AlarmAction

    @property
    def description(self) -> str:
        """The summary, and the action where it is more than this description."""
        told = self.action is AlarmAction.NOTIFICATION
        return self.summary if told else f"{self.summary}; {self.action}"

    def to_metadata(self) -> dict[str, Any]:
        """As a template holds it."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "threshold": self.threshold,
            "period_minutes": self.window.minutes,
            "evaluation_periods": self.window.evaluation_periods,
            "datapoints_to_alarm": self.window.datapoints_to_alarm,
            "minimum_requests": self.window.minimum_requests,
            "minimum_failures": self.window.minimum_failures,
            "summary": self.summary,
            "action": self.action.value,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """What `to_metadata` wrote."""
        return cls(
            name=metadata["name"],
            kind=AlarmKind(metadata["kind"]),
            threshold=metadata["threshold"],
            window=Window(
                period=timedelta(minutes=metadata["period_minutes"]),
                evaluation_periods=metadata["evaluation_periods"],
                datapoints_to_alarm=metadata["datapoints_to_alarm"],
                minimum_requests=metadata["minimum_requests"],
                minimum_failures=metadata["minimum_failures"],
            ),
            summary=metadata["summary"],
            action=AlarmAction(metadata["action"]),
        )
