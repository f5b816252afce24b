"""What a stack may choose otherwise stands in its template."""

import re
from datetime import UTC, datetime, timedelta

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template as Synthesized

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic, Window
from shadow_runtime.contract import Variable
from tests.reading import Template, every, granted, the, variables
from tests.snapshot.alarms import alarms


@pytest.fixture(scope="module")
def chosen() -> Template:
    stack = cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}), "Chosen")
    ShadowCanaryService(
        stack,
        "Service",
        route="get-user",
        code=RouteCode(
            "lambdas/routes/get_user", root="lambdas", packages=["lambdas/datasets/users"]
        ),
        launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ceiling=Stage.canary(percent=5),
        expected_traffic=Traffic.per_day(10_000_000, users=500_000),
        shift=codedeploy.TimeBasedLinearTrafficRouting(
            percentage=20, interval=cdk.Duration.minutes(15)
        ),
        error_rate_percent=3,
        mismatch_percent=4,
        latency_ratio=1.5,
        latency_floor=cdk.Duration.millis(40),
        latency_bound=cdk.Duration.millis(900),
        code_window=Window(
            period=timedelta(minutes=2),
            evaluation_periods=4,
            datapoints_to_alarm=2,
            minimum_requests=30,
            minimum_failures=4,
        ),
        exposure_window=Window(
            period=timedelta(minutes=5),
            evaluation_periods=3,
            datapoints_to_alarm=1,
            minimum_requests=70,
        ),
        notifications=sns.Topic(stack, "Pager"),
    )
    return dict(Synthesized.from_stack(stack).to_json())


def test_with_a_topic_of_ones_own_none_is_made(chosen: Template) -> None:
    assert set(every(chosen, "AWS::SNS::Topic")) == {"Pager"}


def test_with_a_topic_of_ones_own_every_alarm_and_operations_publish_there(
    chosen: Template,
) -> None:
    called = [alarm.properties["AlarmActions"] for alarm in alarms(chosen).values()]
    assert called == [["<Pager>"]] * 10
    assert granted(chosen, "Operations")["sns:Publish"] == {"<Pager>"}
    assert variables(chosen, "Operations")[Variable.TOPIC] == "<Pager>"


def test_with_a_topic_of_ones_own_operations_hears_the_exposure_alarms_there(
    chosen: Template,
) -> None:
    heard = the(chosen, "AWS::SNS::Subscription")
    assert (heard["TopicArn"], heard["Endpoint"]) == ("<Pager>", "<ServiceOperations.Arn>")


def test_a_window_that_is_given_goes_before_the_rule(chosen: Template) -> None:
    code, exposure = alarms(chosen, "CodeCanary"), alarms(chosen, "Exposure")
    assert {alarm.window for alarm in code.values()} == {(2, 2, 4)}
    assert {alarm.window for alarm in exposure.values()} == {(5, 1, 3)}
    assert all(re.search(r"(>=|,) 30\b", alarm.formula) for alarm in code.values())
    assert " AND errors + failed >= 4, " in code["ErrorRate"].formula
    assert all(re.search(r"(>=|,) 70\b", alarm.formula) for alarm in exposure.values())


def test_a_threshold_that_is_given_is_the_threshold(chosen: Template) -> None:
    found = {role: alarm.properties["Threshold"] for role, alarm in alarms(chosen).items()}
    assert {role: found[role] for role in found if not role.startswith("OperationalAlarms")} == {
        "CodeCanaryErrorRate": 3,
        "CodeCanaryMismatchRate": 4,
        "CodeCanaryLatency": 900,
        "ExposureErrorRate": 3,
        "ExposureMismatchRate": 4,
        "ExposureLatencyRatio": 1.5,
    }
    ratio = alarms(chosen, "Exposure")["LatencyRatio"]
    assert "candidate / IF(control > 40, control, 40)" in ratio.formula


def test_a_linear_shift_stands_as_it_was_given(chosen: Template) -> None:
    shift = the(chosen, "AWS::CodeDeploy::DeploymentConfig")["TrafficRoutingConfig"]
    assert shift["Type"] == "TimeBasedLinear"
    assert shift["TimeBasedLinear"] == {"LinearPercentage": 20, "LinearInterval": 15}
