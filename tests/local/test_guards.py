"""A guard that could take nobody back holds everybody; a lost message takes users back too."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from operations.flag import FlagWriterError
from shadow_runtime.contract import Stage
from shadowctl.route import Route
from tests.local.crowd import CANARY
from tests.local.deployed import Deployed, awaited
from tests.local.way_back import exposure, is_off, rollbacks, rolled_back, set_state

Spoil = Callable[[Deployed, str], AbstractContextManager[None]]
RULE = "arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:nights"


@contextlib.contextmanager
def disabled(deployed: Deployed, alarm: str) -> Iterator[None]:
    cloudwatch = deployed.aws.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm])
    try:
        yield
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=[alarm])


@contextlib.contextmanager
def muted(deployed: Deployed, alarm: str) -> Iterator[None]:
    """The emulator has no mute rules: what CloudWatch would answer is put into botocore's mouth."""

    def rules(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["alarm"] = params["AlarmName"]

    def answer(context: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]]:
        found = [{"AlarmMuteRuleArn": RULE}] if context["alarm"] == alarm else []
        head = {"HTTPStatusCode": 200}
        return SimpleNamespace(status_code=200), {
            "AlarmMuteRuleSummaries": found,
            "ResponseMetadata": head,
        }

    call = "cloudwatch.ListAlarmMuteRules"
    deployed.aws.events.register(f"provide-client-params.{call}", rules)
    deployed.aws.events.register(f"before-call.{call}", answer)  # type: ignore[arg-type]
    try:
        yield
    finally:
        deployed.aws.events.unregister(f"provide-client-params.{call}", rules)
        deployed.aws.events.unregister(f"before-call.{call}", answer)  # type: ignore[arg-type]


@contextlib.contextmanager
def renamed(deployed: Deployed, alarm: str) -> Iterator[None]:
    """Somebody narrows the filter of operations' subscription."""
    sns, guards = deployed.aws.client("sns"), Route.find("GetUser", deployed.aws).guards()
    [subscription] = guards.subscriptions
    whole = dict(subscription.only or {})
    left = {**whole, "AlarmName": [name for name in whole["AlarmName"] if name != alarm]}

    def narrow(policy: dict[str, Any]) -> None:
        sns.set_subscription_attributes(
            SubscriptionArn=subscription.arn,
            AttributeName="FilterPolicy",
            AttributeValue=json.dumps(policy),
        )

    narrow(left)
    try:
        yield
    finally:
        narrow(whole)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "actions disabled": (disabled, "the actions of {} are disabled"),
    "muted": (muted, f"{{}} is muted by {RULE}"),
    "not heard": (renamed, "does not hear {} on "),
}


@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
def test_nobody_is_exposed_under_a_guard_that_could_not_act_and_lowering_is_always_possible(
    canary: Deployed, spoil: Spoil, says: str
) -> None:
    alarm = exposure(canary)[1]
    with spoil(canary, alarm):
        route = Route.find("GetUser", canary.aws)
        with pytest.raises(FlagWriterError, match=says.format(alarm)):
            route.move(Stage.canary(percent=2), why="a test", progress=lambda *_: None)
        assert canary.flag.deployed().position.stage == CANARY.stage
        route.move(Stage.OFF, why="a test", progress=lambda *_: None)
        assert is_off(canary)
        route.move(Stage.SHADOW, why="a test", progress=lambda *_: None)
    assert Route.find("GetUser", canary.aws).objections(Stage.LIVE) == []


def check_soon(deployed: Deployed) -> None:
    """The scheduler calls within seconds whom, and with what, it calls every five minutes."""
    scheduler = deployed.aws.client("scheduler")
    name = deployed.resource("AWS::Scheduler::Schedule", "ServiceAlarmCheckSchedule")
    schedule = scheduler.get_schedule(Name=name)
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    scheduler.create_schedule(
        Name=f"soon-{next(_numbers)}",
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        ActionAfterCompletion="DELETE",
        FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
        Target=schedule["Target"],
    )


_numbers = itertools.count()


def checks(deployed: Deployed, *, stage: Stage) -> list[dict[str, Any]]:
    """What was seen at each look while the flag was there."""
    lines = [line for line in deployed.lines("Operations") if line.get("message") == "check"]
    return [line for line in lines if line["stage"] == str(stage)]


def test_a_red_alarm_whose_message_was_lost_takes_users_back_at_the_next_check(
    canary: Deployed,
) -> None:
    alarm, before = exposure(canary)[0], len(rollbacks(canary))
    with disabled(canary, alarm):
        set_state(canary, alarm, "ALARM")
        assert not is_off(canary)
        check_soon(canary)
        assert awaited(lambda: is_off(canary), True)
    evidence = rolled_back(canary, before)
    assert (evidence["alarm"], evidence["by_message"]) == (alarm, False)
    [newest] = canary.flag.history(last=1)
    assert newest.change
    assert newest.change.evidence["by_message"] is False
    assert checks(canary, stage=CANARY.stage)[-1]["alarms"][alarm] == "ALARM"

    at_off = len(checks(canary, stage=Stage.OFF))
    check_soon(canary)
    assert awaited(lambda: len(checks(canary, stage=Stage.OFF)), at_off + 1) > at_off
    assert len(rollbacks(canary)) == before + 1
