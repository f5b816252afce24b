"""Whether the alarms of a route could take its users back: what is read, and what it means."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from operations.alarms import ExposureAlarm, describe
from operations.sample_ratio import SampleRatio

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sns import SNSClient

_NO_SUCH_CALL = frozenset({"InvalidAction", "UnknownOperation", "UnknownOperationException"})
_NO_SUCH_TOPIC = frozenset({"NotFound", "NotFoundException"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """How a function hears a topic; `only` is its filter, and None where it has none."""

    arn: str
    is_confirmed: bool
    only: Mapping[str, Any] | None
    scope: str

    @classmethod
    def of(cls, arn: str, attributes: Mapping[str, str]) -> Self:
        """By its attributes in SNS."""
        policy = attributes.get("FilterPolicy")
        return cls(
            arn,
            is_confirmed=attributes.get("PendingConfirmation", "false") == "false",
            only=json.loads(policy) if policy else None,
            scope=attributes.get("FilterPolicyScope", "MessageAttributes"),
        )

    def passes(self, name: str) -> bool:
        """Whether it lets through that the alarm `name` turned red, and keeps the rest out."""
        match self.only:
            case {"NewStateValue": ["ALARM"], "AlarmName": [*names], **others} if not others:
                return self.is_confirmed and self.scope == "MessageBody" and name in names
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """A route's exposure alarms, and the way from them to its operations function, as they are.

    Attributes:
        names: of the alarms that there should be.
        topic: where they are to be heard, by ARN.
        function: who is to hear them there, by ARN.
        alarms: those that there are, by name.
        muted_by: the mute rules in force, by the name of the alarm; None where CloudWatch knows no
            such rules.
        subscriptions: of the function to the topic.
    """

    names: Sequence[str]
    topic: str
    function: str
    alarms: Mapping[str, ExposureAlarm]
    muted_by: Mapping[str, Sequence[str]] | None
    subscriptions: Sequence[Subscription]

    @classmethod
    def read(
        cls,
        cloudwatch: "CloudWatchClient",
        sns: "SNSClient",
        *,
        names: Sequence[str],
        topic: str,
        function: str,
    ) -> Self:
        """As they are now.

        Raises:
            botocore.exceptions.ClientError: one may not look, and so cannot tell.
        """
        return cls(
            names=names,
            topic=topic,
            function=function,
            alarms=describe(cloudwatch, names),
            muted_by=_mute_rules(cloudwatch, names),
            subscriptions=_subscriptions(sns, topic, function),
        )

    @property
    def in_alarm(self) -> list[str]:
        """The names of those in ALARM."""
        return [name for name, alarm in self.alarms.items() if alarm.is_red]


def objections(guards: Guards, ratio: SampleRatio | None = None) -> list[str]:
    """Why nobody may be moved to the candidate: by name, each with what to do; empty if they may.

    An alarm acts once, when it turns red: one that is missing, red already, muted, or not heard,
    would never take anybody back. And nobody may while the candidate has another share of the users
    than was asked for, by `ratio`.
    """
    found = [why for name in guards.names for why in unfit(guards, name)]
    if guards.in_alarm:
        found.append(
            f"in ALARM: {', '.join(guards.in_alarm)}. An alarm notifies only when its state "
            "changes. Look for the cause; it goes back to OK by itself when its window has passed"
        )
    if ratio and ratio.objection:
        found.append(ratio.objection)
    return found


def unfit(guards: Guards, name: str) -> Iterator[str]:
    """Why the alarm `name` could take nobody back, each with what to do."""
    alarm = guards.alarms.get(name)
    if alarm is None:
        yield f"there is no alarm {name}: deploy the stack that makes it"
        return
    if not alarm.enabled:
        yield (
            f"the actions of {name} are disabled: `aws cloudwatch enable-alarm-actions "
            f"--alarm-names {json.dumps(name)}`"
        )
    if alarm.suppressed:
        yield f"the actions of {name} are suppressed by its suppressor alarm: wait for that"
    for rule in (guards.muted_by or {}).get(name, ()):
        yield (
            f"{name} is muted by {rule}: wait until that has passed, or `aws cloudwatch "
            f"delete-alarm-mute-rule --alarm-mute-rule-name {rule.rpartition(':')[2]}`"
        )
    if guards.topic not in alarm.actions:
        yield (
            f"{name} does not call {guards.topic}: give it that alarm action, or deploy the "
            "stack that makes it"
        )
    if not any(subscription.passes(name) for subscription in guards.subscriptions):
        yield f"{guards.function} does not hear {name} on {guards.topic}: {_mend(guards)}"


def _mend(guards: Guards) -> str:
    """What to do about the subscription."""
    if not guards.subscriptions:
        return "it is not subscribed. Deploy the route's stack under another name of the topic"
    subscription = guards.subscriptions[0]
    if not subscription.is_confirmed:
        return f"its subscription is not confirmed ({subscription.arn}). Confirm it"
    wanted = {"NewStateValue": ["ALARM"], "AlarmName": [*guards.names]}
    return (
        f"its filter is {json.dumps(subscription.only)}, over {subscription.scope}. "
        f"`aws sns set-subscription-attributes --subscription-arn {subscription.arn} "
        f"--attribute-name FilterPolicy --attribute-value '{json.dumps(wanted)}'`, and "
        "FilterPolicyScope to MessageBody"
    )


def _mute_rules(
    cloudwatch: "CloudWatchClient", names: Sequence[str]
) -> dict[str, list[str]] | None:
    """The ARNs of those in force; None where CloudWatch has no mute rules, so that none can be."""
    paginator = cloudwatch.get_paginator("list_alarm_mute_rules")
    found: dict[str, list[str]] = {}
    try:
        for name in names:
            pages = paginator.paginate(AlarmName=name, Statuses=["ACTIVE"])
            rules = [rule for page in pages for rule in page["AlarmMuteRuleSummaries"]]
            found[name] = [rule["AlarmMuteRuleArn"] for rule in rules]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_SUCH_CALL:
            raise
        return None
    return found


def _subscriptions(sns: "SNSClient", topic: str, function: str) -> list[Subscription]:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    try:
        listed = [one for page in pages for one in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_SUCH_TOPIC:
            raise
        return []
    arns = [one["SubscriptionArn"] for one in listed if one["Endpoint"] == function]
    return [Subscription.of(arn, _attributes(sns, arn)) for arn in arns]


def _attributes(sns: "SNSClient", arn: str) -> Mapping[str, str]:
    if not arn.startswith("arn:"):  # "PendingConfirmation", "Deleted"
        return {"PendingConfirmation": "true"}
    return sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
