"""How a new version takes over: which share of the invocations it has, for how long."""

import math
from dataclasses import dataclass
from typing import Self

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy

_LONGEST = 2_880
"""Minutes: https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"""


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of traffic as steps of `(minutes, percent of invocations)`, before all of it.

    Example:
        >>> Shift.of(codedeploy.TimeBasedCanaryTrafficRouting(
        ...     percentage=1, interval=Duration.minutes(10))).steps
        ((10, 1),)

    Raises:
        ValueError: a percentage or a time that CodeDeploy would refuse; CDK does not look.
    """

    steps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        minutes = [minutes for minutes, _ in self.steps]
        if 0 in minutes or sum(minutes) > _LONGEST:
            raise ValueError(
                f"a shift takes at least a minute a step, and {_LONGEST} minutes at most from the "
                f"first step to all of it; got {len(minutes)} of {minutes[0]} minutes"
            )

    @classmethod
    def of(cls, routing: codedeploy.TrafficRouting) -> Self:
        """The steps of `routing`: one of a canary, several of a linear shift, none of all at once.

        After the last step nothing watches: CodeDeploy knows no bake time at 100 %.
        """
        if isinstance(routing, codedeploy.TimeBasedCanaryTrafficRouting):
            return cls(((_minutes(routing), _percent(routing)),))
        if isinstance(routing, codedeploy.TimeBasedLinearTrafficRouting):
            each, minutes = _percent(routing), _minutes(routing)
            count = math.ceil(100 / each) - 1
            return cls(tuple((minutes, each * step) for step in range(1, count + 1)))
        return cls(())

    @property
    def bake(self) -> Duration:
        """How long the old version takes a part."""
        return Duration.minutes(sum(minutes for minutes, _ in self.steps))

    @property
    def first_percent(self) -> int:
        """The share of invocations that a new version starts with."""
        return self.steps[0][1] if self.steps else 100


Timed = codedeploy.TimeBasedCanaryTrafficRouting | codedeploy.TimeBasedLinearTrafficRouting


def _percent(routing: Timed) -> int:
    percentage = routing.percentage
    if percentage != int(percentage) or not 1 <= percentage <= 99:
        raise ValueError(
            f"a shift moves whole percents, from 1 to 99; got percentage={percentage:g}"
        )
    return int(percentage)


def _minutes(routing: Timed) -> int:
    return int(routing.interval.to_minutes())
