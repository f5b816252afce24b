"""How tests read an alarm: what it measures, by which formula, and whom it calls."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.reading import Template, every


class Measured(NamedTuple):
    """One metric that an alarm looks at; `period` is in seconds."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    statistic: str
    period: int

    def __str__(self) -> str:
        dimensions = [f"{name}={value}" for name, value in sorted(self.dimensions.items())]
        return f"{self.statistic} of {self.namespace}/{self.name}{{{', '.join(dimensions)}}}"

    @classmethod
    def read(cls, properties: dict[str, Any], stat: str, period: int) -> "Measured":
        dimensions = {d["Name"]: d["Value"] for d in properties["Dimensions"]}
        name = properties["MetricName"]
        return cls(properties["Namespace"], name, dimensions, stat, period)


@dataclass(frozen=True)
class SpelledAlarm:
    """One alarm as it stands in a template, with its references spelled out."""

    properties: dict[str, Any]

    @property
    def name(self) -> Any:
        return self.properties["AlarmName"]

    @property
    def formula(self) -> str:
        """What is compared with the threshold; empty where it is one metric."""
        returned = [m for m in self.properties.get("Metrics", []) if m["ReturnData"]]
        return "".join(metric["Expression"] for metric in returned)

    @property
    def using(self) -> dict[str, Measured]:
        """The metrics of the formula, by their names in it."""
        return {
            metric["Id"]: Measured.read(stat["Metric"], stat["Stat"], stat["Period"])
            for metric in self.properties.get("Metrics", [])
            if (stat := metric.get("MetricStat"))
        }

    @property
    def metrics(self) -> list[Measured]:
        """All that it looks at, with a formula or without."""
        alone = self.properties
        if "Metrics" in alone:
            return [*self.using.values()]
        return [Measured.read(alone, alone["Statistic"], alone["Period"])]

    @property
    def window(self) -> tuple[int, int, int]:
        """The minutes of a period, and how many of how many must be over the threshold."""
        [seconds] = {metric.period for metric in self.metrics}
        periods: int = self.properties["EvaluationPeriods"]
        return seconds // 60, self.properties.get("DatapointsToAlarm", periods), periods


def alarms(template: Template, group: str = "") -> dict[str, SpelledAlarm]:
    """The service's alarms of one group, such as `Exposure`, by their role nouns; or all."""
    found = every(template, "AWS::CloudWatch::Alarm")
    prefix = f"Service{group}"
    return {
        role.removeprefix(prefix): SpelledAlarm(properties)
        for role, properties in found.items()
        if role.startswith(prefix)
    }
