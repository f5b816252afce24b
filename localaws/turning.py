"""Alarms that turn, by formulas that the embedded AWS does not know."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import boto3
import numpy as np

from analysis.alarms import Alarm, State, reason
from analysis.metric_math import Series
from localaws.emf import Measured
from localaws.recent import Recent, key_of
from localaws.speed import MINUTE, SPEED


class Turning:
    """Alarms by name, and the values that they look at.

    Example:
        >>> Turning(aws, Watched.of(assembly).alarms).turn(at=time.time())  # doctest: +SKIP
    """

    def __init__(self, aws: boto3.Session, alarms: Mapping[str, Alarm]) -> None:
        self._cloudwatch = aws.client("cloudwatch")
        self._alarms = alarms
        self._recent = Recent(
            {key_of(metric) for alarm in alarms.values() for metric in alarm.metrics.values()},
            seconds=max((_looks_back(alarm) for alarm in alarms.values()), default=0),
        )

    def add(self, measured: Iterable[Measured], *, now: float) -> None:
        """What was measured up to `now`."""
        self._recent.add(measured, now=now)

    def turn(self, *, at: float) -> None:
        """Sets the state of each alarm that has another then; all are in seconds since the epoch.

        Like CloudWatch it corrects a state that somebody else has set.
        """
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate()
        described = [alarm for page in pages for alarm in page["MetricAlarms"]]
        before = {alarm["AlarmName"]: alarm["StateValue"] for alarm in described}
        for name, alarm in self._alarms.items():
            edges = _edges(alarm, at)
            points = self._points(alarm, edges)
            state = State(int(alarm.states(points)))
            if state.name != before[name]:
                self._cloudwatch.set_alarm_state(
                    AlarmName=name,
                    StateValue=state.name,  # type: ignore[arg-type] # the stubs want literals
                    StateReason=reason(alarm, points),
                    StateReasonData=_reason_data(alarm, points, edges),
                )

    def _points(self, alarm: Alarm, edges: Series) -> Series:
        series = {id_: self._recent.points(m, edges) for id_, m in alarm.metrics.items()}
        return alarm.formula.evaluate(series)


def _looks_back(alarm: Alarm) -> float:
    """Seconds; a minute more, for what is measured while it looks."""
    return alarm.evaluation_range * alarm.period / SPEED + MINUTE


def _edges(alarm: Alarm, at: float) -> Series:
    """Begin and end of each period of the evaluation range."""
    return at + np.arange(-alarm.evaluation_range, 1) * alarm.period / SPEED


def _reason_data(alarm: Alarm, points: Series, edges: Series) -> str:
    newest_first = zip(edges[:-1][::-1], points[::-1], strict=True)
    evaluated = [
        {"timestamp": _iso(start), "value": float(point)}
        for start, point in newest_first
        if not np.isnan(point)
    ][: alarm.evaluation_periods]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _iso(edges[-1]),
            "startDate": _iso(edges[0]),
            "period": alarm.period,
            "recentDatapoints": [point["value"] for point in reversed(evaluated)],
            "threshold": float(alarm.threshold),
            "evaluatedDatapoints": evaluated,
        }
    )


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
