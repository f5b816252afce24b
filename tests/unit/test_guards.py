"""A guard that could not act is no guard: nobody is exposed under it, and it is named."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.alarms import describe
from operations.guards import Guards, objections, unfit
from tests.unit.guarded import (
    BAD,
    FUNCTION,
    NAMES,
    SLOW,
    SUBSCRIPTION,
    TEAM,
    TOPIC,
    Aws,
    described,
)

Spoil = Callable[[Aws], object]
RULE = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm-mute-rule:nights"


def set_filter(aws: Aws, policy: dict[str, Any] | None, scope: str = "MessageBody") -> None:
    aws.subscriptions[SUBSCRIPTION]["FilterPolicyScope"] = scope
    if policy is None:
        del aws.subscriptions[SUBSCRIPTION]["FilterPolicy"]
    else:
        aws.subscriptions[SUBSCRIPTION]["FilterPolicy"] = json.dumps(policy)


def pending(aws: Aws) -> None:
    aws.subscriptions["PendingConfirmation"] = aws.subscriptions.pop(SUBSCRIPTION)


WHOLE = {"NewStateValue": ["ALARM"], "AlarmName": [*NAMES]}
DOES_NOT_HEAR = f"^{FUNCTION} does not hear {{}} on {TOPIC}: "
SPOILT: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda aws: aws.alarms.pop(SLOW), f"^there is no alarm {SLOW}: deploy the stack"),
    "a team's own missing": (lambda aws: aws.alarms.pop(TEAM), f"^there is no alarm {TEAM}: "),
    "actions disabled": (
        lambda aws: aws.alarms[BAD].update(ActionsEnabled=False),
        f'^the actions of {BAD} are disabled: .*enable-alarm-actions --alarm-names "{BAD}"',
    ),
    "a team's own, disabled": (
        lambda aws: aws.alarms[TEAM].update(ActionsEnabled=False),
        f'^the actions of {TEAM} are disabled: .* --alarm-names "{TEAM}"',
    ),
    "suppressed": (
        lambda aws: aws.alarms[TEAM].update(ActionsSuppressedBy="Alarm"),
        f"^the actions of {TEAM} are suppressed by its suppressor alarm: wait",
    ),
    "muted": (
        lambda aws: setattr(aws, "mute_rules", {BAD: [RULE]}),
        f"^{BAD} is muted by {RULE}: wait until .*--alarm-mute-rule-name nights`",
    ),
    "another action": (
        lambda aws: aws.alarms[BAD].update(AlarmActions=[f"{TOPIC}s"]),
        f"^{BAD} does not call {TOPIC}: give it that alarm action",
    ),
    "no action": (
        lambda aws: aws.alarms[BAD].update(AlarmActions=[]),
        f"^{BAD} does not call {TOPIC}",
    ),
    "red": (
        lambda aws: aws.alarms.update({SLOW: described(SLOW, "ALARM")}),
        rf"^in ALARM: {SLOW}\. An alarm notifies only when its state changes\. Look for the cause",
    ),
    "not subscribed": (
        lambda aws: aws.subscriptions.pop(SUBSCRIPTION),
        DOES_NOT_HEAR.format(BAD) + "it is not subscribed",
    ),
    "not confirmed": (
        lambda aws: aws.subscriptions[SUBSCRIPTION].update(PendingConfirmation="true"),
        DOES_NOT_HEAR.format(BAD) + f"its subscription is not confirmed.*{SUBSCRIPTION}.*Confirm",
    ),
    "never confirmed": (pending, DOES_NOT_HEAR.format(BAD) + "its subscription is not confirmed"),
    "left out of the filter": (
        lambda aws: set_filter(aws, {**WHOLE, "AlarmName": [BAD, SLOW]}),
        DOES_NOT_HEAR.format(TEAM) + f".*set-subscription-attributes --subscription-arn.*{TEAM}",
    ),
    "no filter": (
        lambda aws: set_filter(aws, None),
        DOES_NOT_HEAR.format(BAD) + "its filter is null",
    ),
    "another scope": (
        lambda aws: set_filter(aws, WHOLE, "MessageAttributes"),
        DOES_NOT_HEAR.format(BAD) + ".*over MessageAttributes",
    ),
    "another state": (
        lambda aws: set_filter(aws, {**WHOLE, "NewStateValue": ["OK"]}),
        DOES_NOT_HEAR.format(BAD),
    ),
    "one condition more": (
        lambda aws: set_filter(aws, {**WHOLE, "Region": ["EU (Paris)"]}),
        DOES_NOT_HEAR.format(BAD),
    ),
}


def test_guards_that_can_act_object_to_nothing() -> None:
    guards = Aws().read()
    assert objections(guards) == []
    assert [why for name in NAMES for why in unfit(guards, name)] == []


@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
def test_a_guard_that_could_not_act_is_named_with_what_to_do(spoil: Spoil, says: str) -> None:
    aws = Aws()
    spoil(aws)
    guards = aws.read()
    found = objections(guards)
    assert re.search(says, found[0])


def test_insufficient_data_is_no_objection() -> None:
    aws = Aws()
    aws.alarms[BAD] = described(BAD, "INSUFFICIENT_DATA")
    assert objections(aws.read()) == []


def test_a_subscription_that_hears_more_alarms_of_ours_is_intact() -> None:
    aws = Aws()
    set_filter(aws, {**WHOLE, "AlarmName": [*NAMES, "another"]})
    assert objections(aws.read()) == []


def test_where_cloudwatch_has_no_mute_rules_none_can_mute_and_the_status_says_so() -> None:
    aws = Aws()
    aws.mute_rules = None
    guards = aws.read()
    assert objections(guards) == []


def test_every_mute_rule_is_named() -> None:
    aws = Aws()
    aws.mute_rules = {SLOW: [f"{RULE}{number}" for number in range(5)]}
    assert [text.split()[4] for text in objections(aws.read())] == [
        f"{RULE}{number}:" for number in range(5)
    ]


def test_a_topic_that_is_gone_is_one_that_nobody_hears() -> None:
    aws = Aws()
    gone = f"{TOPIC}Gone"
    guards = Guards.read(
        aws.client("cloudwatch"), aws.client("sns"), names=NAMES, topic=gone, function=FUNCTION
    )
    assert f"{FUNCTION} does not hear {BAD} on {gone}: it is not subscribed" in " ".join(
        objections(guards)
    )


@pytest.mark.parametrize(
    "call",
    [
        "DescribeAlarms",
        "ListAlarmMuteRules",
        "ListSubscriptionsByTopic",
        "GetSubscriptionAttributes",
    ],
)
def test_who_may_not_look_cannot_tell_and_is_told_which_permission_is_missing(call: str) -> None:
    aws = Aws()
    aws.refused = call
    with pytest.raises(ClientError, match=f"AccessDenied.*{call}"):
        aws.read()


def test_more_alarms_than_one_call_describes_are_all_described() -> None:
    aws = Aws()
    names = [f"alarm-{number}" for number in range(230)]
    aws.alarms = {name: described(name) for name in names}
    assert [*describe(aws.client("cloudwatch"), names)] == names
