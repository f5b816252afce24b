"""What CloudWatch would hold of a rollout, and when an alarm over it turns red."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.alarms import sliding
from analysis.alarms.alarm import Alarm, Metric
from analysis.alarms.operations import Series
from analysis.alarms.states import State
from analysis.simulation.arrivals import Counts
from analysis.simulation.errors import RehearsalError
from analysis.simulation.latency import Latency
from shadow_runtime.contract import NAMESPACE, Dimension, MetricName

_MINUTE = 60

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


def by_route(name: MetricName, route: str, **dimensions: str) -> Key:
    """Of ours: by route, and by what else is given."""
    given = {Dimension.ROUTE.value: route, **dimensions}
    return NAMESPACE, name.value, frozenset(given.items())


def by_function(name: str, function: str, **dimensions: str) -> Key:
    """Of Lambda: by function, and by what else is given; the alias is left out."""
    return "AWS/Lambda", name, frozenset({"FunctionName": function, **dimensions}.items())


def written(counts: Counts, among: Counts | None = None) -> Series:
    """The datapoints of a metric: none in a minute without any `among` which it counts.

    Lambda writes a 0 for what was invoked and went well; what we write has no zeros.
    """
    return np.where((counts if among is None else among) > 0, counts, np.nan)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Datapoints and latencies of each rollout and minute, by metric."""

    counts: Mapping[Key, Series]
    latencies: Mapping[Key, Latency]
    chance: np.random.Generator

    def first_red(self, name: str, alarm: Alarm) -> NDArray[np.float64]:
        """For each rollout the first minute at whose end the alarm is red; infinite for none.

        Raises:
            RehearsalError: it looks at something that is not played.
        """
        if alarm.period % _MINUTE:
            raise RehearsalError(f"{name} has a period of {alarm.period} s, not of whole minutes")
        minutes = alarm.period // _MINUTE
        points = alarm.formula.evaluate(
            {i: self._series(name, metric, minutes) for i, metric in alarm.metrics.items()}
        )
        states = alarm.states(sliding.ranges(points, minutes, alarm.evaluation_range))
        red = states == State.ALARM
        return np.where(red.any(axis=-1), red.argmax(axis=-1), np.inf)

    def _series(self, name: str, metric: Metric, minutes: int) -> Series:
        key = metric.namespace, metric.name, _dimensions(metric)
        percentile = re.fullmatch(r"p(\d+(\.\d+)?)", metric.statistic)
        if percentile and key in self.latencies:
            level = float(percentile[1]) / 100
            return self.latencies[key].percentile(level, minutes, self.chance)
        if metric.statistic == "Sum" and key in self.counts:
            return sliding.sums(self.counts[key], minutes)
        told = ", ".join(f"{name}={value}" for name, value in sorted(metric.dimensions))
        raise RehearsalError(
            f"{name} looks at {metric.statistic} of {metric.namespace} {metric.name} ({told}), "
            "which is not played in a rehearsal"
        )


def _dimensions(metric: Metric) -> frozenset[tuple[str, str]]:
    """Those of Lambda without `Resource`, which names function and alias once more."""
    function = dict(metric.dimensions).get("FunctionName", "")
    return frozenset(
        (name, value)
        for name, value in metric.dimensions
        if not (name == "Resource" and function in value)
    )
