"""How far a route's alarms are from red, by their own definitions and the values of now.

What CloudWatch would evaluate is asked for and evaluated here: formulas need no permission of their
own, and the embedded AWS knows none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.alarms import Alarm, Metric, ranges, sums
from analysis.metric_math import Series, UnsupportedError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """What an alarm looks at now: it is red when `needed` of the datapoints are over.

    Attributes:
        threshold: over which, or under which, a datapoint is bad.
        worst: of the datapoints that count; None where there is none.
        bad: how many of them are over.
        needed: how many make it red.
        counted: how many datapoints count, of `periods`.
        periods: how many CloudWatch looks at.

    Example:
        >>> Distance(threshold=2, worst=0.5, bad=0, needed=3, counted=4, periods=5).share
        0.25
    """

    threshold: float
    worst: float | None
    bad: int
    needed: int
    counted: int
    periods: int

    @classmethod
    def of(cls, alarm: Alarm, points: Series) -> "Distance":
        """By the datapoints of one evaluation range, the oldest first; NaN is a missing one."""
        counts = alarm.counted(points)
        bad = counts & alarm.comparison.breaches(points, alarm.threshold)
        seen = points[counts]
        worst = np.max if alarm.comparison.is_upwards else np.min
        return cls(
            threshold=alarm.threshold,
            worst=float(worst(seen)) if seen.size else None,
            bad=int(bad.sum()),
            needed=alarm.datapoints_to_alarm,
            counted=int(counts.sum()),
            periods=alarm.evaluation_periods,
        )

    @property
    def share(self) -> float:
        """Of the way to the threshold, what the worst datapoint has gone; over 1 it is beyond."""
        if self.worst is None or not self.threshold:
            return 0.0
        return max(0.0, self.worst / self.threshold)


def definitions(cloudwatch: "CloudWatchClient", names: Sequence[str]) -> dict[str, Alarm]:
    """The alarms of these names, as CloudWatch describes them; without those unknown here.

    A composite alarm looks at other alarms, so that there is no distance to tell.
    """
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNames=[*names], AlarmTypes=["MetricAlarm"]
    )
    found = {}
    for described in (alarm for page in pages for alarm in page["MetricAlarms"]):
        try:
            found[described["AlarmName"]] = Alarm.described(described)
        except UnsupportedError:
            continue
    return found


def distances(
    cloudwatch: "CloudWatchClient",
    alarms: Mapping[str, Alarm],
    *,
    now: datetime,
    minute_s: float = MINUTE_S,
) -> dict[str, Distance]:
    """How far each is from red; `minute_s` is what a minute lasts, which on AWS is a minute.

    Raises:
        botocore.exceptions.ClientError: one may not look.
    """
    return {
        name: Distance.of(alarm, points(cloudwatch, alarm, now=now, minute_s=minute_s))
        for name, alarm in alarms.items()
    }


def points(
    cloudwatch: "CloudWatchClient", alarm: Alarm, *, now: datetime, minute_s: float
) -> Series:
    """The datapoints that the alarm looks at, the oldest first; NaN where there is none.

    Sums are asked for by the minute, so that a long period ends now, as CloudWatch's does; a
    percentile has no sum, and comes by the period.
    """
    minutes = alarm.period // 60
    is_summed = all(metric.statistic == "Sum" for metric in alarm.metrics.values())
    steps = minutes if is_summed else 1
    step_s = minute_s * minutes / steps
    end = now.timestamp() // step_s * step_s + (0 if is_summed else step_s)
    start = end - alarm.evaluation_range * steps * step_s
    series = _series(cloudwatch, alarm.metrics, start=start, end=end, step_s=step_s)
    windows = {
        id_: ranges(sums(each, steps), steps, alarm.evaluation_range)[-1]
        for id_, each in series.items()
    }
    return alarm.formula.evaluate(windows)


def _series(
    cloudwatch: "CloudWatchClient",
    metrics: Mapping[str, Metric],
    *,
    start: float,
    end: float,
    step_s: float,
) -> dict[str, Series]:
    found = {id_: np.full(round((end - start) / step_s), np.nan) for id_ in metrics}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(id_, metric, step_s) for id_, metric in metrics.items()],
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                found[result["Id"]][int((at.timestamp() - start) // step_s)] = value
    return found


def _query(id_: str, metric: Metric, step_s: float) -> Any:
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in sorted(metric.dimensions)],
            },
            "Period": round(step_s),
            "Stat": metric.statistic,
        },
    }
