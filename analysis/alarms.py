"""CloudWatch's alarms, read from a template and evaluated by CloudWatch's own rules.

CloudWatch looks at more datapoints than an alarm evaluates. The newest N real ones count, as old as
they may be; only what then lacks is missing data.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from analysis.metric_math import Formula, Series, UnsupportedError
from analysis.rules import AlarmRule
from analysis.template import text


class ComparisonOperator(StrEnum):
    """By CloudWatch's names."""

    GREATER = "GreaterThanThreshold"
    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"

    def breaches(self, points: Series, threshold: float) -> NDArray[np.bool_]:
        """Which of `points` are on the wrong side; a missing one is not."""
        breaching: NDArray[np.bool_] = _OPERATORS[self](points, threshold)
        return breaching

    @property
    def is_upwards(self) -> bool:
        """Whether more is worse."""
        return self in (ComparisonOperator.GREATER, ComparisonOperator.GREATER_OR_EQUAL)

    @property
    def description(self) -> str:
        """As CloudWatch says it."""
        return _WORDS[self]


_OPERATORS = {
    ComparisonOperator.GREATER: np.greater,
    ComparisonOperator.GREATER_OR_EQUAL: np.greater_equal,
    ComparisonOperator.LESS: np.less,
    ComparisonOperator.LESS_OR_EQUAL: np.less_equal,
}
_WORDS = {
    ComparisonOperator.GREATER: "greater than",
    ComparisonOperator.GREATER_OR_EQUAL: "greater than or equal to",
    ComparisonOperator.LESS: "less than",
    ComparisonOperator.LESS_OR_EQUAL: "less than or equal to",
}


_BEYOND = 2
"""AWS names no number; its examples look at 5 datapoints for 3 periods."""


class State(IntEnum):
    """By CloudWatch's names."""

    OK = 0
    ALARM = 1
    INSUFFICIENT_DATA = 2


class TreatMissing(StrEnum):
    """What stands in for a missing datapoint, by CloudWatch's names."""

    MISSING = "missing"
    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"


_KNOWN = {
    *("AlarmName", "AlarmDescription", "Tags", "Threshold", "ComparisonOperator"),
    *("EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData"),
    *("ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
    *("Metrics", "Namespace", "MetricName", "Dimensions", "Period"),
    *("Statistic", "ExtendedStatistic"),
}
_STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?|p100")
_ALONE = "metric"
"""The id of the metric of an alarm without a formula."""

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is measured. A value that the template does not know is its JSON, in one line."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str

    @classmethod
    def of(cls, metric: Mapping[str, Any], statistic: str) -> Self:
        """As CloudFormation describes one.

        Raises:
            UnsupportedError: another statistic than a sum, an average, an extreme, a percentile.
        """
        if not _STATISTIC.fullmatch(statistic):
            raise UnsupportedError(f"statistic {statistic} is not understood here")
        dimensions = metric.get("Dimensions", [])
        return cls(
            namespace=metric["Namespace"],
            name=metric["MetricName"],
            dimensions=frozenset((d["Name"], text(d["Value"])) for d in dimensions),
            statistic=statistic,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An alarm on a metric, or on a formula over metrics.

    Attributes:
        name: None where the template holds no literal.
        rule: what synthesis wrote beside it - None of an alarm that is not this project's.
        metrics: by their ids, which are the names in the formula.
        period: in seconds.
        evaluation_periods: how many datapoints count.
        datapoints_to_alarm: how many of them must be on the wrong side of the threshold.
        actions: who is called when it turns red.

    Example:
        >>> alarm = Alarm.of({"Type": "AWS::CloudWatch::Alarm", "Properties": {
        ...     "Namespace": "AWS/SQS", "MetricName": "Messages", "Statistic": "Maximum",
        ...     "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 2,
        ...     "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}})
        >>> alarm.states(np.array([[0, 9, 0, 9, 9], [9, np.nan, np.nan, np.nan, 0]]))
        array([1, 0], dtype=int8)
    """

    name: str | None
    description: str
    rule: AlarmRule | None
    metrics: Mapping[str, Metric]
    formula: Formula
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: ComparisonOperator
    treat_missing: TreatMissing
    actions: tuple[str, ...]

    @classmethod
    def all_of(cls, template: Mapping[str, Any]) -> dict[str, Self]:
        """Every alarm of a template, by logical id.

        Raises:
            UnsupportedError: one has what is not understood here.
        """
        found = {}
        for logical_id, resource in template["Resources"].items():
            kind = resource["Type"]
            if kind == "AWS::CloudWatch::CompositeAlarm":
                raise UnsupportedError(f"{logical_id} is a composite alarm")
            if kind == "AWS::CloudWatch::Alarm":
                try:
                    found[logical_id] = cls.of(resource)
                except UnsupportedError as error:
                    raise UnsupportedError(f"{logical_id}: {error}") from error
        return found

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Self:
        """An alarm by its resource in a template.

        Raises:
            UnsupportedError: it has what is not understood here; by name.
        """
        properties = resource["Properties"]
        unknown = sorted(properties.keys() - _KNOWN)
        if unknown:
            raise UnsupportedError(f"{', '.join(unknown)} of an alarm is not understood here")
        metrics, formula, period = _watched(properties)
        name = properties.get("AlarmName")
        written = resource.get("Metadata", {}).get(AlarmRule.METADATA)
        counts = {"DatapointsToAlarm": properties["EvaluationPeriods"], **properties}
        return cls(
            name=name if isinstance(name, str) else None,
            description=text(properties.get("AlarmDescription", "")),
            rule=None if written is None else AlarmRule.from_metadata(written),
            metrics=metrics,
            formula=formula,
            period=period,
            evaluation_periods=_number(counts, "EvaluationPeriods"),
            datapoints_to_alarm=_number(counts, "DatapointsToAlarm"),
            threshold=_number(properties, "Threshold"),
            comparison=_one_of(ComparisonOperator, properties["ComparisonOperator"]),
            treat_missing=_one_of(TreatMissing, properties.get("TreatMissingData", "missing")),
            actions=tuple(text(action) for action in properties.get("AlarmActions", [])),
        )

    @classmethod
    def described(cls, alarm: Mapping[str, Any]) -> Self:
        """An alarm as `DescribeAlarms` has it, which tells more of it than a template.

        Raises:
            UnsupportedError: it has what is not understood here; by name.
        """
        known = {name: value for name, value in alarm.items() if name in _KNOWN and value != []}
        return cls.of({"Properties": known})

    @property
    def evaluation_range(self) -> int:
        """How many of the newest datapoints CloudWatch looks at."""
        return self.evaluation_periods + _BEYOND

    def states(self, points: Series) -> NDArray[np.int8]:
        """The `State` for each leading index of `points`.

        The last axis holds the datapoints at the ends of consecutive periods, oldest first,
        `evaluation_range` of them; NaN is a missing one.
        """
        counted = self.counted(points)
        breaching = counted & self.comparison.breaches(points, self.threshold)
        known, bad = counted.sum(axis=-1), breaching.sum(axis=-1)
        if self.treat_missing is TreatMissing.BREACHING:
            bad += self.evaluation_periods - known
        red = bad >= self.datapoints_to_alarm
        unknown = np.zeros_like(red)
        if self.treat_missing is TreatMissing.MISSING:
            nothing_good = known == bad
            age_of_oldest = points.shape[-1] - np.argmax(counted, axis=-1)
            red |= nothing_good & (known > 0) & (age_of_oldest >= self.datapoints_to_alarm)
            unknown = nothing_good & ~red
        state = np.select([red, unknown], [State.ALARM, State.INSUFFICIENT_DATA], State.OK)
        return state.astype(np.int8)

    def counted(self, points: Series) -> NDArray[np.bool_]:
        """Which of `points` count: the newest real ones, N at most."""
        real = ~np.isnan(points)
        from_the_newest = np.cumsum(real[..., ::-1], axis=-1, dtype=np.int16)[..., ::-1]
        return real & (from_the_newest <= self.evaluation_periods)


def _watched(properties: Mapping[str, Any]) -> tuple[dict[str, Metric], Formula, int]:
    """The metrics by id, the formula over them, and the period in seconds."""
    if "Metrics" not in properties:
        statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
        metrics = {_ALONE: Metric.of(properties, statistic)}
        return metrics, Formula.parse(_ALONE), properties["Period"]
    entries: Sequence[Mapping[str, Any]] = properties["Metrics"]
    measured = {entry["Id"]: entry["MetricStat"] for entry in entries if "MetricStat" in entry}
    metrics = {i: Metric.of(stat["Metric"], stat["Stat"]) for i, stat in measured.items()}
    periods = {stat["Period"] for stat in measured.values()}
    if len(periods) != 1:
        raise UnsupportedError(f"metrics of one alarm have one period, not {sorted(periods)}")
    return metrics, _formula(entries, metrics), periods.pop()


def _formula(entries: Sequence[Mapping[str, Any]], metrics: Mapping[str, Metric]) -> Formula:
    returned = [entry for entry in entries if entry.get("ReturnData", True)]
    if len(returned) != 1:
        ids = ", ".join(entry["Id"] for entry in returned)
        raise UnsupportedError(f"one entry of an alarm returns data, not {len(returned)}: {ids}")
    formula = Formula.parse(returned[0].get("Expression", returned[0]["Id"]))
    strangers = sorted(formula.names - metrics.keys())
    if strangers:
        raise UnsupportedError(f"'{formula.text}' names no metric by {', '.join(strangers)}")
    return formula


def _number(properties: Mapping[str, Any], name: str) -> Any:
    if not isinstance(properties[name], int | float):
        raise UnsupportedError(f"{name} of an alarm is a number, not {text(properties[name])}")
    return properties[name]


def _one_of(kind: type[E], value: object) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None


_TREATED = {
    TreatMissing.MISSING: "Missing",
    TreatMissing.NOT_BREACHING: "NonBreaching",
    TreatMissing.BREACHING: "Breaching",
}


def reason(alarm: Alarm, points: Series) -> str:
    """For one evaluation range; the newest datapoint comes first.

    Example:
        >>> reason(alarm, np.array([0, 0, 0, 25, 100 / 3]))  # doctest: +SKIP
        'Threshold Crossed: 2 out of the last 3 datapoints [33.33, 25.0] were greater than the
        threshold (2.0).'
    """
    state = State(int(alarm.states(points)))
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {alarm.evaluation_periods} datapoints were unknown."
    counted = alarm.counted(points)
    red = state is State.ALARM
    told = points[counted & (alarm.comparison.breaches(points, alarm.threshold) == red)][::-1]
    missing = alarm.evaluation_periods - int(counted.sum())
    parts = []
    if told.size:
        shown = ", ".join(str(round(float(point), 2)) for point in told)
        parts.append(
            f"{told.size} out of the last {alarm.evaluation_periods} datapoints [{shown}] "
            f"{'was' if told.size == 1 else 'were'} {'' if red else 'not '}"
            f"{alarm.comparison.description} the threshold ({float(alarm.threshold)})"
        )
    if missing:
        parts.append(
            f"{missing} missing datapoints were treated as [{_TREATED[alarm.treat_missing]}]"
        )
    return f"Threshold Crossed: {' and '.join(parts)}."


def sums(series: Series, steps: int) -> Series:
    """At each step the sum of a period of `steps` up to and with it.

    Example:
        >>> sums(np.array([1, np.nan, np.nan, 4]), 2)
        array([ 1.,  1., nan,  4.])
    """
    if steps == 1:
        return series
    real = ~np.isnan(series)
    total = _last(np.where(real, series, 0.0), steps)
    return np.where(_last(real.astype(float), steps) > 0, total, np.nan)


def ranges(points: Series, steps: int, length: int) -> Series:
    """At each step the points of the last `length` periods of `steps`, oldest first, in a new axis.

    Example:
        >>> ranges(np.array([1.0, 2.0, 3.0]), steps=1, length=2)
        array([[nan,  1.],
               [ 1.,  2.],
               [ 2.,  3.]])
    """
    stacked = np.stack([_before(points, steps * back) for back in reversed(range(length))])
    return np.moveaxis(stacked, 0, -1)  # laid out by range: several times faster to evaluate


def _last(series: Series, steps: int) -> Series:
    """Exact for whole numbers, as counts are."""
    total = np.cumsum(series, axis=-1)
    total[..., steps:] -= total[..., :-steps].copy()
    return total


def _before(points: Series, steps: int) -> Series:
    """What stood `steps` earlier; missing before the beginning."""
    earlier = np.full_like(points, np.nan)
    earlier[..., steps:] = points[..., : max(0, points.shape[-1] - steps)]
    return earlier
