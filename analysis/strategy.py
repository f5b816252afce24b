"""How fast AppConfig takes a flag's new position to the execution environments."""

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from analysis.template import Resource


@dataclass(frozen=True, slots=True)
class Strategy:
    """AppConfig's linear deployment: `growth_percent` more of them at each of its even steps.

    It takes `minutes`, and is watched for `bake_minutes` more.

    Example:
        >>> raising = Strategy(minutes=10, growth_percent=10, bake_minutes=0)
        >>> [raising.percent_after(minutes) for minutes in (0, 0.9, 1, 9)]
        [10, 10, 20, 100]
    """

    METADATA: ClassVar[str] = "shadow-canary:strategies"
    """Of the function that moves the flag: both strategies, by the variable that names each."""

    minutes: float
    growth_percent: float
    bake_minutes: float

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """As CloudFormation describes one.

        Raises:
            TemplateError: it is not linear, or lacks something.
        """
        growth = resource.get("GrowthType") or "LINEAR"
        if growth != "LINEAR":
            raise resource.refused(f"grows in a way that is not understood here: {growth}")
        return cls(
            minutes=resource.need("DeploymentDurationInMinutes"),
            growth_percent=resource.need("GrowthFactor"),
            bake_minutes=resource.get("FinalBakeTimeInMinutes") or 0,
        )

    def percent_after(self, minutes: float) -> float:
        """The share of the execution environments that may know the new position by then."""
        steps = math.ceil(100 / self.growth_percent)
        done = math.floor(minutes * steps / self.minutes) if minutes < self.minutes else steps
        return min(100, self.growth_percent * (done + 1))

    @property
    def mean_minutes(self) -> float:
        """How long an execution environment waits for the new position, on average."""
        steps = math.ceil(100 / self.growth_percent)
        each = self.minutes / steps
        return sum(each * (100 - self.percent_after(each * step)) / 100 for step in range(steps))
