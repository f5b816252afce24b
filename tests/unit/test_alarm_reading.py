"""An alarm is read from a template as CloudWatch would read it, or refused."""

from typing import Any

import pytest

from analysis.alarms import Alarm, Metric
from analysis.metric_math import UnsupportedError
from tests.unit.alarms import CANDIDATE, OURS, ROUTE, entry, error_rate, resource


def test_an_alarm_is_read_as_it_is_written() -> None:
    alarm = error_rate(AlarmDescription="look", Threshold=2.5)
    assert alarm.name == "GetUser-get-user-candidate-error-rate"
    assert alarm.description == "look"
    assert (alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm) == (60, 5, 3)
    assert (alarm.threshold, alarm.comparison.description) == (2.5, "greater than")
    assert alarm.actions == ('{"Ref": "Topic"}',)
    assert alarm.metrics["faults"] == Metric(
        namespace=OURS, name="Faults", dimensions=frozenset(CANDIDATE.items()), statistic="Sum"
    )


def test_an_alarm_on_one_metric_has_no_formula_to_read() -> None:
    plain = {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}],
        "EvaluationPeriods": 2,
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Namespace": "AWS/SQS",
        "Period": 300,
        "Statistic": "Maximum",
        "Threshold": 1,
    }
    alarm = Alarm.of({"Type": "AWS::CloudWatch::Alarm", "Properties": plain})
    [metric] = alarm.metrics.values()
    assert metric.dimensions == {("QueueName", '{"Fn::GetAtt": ["Queue", "QueueName"]}')}
    assert (alarm.name, alarm.datapoints_to_alarm, alarm.treat_missing) == (None, 2, "missing")
    assert alarm.formula.names == alarm.metrics.keys()


def test_a_name_that_only_aws_can_put_together_is_none() -> None:
    assert error_rate(AlarmName={"Fn::Join": ["-", ["code", {"Ref": "V"}]]}).name is None


REQUESTS_ENTRY = entry("requests", OURS, "Requests", CANDIDATE, "Sum", 60)


@pytest.mark.parametrize(
    ("instead", "complaint"),
    [
        ({"ThresholdMetricId": "band"}, "ThresholdMetricId"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "EvaluateLowSampleCountPercentile"),
        ({"TreatMissingData": "ignore"}, "'ignore' is not a valid TreatMissing"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "'GreaterThanUpperThreshold'"),
        ({"Threshold": {"Ref": "Percent"}}, 'Threshold of an alarm is a number, not {"Ref"'),
        (
            {"Metrics": [entry("m", OURS, "Latency", CANDIDATE, "TM(5%:95%)", 60)]},
            r"statistic TM\(5%:95%\)",
        ),
        (
            {
                "Metrics": [
                    {"Id": "e", "Expression": "requests + late"},
                    REQUESTS_ENTRY,
                    entry("late", OURS, "Timeouts", ROUTE, "Sum", 300),
                ]
            },
            r"one period, not \[60, 300\]",
        ),
        (
            {
                "Metrics": [
                    {"Id": "e1", "Expression": "requests"},
                    {"Id": "e2", "Expression": "requests"},
                    REQUESTS_ENTRY,
                ]
            },
            "not 2: e1, e2",
        ),
        (
            {
                "Metrics": [
                    {"Id": "e1", "Expression": "e2 * 100"},
                    {"Id": "e2", "Expression": "requests", "ReturnData": False},
                    REQUESTS_ENTRY,
                ]
            },
            r"'e2 \* 100' names no metric by e2",
        ),
        (
            {"Metrics": [{"Id": "e1", "Expression": "RATE(requests)"}, REQUESTS_ENTRY]},
            "'RATE' at 0",
        ),
    ],
)
def test_fails_by_name_where_an_alarm_would_be_misread(
    instead: dict[str, Any], complaint: str
) -> None:
    template = {"Resources": {"ErrorRate": resource("requests", REQUESTS_ENTRY, **instead)}}
    with pytest.raises(UnsupportedError, match=complaint) as error:
        Alarm.all_of(template)
    assert str(error.value).startswith("ErrorRate: ")


def test_fails_on_a_composite_alarm() -> None:
    template = {"Resources": {"Any": {"Type": "AWS::CloudWatch::CompositeAlarm"}}}
    with pytest.raises(UnsupportedError, match="Any is a composite alarm"):
        Alarm.all_of(template)
