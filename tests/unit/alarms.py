"""Alarms as CDK writes them into a template."""

from typing import Any

from analysis.alarms.alarm import Alarm

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
        "AlarmName": "GetUser-get-user-bad-share",
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


def bad_share(*, period: int = 60, **instead: Any) -> Alarm:
    bad, of = "faults + unasked", "requests + unasked"
    return Alarm.of(
        resource(
            f"IF({of} >= 10 AND {bad} >= 2, 100 * ({bad}) / ({of}), 0)",
            entry("requests", OURS, "Requests", CANDIDATE, "Sum", period),
            entry("faults", OURS, "Faults", CANDIDATE, "Sum", period),
            entry("unasked", OURS, "ShortCircuited", ROUTE, "Sum", period),
            **instead,
        )
    )
