"""From an alarm to its topic, the topic's policy and its key: CloudWatch is let through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from shadow_canary.topic import IMPORTED_KEY, IMPORTED_TOPIC
from tests.unit.services import App, beside, service, stack_of_nothing, warnings

Made = Callable[[cdk.Stack, cdk.Stack], sns.ITopic | None]
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0a1b"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:Pager"


def own_policy(topic: sns.Topic) -> sns.Topic:
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            resources=[topic.topic_arn],
        )
    )
    return topic


def alias_of_own_key(stack: cdk.Stack) -> kms.Alias:
    return kms.Alias(stack, "Alias", alias_name="alias/pager", target_key=kms.Key(stack, "Key"))


OWNED: dict[str, Made] = {
    "made by the service": lambda _stack, _other: None,
    "without a policy": lambda stack, _: sns.Topic(stack, "Pager"),
    "with TLS enforced": lambda stack, _: sns.Topic(stack, "Pager", enforce_ssl=True),
    "with a policy": lambda stack, _: own_policy(sns.Topic(stack, "Pager")),
    "with a policy object": lambda stack, _: own_policy(
        sns.Topic(stack, "Pager", enforce_ssl=True)
    ),
    "with a key": lambda stack, _: sns.Topic(stack, "Pager", master_key=kms.Key(stack, "Key")),
    "with an alias of a key": lambda stack, _: sns.Topic(
        stack, "Pager", master_key=alias_of_own_key(stack), enforce_ssl=True
    ),
    "of another stack": lambda _, other: sns.Topic(other, "Pager", enforce_ssl=True),
    "of another stack, with a key": lambda _, other: sns.Topic(
        other, "Pager", master_key=kms.Key(other, "Key")
    ),
    "with a key of another stack": lambda stack, other: sns.Topic(
        stack, "Pager", master_key=kms.Key(other, "Key"), enforce_ssl=True
    ),
}


def lets_alarms_in(policy: dict[str, Any], action: str, resource: object) -> bool:
    """Whether a policy lets alarms of this account, and no other, do it."""
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        and action in statement["Action"]
        and statement["Resource"] == resource
        and {"StringEquals": statement["Condition"]["StringEquals"]} == account
        and ":alarm:*" in str(statement["Condition"]["ArnLike"]["aws:SourceArn"])
        for statement in policy["Statement"]
    )


def assert_heard(app: App) -> None:
    """Every alarm reaches its topic through the topic's one policy and, if it has one, its key."""
    alarms = app.all("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 9
    for (stack, alarm), properties in alarms.items():
        [action] = properties["AlarmActions"]
        topic = app.place(stack, action)
        policies = [
            properties["PolicyDocument"]
            for (where, _), properties in app.all("AWS::SNS::TopicPolicy").items()
            if topic in [app.place(where, named) for named in properties["Topics"]]
        ]
        assert len(policies) == 1, alarm
        assert lets_alarms_in(policies[0], "sns:Publish", {"Ref": topic[1]}), alarm
        held = app.all("AWS::SNS::Topic")[topic].get("KmsMasterKeyId")
        if held is not None:
            key = app.all("AWS::KMS::Key")[key_of(app, topic[0], held)]
            for use in ("kms:Decrypt", "kms:GenerateDataKey*"):
                assert lets_alarms_in(key["KeyPolicy"], use, "*"), alarm


def key_of(app: App, stack: str, held: object) -> tuple[str, str]:
    """The key by its ARN, or by the ARN of its alias."""
    match held:
        case {"Fn::Join": [_, [*_, str(alias)]]}:
            [(where, target)] = [
                (where, properties["TargetKeyId"])
                for (where, _), properties in app.all("AWS::KMS::Alias").items()
                if alias.endswith(f":{properties['AliasName']}")
            ]
            return app.place(where, target)
    return app.place(stack, held)


def may(app: App, actions: set[str]) -> set[str]:
    """Which of `actions` the role of operations has."""
    [policy] = [
        properties["PolicyDocument"]
        for (_, id_), properties in app.all("AWS::IAM::Policy").items()
        if id_.startswith("ServiceOperationsRole")
    ]
    found = [statement["Action"] for statement in policy["Statement"]]
    flat = {a for one in found for a in (one if isinstance(one, list) else [one])}
    return flat & actions


@pytest.fixture
def stack() -> cdk.Stack:
    return stack_of_nothing()


@pytest.fixture
def other(stack: cdk.Stack) -> cdk.Stack:
    return beside(stack, "Platform")


@pytest.mark.parametrize("made", OWNED.values(), ids=OWNED)
def test_alarms_and_operations_may_publish_to_a_topic_of_the_app(
    made: Made, stack: cdk.Stack, other: cdk.Stack, lambdas: Path
) -> None:
    topic = made(stack, other)
    of_route = service(stack, lambdas, notifications=topic)
    assert of_route.node.validate() == []
    app = App(stack, other)
    assert_heard(app)
    uses = {"kms:Decrypt", "kms:GenerateDataKey*"} if topic and topic.master_key else set[str]()
    assert may(app, {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey*"}) == {
        "sns:Publish",
        *uses,
    }
    for id_ in (IMPORTED_TOPIC, IMPORTED_KEY):
        assert warnings(stack, id_) == []


def test_a_policy_that_comes_later_is_the_same_one(stack: cdk.Stack, lambdas: Path) -> None:
    topic = sns.Topic(stack, "Pager")
    service(stack, lambdas, notifications=topic)
    own_policy(topic)
    assert_heard(App(stack))


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_fails_on_a_second_policy_of_the_topic_which_would_replace_the_first(
    first: bool, stack: cdk.Stack, lambdas: Path
) -> None:
    topic = sns.Topic(stack, "Pager")
    if first:
        sns.TopicPolicy(stack, "Policy", topics=[topic])
    of_route = service(stack, lambdas, notifications=topic)
    if not first:
        sns.TopicPolicy(stack, "Policy", topics=[topic])
    [error] = of_route.node.validate()
    assert error.startswith("Orders/Pager has 2 policies, of which the last one deployed replaces")
    assert "Orders/Policy/Resource" in error
    assert "add_to_resource_policy" in error


@pytest.mark.parametrize("known", [True, False], ids=["with its key", "by ARN"])
def test_what_an_imported_topic_must_hold_is_said_with_an_id_to_acknowledge(
    known: bool, stack: cdk.Stack, lambdas: Path
) -> None:
    topic = (
        sns.Topic.from_topic_attributes(stack, "Pager", topic_arn=TOPIC, key_arn=KEY)
        if known
        else sns.Topic.from_topic_arn(stack, "Pager", TOPIC)
    )
    service(stack, lambdas, notifications=topic)
    [warning] = warnings(stack, IMPORTED_TOPIC)
    assert "the policy of the topic Orders/Pager is not this app's to change" in warning
    assert '"Action": "sns:Publish"' in warning
    assert '"Principal": {"Service": "cloudwatch.amazonaws.com"}' in warning
    assert TOPIC in warning
    assert len(warnings(stack, IMPORTED_KEY)) == known
    cdk.Annotations.of(stack).acknowledge_warning(IMPORTED_TOPIC, "it has the statement")
    assert warnings(stack, IMPORTED_TOPIC) == []


def test_what_an_imported_key_must_hold_is_said_with_an_id_to_acknowledge(
    stack: cdk.Stack, lambdas: Path
) -> None:
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    service(stack, lambdas, notifications=sns.Topic(stack, "Pager", master_key=key))
    [warning] = warnings(stack, IMPORTED_KEY)
    assert "the policy of the key Orders/Key" in warning
    assert '"Action": ["kms:Decrypt", "kms:GenerateDataKey*"]' in warning
    assert warnings(stack, IMPORTED_TOPIC) == []


REFUSED: dict[str, tuple[Made, str]] = {
    "a FIFO topic": (
        lambda stack, _: sns.Topic(stack, "Pager", fifo=True),
        "a FIFO topic calls no function.*; got Orders/Pager",
    ),
    "an imported FIFO topic": (
        lambda stack, _: sns.Topic.from_topic_arn(stack, "Pager", f"{TOPIC}.fifo"),
        "a FIFO topic calls no function",
    ),
    "a topic of another region": (
        lambda stack, _: sns.Topic.from_topic_arn(
            stack, "Pager", TOPIC.replace("eu-central-1", "us-east-1")
        ),
        "its own region, eu-central-1, and notifications is in us-east-1",
    ),
    "AWS's own key": (
        lambda stack, _: sns.Topic(
            stack, "Pager", master_key=kms.Alias.from_alias_name(stack, "Key", "alias/aws/sns")
        ),
        "alias/aws/sns lets no alarm use it.*a key of your own, or none",
    ),
}


@pytest.mark.parametrize(("made", "says"), REFUSED.values(), ids=REFUSED)
def test_fails_on_a_topic_that_no_alarm_could_call(made: Made, says: str, lambdas: Path) -> None:
    stack = stack_of_nothing(env=cdk.Environment(region="eu-central-1", account="111122223333"))
    with pytest.raises(ValueError, match=says):
        service(stack, lambdas, notifications=made(stack, stack))
