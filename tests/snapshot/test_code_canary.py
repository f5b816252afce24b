"""The alarm that takes a bad version back, and what it feeds."""

from typing import Any

import pytest

from tests.snapshot.reading import Template, the


@pytest.fixture
def alarm(get_user: Template) -> dict[str, Any]:
    return the(get_user, "AWS::CloudWatch::Alarm", "CodeCanary")


@pytest.fixture
def measured(alarm: dict[str, Any]) -> dict[str, Any]:
    return {m["Id"]: m["MetricStat"]["Metric"] for m in alarm["Metrics"] if "MetricStat" in m}


def test_one_percent_of_invocations_goes_to_a_new_version_for_ten_minutes(
    get_user: Template,
) -> None:
    shift = the(get_user, "AWS::CodeDeploy::DeploymentConfig")["TrafficRoutingConfig"]
    assert shift["Type"] == "TimeBasedCanary"
    assert shift["TimeBasedCanary"] == {"CanaryPercentage": 1, "CanaryInterval": 10}


def test_a_version_goes_back_on_failure_on_stop_and_on_alarm(get_user: Template) -> None:
    group = the(get_user, "AWS::CodeDeploy::DeploymentGroup")
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert set(group["AutoRollbackConfiguration"]["Events"]) == {
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_REQUEST",
        "DEPLOYMENT_STOP_ON_ALARM",
    }
    [named] = group["AlarmConfiguration"]["Alarms"]
    assert "CodeCanaryAlarm" in named["Name"]["Ref"]


def test_the_alarm_counts_what_ran_on_the_new_version_through_the_alias(
    measured: dict[str, Any],
) -> None:
    for name in ("errors", "invocations"):
        dimensions = {d["Name"]: d["Value"] for d in measured[name]["Dimensions"]}
        assert set(dimensions) == {"FunctionName", "Resource", "ExecutedVersion"}
        assert dimensions["Resource"]["Fn::Join"][1][1] == ":live"
        assert "RouteCurrentVersion" in dimensions["ExecutedVersion"]["Fn::GetAtt"][0]


def test_the_alarm_counts_handled_faults_and_failed_imports(
    alarm: dict[str, Any], measured: dict[str, Any]
) -> None:
    assert measured["errors"]["MetricName"] == "Errors"  # Lambda's own: crash, timeout, import
    assert measured["errors"]["Namespace"] == "AWS/Lambda"
    assert measured["faults"]["MetricName"] == "Faults"  # ours: answers of 500 and above
    assert measured["faults"]["Namespace"] == "ShadowCanary"
    [expression] = [m["Expression"] for m in alarm["Metrics"] if "Expression" in m]
    assert expression == "IF(invocations >= 10, 100 * (errors + faults) / invocations, 0)"


def test_the_alarm_is_red_over_two_percent_in_three_of_five_minutes(alarm: dict[str, Any]) -> None:
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (2, "GreaterThanThreshold")
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)
    assert {m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m} == {60}


def test_no_data_never_takes_a_version_back(alarm: dict[str, Any]) -> None:
    assert alarm["TreatMissingData"] == "notBreaching"


def test_each_version_gets_an_alarm_of_its_own_so_that_a_red_past_cannot_block_the_fix(
    alarm: dict[str, Any],
) -> None:
    [_, [_, version]] = alarm["AlarmName"]["Fn::Join"]
    assert "RouteCurrentVersion" in version["Fn::GetAtt"][0]
