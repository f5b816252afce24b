"""An alarm as a template describes it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TypeVar

from analysis.alarms.comparison import Comparison
from analysis.alarms.errors import UnsupportedError
from analysis.alarms.formula import Formula
from analysis.alarms.states import Rule, TreatMissing

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
            dimensions=frozenset((d["Name"], _text(d["Value"])) for d in dimensions),
            statistic=statistic,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(Rule):
    """An alarm on a metric, or on a formula over metrics.

    `name` is None where the template holds no literal. `period` is in seconds. `metrics` are by
    their ids, which are the names in the formula. `actions` hear when it turns red.

    Example:
        >>> Alarm.all_of(json.loads(Path("GetUser.template.json").read_text()))  # doctest: +SKIP
        {'ServiceExposureBadShare2C9E3F6A': Alarm(name='GetUser-get-user-bad-share', ...)}
    """

    name: str | None
    description: str
    metrics: Mapping[str, Metric]
    formula: Formula
    period: int
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
        counts = {"DatapointsToAlarm": properties["EvaluationPeriods"], **properties}
        return cls(
            name=name if isinstance(name, str) else None,
            description=_text(properties.get("AlarmDescription", "")),
            metrics=metrics,
            formula=formula,
            period=period,
            evaluation_periods=_number(counts, "EvaluationPeriods"),
            datapoints_to_alarm=_number(counts, "DatapointsToAlarm"),
            threshold=_number(properties, "Threshold"),
            comparison=_one_of(Comparison, properties["ComparisonOperator"]),
            treat_missing=_one_of(TreatMissing, properties.get("TreatMissingData", "missing")),
            actions=tuple(_text(action) for action in properties.get("AlarmActions", [])),
        )


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
        raise UnsupportedError(f"{name} of an alarm is a number, not {_text(properties[name])}")
    return properties[name]


def _one_of(kind: type[E], value: object) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
