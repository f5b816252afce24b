"""How a new version of a route takes over, in CodeDeploy's steps."""

import math
import re
from dataclasses import dataclass
from typing import Self

from analysis.rollout.stack import Resource, Stack

_PREDEFINED = re.compile(
    r"CodeDeployDefault\.Lambda(?P<kind>Canary|Linear)(?P<percent>\d+)Percent"
    r"(?:Every)?(?P<minutes>\d+)Minutes?"
)
_ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"


@dataclass(frozen=True, slots=True)
class Shift:
    """Steps of `(minutes, percent of invocations)`, before the new version has all of them.

    Example:
        >>> Shift.canary(minutes=10, percent=1)
        Shift(steps=((10, 1),))
    """

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def canary(cls, *, minutes: int, percent: int) -> Self:
        """One step."""
        return cls(((minutes, percent),))

    @classmethod
    def linear(cls, *, minutes: int, percent: int) -> Self:
        """As much more after each step, until it would be all."""
        count = math.ceil(100 / percent) - 1
        return cls(tuple((minutes, percent * step) for step in range(1, count + 1)))

    @classmethod
    def all_at_once(cls) -> Self:
        """No step."""
        return cls(())

    @classmethod
    def of(cls, stack: Stack, group: Resource) -> Self:
        """The shift of a deployment group.

        Raises:
            RolloutError: it has none that is understood here.
        """
        name = group.need("DeploymentConfigName")
        if name == _ALL_AT_ONCE:
            return cls.all_at_once()
        predefined = _PREDEFINED.fullmatch(name) if isinstance(name, str) else None
        if predefined:
            make = cls.canary if predefined["kind"] == "Canary" else cls.linear
            return make(minutes=int(predefined["minutes"]), percent=int(predefined["percent"]))
        return cls._of(stack.referred(group, "DeploymentConfigName"))

    @classmethod
    def _of(cls, config: Resource) -> Self:
        routing = "TrafficRoutingConfig"
        match config.need(routing, "Type"):
            case "AllAtOnce":
                return cls.all_at_once()
            case "TimeBasedCanary":
                minutes, percent = (
                    config.need(routing, "TimeBasedCanary", name)
                    for name in ("CanaryInterval", "CanaryPercentage")
                )
                return cls.canary(minutes=minutes, percent=percent)
            case "TimeBasedLinear":
                minutes, percent = (
                    config.need(routing, "TimeBasedLinear", name)
                    for name in ("LinearInterval", "LinearPercentage")
                )
                return cls.linear(minutes=minutes, percent=percent)
            case other:
                raise config.refused(f"shifts in a way that is not understood here: {other}")

    @property
    def minutes(self) -> int:
        """How long the old version keeps a part, and CodeDeploy watches."""
        return sum(minutes for minutes, _ in self.steps)

    @property
    def first_percent(self) -> int:
        """The share of invocations with which a new version starts."""
        return self.steps[0][1] if self.steps else 100

    @property
    def words(self) -> str:
        """As one would say it."""
        match self.steps:
            case ():
                return "all invocations at once"
            case ((minutes, percent),):
                return f"{percent} % of invocations for {minutes} minutes, then all"
            case ((minutes, percent), *_):
                return f"{percent} % more of the invocations every {minutes} minutes"
        raise AssertionError(self.steps)

    def at(self, percent: int) -> Self:
        """The same, with steps of another height."""
        match self.steps:
            case ():
                return self
            case ((minutes, _),):
                return self.canary(minutes=minutes, percent=percent)
        return self.linear(minutes=self.steps[0][0], percent=percent)
