"""Alarms as CDK writes them into a template."""

from datetime import timedelta
from typing import Any

from analysis.alarms import Alarm
from analysis.power import RateAlarm
from analysis.rules import AlarmAction, AlarmKind, AlarmRule, Window

OURS = "ShadowCanary"
ROUTE = {"Route": "get-user"}
CANDIDATE = {**ROUTE, "Variant": "candidate"}
CONTROL = {**ROUTE, "Variant": "control"}


def entry(
    id_: str, namespace: str, name: str, dimensions: dict[str, Any], stat: str, period: int
) -> dict[str, Any]:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": listed}
    stat_of = {"Metric": metric, "Period": period, "Stat": stat}
    return {"Id": id_, "MetricStat": stat_of, "ReturnData": False}


def resource(expression: str, *entries: dict[str, Any], **instead: Any) -> dict[str, Any]:
    """An alarm as CDK writes it: 3 of 5 periods, over 2, missing data not breaching."""
    formula = {"Expression": expression, "Id": "expr_1", "Label": "%"}
    properties = {
        "AlarmName": "GetUser-get-user-candidate-error-rate",
        "AlarmActions": [{"Ref": "Topic"}],
        "ComparisonOperator": "GreaterThanThreshold",
        "DatapointsToAlarm": 3,
        "EvaluationPeriods": 5,
        "Metrics": [formula, *entries],
        "Threshold": 2,
        "TreatMissingData": "notBreaching",
        **instead,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def error_rate(*, period: int = 60, **instead: Any) -> Alarm:
    return Alarm.of(
        resource(
            "IF(requests >= 0 AND faults >= 2, 100 * faults / IF(requests > 10, requests, 10), 0)",
            entry("requests", OURS, "Requests", CANDIDATE, "Sum", period),
            entry("faults", OURS, "Faults", CANDIDATE, "Sum", period),
            **instead,
        )
    )


def rule(name: str, **instead: Any) -> dict[str, Any]:
    """What synthesis writes beside an alarm: over 2 % in 3 of 5 minutes."""
    minutes = Window(
        period=timedelta(minutes=1),
        evaluation_periods=5,
        datapoints_to_alarm=3,
        minimum_requests=10,
    )
    written = AlarmRule(
        name=name,
        kind=AlarmKind.RATE,
        threshold=2,
        window=minutes,
        summary="over 2 % failed",
        action=AlarmAction.NOTIFICATION,
    ).to_metadata()
    return {AlarmRule.METADATA: written | instead}


def rate_alarm(
    minutes: int = 1,
    *,
    m: int = 1,
    n: int = 1,
    threshold: float = 2,
    minimum: int = 10,
    failures: int = 2,
) -> RateAlarm:
    """Over `threshold` percent in `m` of `n` periods of so many minutes."""
    window = Window(
        period=timedelta(minutes=minutes),
        evaluation_periods=n,
        datapoints_to_alarm=m,
        minimum_requests=minimum,
        minimum_failures=failures,
    )
    return RateAlarm(threshold, window)
