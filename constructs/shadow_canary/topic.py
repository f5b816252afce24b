"""The topic where a route's alarms are heard, and what lets them speak there."""

import json

import jsii
from aws_cdk import Annotations, ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct, IValidation

from shadow_canary.findings import acknowledge

IMPORTED_TOPIC = "shadow-canary:imported-topic"
IMPORTED_KEY = "shadow-canary:imported-key"
"""The ids of warnings at synthesis, to acknowledge them."""


class RouteTopic(sns.Topic):
    """People subscribe to it; the operations function hears the exposure alarms on it.

    Example:
        >>> RouteTopic(self, "Topic", route="get-user")  # doctest: +SKIP
    """

    def __init__(
        self, scope: Construct, id_: str, *, route: str, encryption_key: kms.IKey | None = None
    ) -> None:
        super().__init__(
            scope,
            id_,
            display_name=f"{route} migration",
            enforce_ssl=True,
            master_key=encryption_key,
        )
        acknowledge(self, "SNS2", "numbers and names are sent; a key of one's own costs a dollar")


def let_alarms_publish(scope: Construct, topic: sns.ITopic) -> None:
    """Lets the alarms of the account of `scope` publish to `topic`, and use the key behind it.

    A topic without a policy lets them; with any policy of its own, or a key, it silently refuses
    them. What is imported cannot be changed: a warning, with an id to acknowledge, says what its
    policy must hold.
    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html

    Raises:
        ValueError: a topic to which no alarm can publish, or that no function can hear.

    Example:
        >>> let_alarms_publish(service, sns.Topic(stack, "Pager"))  # doctest: +SKIP
    """
    _check(Stack.of(scope), topic)
    publish = _statement(scope, ["sns:Publish"], topic.topic_arn)
    if not topic.add_to_resource_policy(publish).statement_added:
        _warn(scope, IMPORTED_TOPIC, f"topic {topic.node.path}", publish)
    use = _statement(scope, ["kms:Decrypt", "kms:GenerateDataKey*"], "*")
    key = topic.master_key
    if key is not None and not key.add_to_resource_policy(use).statement_added:
        _warn(scope, IMPORTED_KEY, f"key {key.node.path}", use)
    scope.node.add_validation(_OnePolicy(topic))


def let_logs_use(scope: Construct, key: kms.IKey) -> None:
    """Lets the log groups of the account of `scope` use `key`.

    Of an imported key a warning, with an id to acknowledge, says what its policy must hold.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html

    Example:
        >>> let_logs_use(service, kms.Key(stack, "Key"))  # doctest: +SKIP
    """
    stack = Stack.of(scope)
    groups = stack.format_arn(service="logs", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME)
    use = iam.PolicyStatement(
        actions=[
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ],
        resources=["*"],
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )
    if not key.add_to_resource_policy(use).statement_added:
        _warn(scope, IMPORTED_KEY, f"key {key.node.path}", use, "log groups")


def _check(stack: Stack, topic: sns.ITopic) -> None:
    if topic.fifo:
        raise ValueError(
            "notifications is a standard topic: a FIFO topic calls no function, so that no alarm "
            f"would take users back; got {topic.node.path}"
        )
    regions = topic.env.region, stack.region
    if not Token.is_unresolved(json.dumps(regions)) and len({*regions}) > 1:
        raise ValueError(
            f"an alarm publishes in its own region, {stack.region}, and notifications is in "
            f"{topic.env.region}; give a topic in {stack.region}"
        )
    if topic.master_key is not None and _is_of_aws(topic.master_key):
        raise ValueError(
            "the key alias/aws/sns lets no alarm use it, and its policy cannot be changed; give "
            f"{topic.node.path} a key of your own, or none"
        )


def _is_of_aws(key: kms.IKey) -> bool:
    return key.key_arn.partition(":alias/")[2].startswith("aws/")


def _statement(scope: Construct, actions: list[str], resource: str) -> iam.PolicyStatement:
    stack = Stack.of(scope)
    alarms = stack.format_arn(
        service="cloudwatch",
        resource="alarm",
        resource_name="*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.PolicyStatement(
        actions=actions,
        resources=[resource],
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        conditions={
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": alarms},
        },
    )


_OR_ELSE = {
    "alarms": "or they turn red and nobody hears of it",
    "log groups": "or the deployment fails",
}


def _warn(
    scope: Construct, id_: str, what: str, statement: iam.PolicyStatement, whom: str = "alarms"
) -> None:
    wanted = json.dumps(Stack.of(scope).resolve(statement.to_statement_json()))
    Annotations.of(scope).add_warning_v2(
        id_,
        f"the policy of the {what} is not this app's to change. It must let {whom} in, "
        f"{_OR_ELSE[whom]}. Acknowledge this once it has {wanted}",
    )


@jsii.implements(IValidation)
class _OnePolicy:
    """Refuses a second policy of a topic: the one that is deployed last replaces the other."""

    def __init__(self, topic: sns.ITopic) -> None:
        self._topic = topic

    def validate(self) -> list[str]:
        """One error, or none."""
        policies = [
            node.node.path
            for node in self._topic.node.root.node.find_all()
            if isinstance(node, sns.CfnTopicPolicy) and self._topic.topic_arn in node.topics
        ]
        if len(policies) < 2:
            return []
        return [
            f"{self._topic.node.path} has {len(policies)} policies, of which the last one deployed "
            f"replaces the others: {', '.join(policies)}. Keep one: add what you need with "
            "add_to_resource_policy of the topic"
        ]
