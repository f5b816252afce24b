"""No shape of a service or a dataset grants more than AWS makes one ask for."""

from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from shadow_canary import Stage
from tests.grants import Statement, is_wide, statements
from tests.unit.services import beside, dataset, service, with_dataset


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []}), "Orders")


def wide(stack: Stack) -> list[Statement]:
    app = stack.node.root
    assert isinstance(app, App)
    found = statements(Path(app.synth().directory))
    assert [each for each in found if each.kind == "identity"]
    return [each for each in found if is_wide(each)]


def test_with_a_key_of_ones_own(stack: Stack, lambdas: Path) -> None:
    service(stack, lambdas, encryption_key=kms.Key(stack, "Key"))
    data = beside(stack, "Data")
    dataset(data, lambdas, encryption_key=kms.Key(data, "Key"))
    assert wide(stack) == []


def test_with_a_dataset_a_topic_and_an_alarm_that_sees_others(stack: Stack, lambdas: Path) -> None:
    topic = sns.Topic(stack, "Topic")
    users = dataset(stack, lambdas, notifications=topic)
    of_orders = with_dataset(stack, lambdas, users, notifications=topic, ceiling=Stage.SHADOW)
    metric = cloudwatch.Metric(namespace="Checkout", metric_name="Errors")
    failed = metric.create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)
    rule = cloudwatch.AlarmRule.any_of(failed)
    own = cloudwatch.CompositeAlarm(stack, "Own", alarm_rule=rule)
    of_orders.add_rollback_alarm(own)
    assert wide(stack) == []


def test_what_asks_for_more_is_seen(stack: Stack, lambdas: Path) -> None:
    role = service(stack, lambdas).candidate.role
    assert role is not None
    for action, resource in (("s3:*", "arn:aws:s3:::a"), ("s3:GetObject", "*"), ("s3:Get", "a*")):
        role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
    assert len(wide(stack)) == 3
