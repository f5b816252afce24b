"""The alarms of a team's own that take users back."""

from typing import cast

from aws_cdk import Annotations, ArnFormat, Resource, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

IMPORTED_ALARM = "shadow-canary:imported-alarm"
"""The id of a warning at synthesis, to acknowledge it."""


def let_act(alarm: cloudwatch.IAlarm, *, topic: sns.ITopic, service: Construct) -> str:
    """Gives `alarm` the route's `topic` as an action, or warns that somebody must; its name.

    Raises:
        ValueError: it could not take users of `service` back.

    Example:
        >>> let_act(alarm, topic=service.topic, service=service)  # doctest: +SKIP
    """
    _check_place(alarm, Stack.of(service))
    if not Resource.is_owned_resource(alarm):
        Annotations.of(service).add_warning_v2(
            IMPORTED_ALARM,
            f"the alarm {alarm.node.path} is not this app's to change: give it the topic "
            f"{topic.node.path} as an alarm action, or nothing will be raised. Acknowledge this "
            "once it has it",
        )
        return alarm.alarm_name
    resource = cast("cloudwatch.CfnAlarm | cloudwatch.CfnCompositeAlarm", alarm.node.default_child)
    if resource.actions_enabled is False:
        raise ValueError(
            f"{alarm.node.path} has actions_enabled=False: it would take nobody back; enable them"
        )
    cast("cloudwatch.AlarmBase", alarm).add_alarm_action(actions.SnsAction(topic))
    return _name(alarm, resource.alarm_name, service, topic)


def _check_place(alarm: cloudwatch.IAlarm, stack: Stack) -> None:
    arn = stack.split_arn(alarm.alarm_arn, ArnFormat.COLON_RESOURCE_NAME)
    for what, of_arn, of_stack, ours in (
        ("region", arn.region, alarm.env.region, stack.region),
        ("account", arn.account, alarm.env.account, stack.account),
    ):
        theirs = of_stack if of_arn is None or Token.is_unresolved(of_arn) else of_arn
        if theirs != ours and not Token.is_unresolved(f"{theirs} {ours}"):
            raise ValueError(
                f"an alarm calls topics of its own {what}, and operations looks at those of "
                f"{ours}; {alarm.node.path} is in {theirs}: make it in {ours}"
            )


def _name(
    alarm: cloudwatch.IAlarm, literal: str | None, service: Construct, topic: sns.ITopic
) -> str:
    """A reference within a stack; from another one, which may wait for the topic, the literal."""
    if Stack.of(alarm) == Stack.of(service):
        return alarm.alarm_name
    if literal is not None and not Token.is_unresolved(literal):
        return literal
    if Stack.of(topic) == Stack.of(service):
        raise ValueError(
            f"{alarm.node.path} waits for the topic of {service.node.path}, which would wait for "
            "its name; give the alarm an alarm_name"
        )
    return alarm.alarm_name
