"""The way back: whatever happens beside it, the last word of a red alarm is `off`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from operations.actions import RolledBack, clean_up, roll_back
from operations.alarms import AlarmNotification
from operations.moves import lower
from operations.report import rollback_message
from operations.transitions import Who, Writer
from shadow_runtime.contract import Position, Stage
from tests.fakes import FakeAppConfig
from tests.unit.cleanups import seen
from tests.unit.flags import ADA, CANARY, NOT_OURS, at, flag_on

ALARM = AlarmNotification(
    name="GetUser-get-user-error-rate",
    state="ALARM",
    description="get-user: the candidate failed over 2 % of its users' requests",
    reason="Threshold Crossed: 1 datapoint [40.0] was greater than the threshold (2.0).",
    at="2030-01-09T03:00:00.000+0000",
)
WHO = Who(Writer.ROLLBACK, "request-1")


def rolled_back(appconfig: FakeAppConfig, who: Who = WHO) -> RolledBack:
    return roll_back(flag_on(appconfig), ALARM, who=who)


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE])
def test_a_red_alarm_switches_the_flag_off_all_at_once(stage: Stage) -> None:
    appconfig = at(stage)
    done = rolled_back(appconfig)
    assert (done.outcome, done.changed) == ("off", True)
    assert done.deployment.endswith(f"(from {stage} to off)")
    assert (appconfig.position.stage, appconfig.now) == (Stage.OFF, 0)
    assert appconfig.deployments[-1].strategy == "lower0"


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY])
def test_a_red_alarm_stops_a_raise_that_is_under_way(stage: Stage) -> None:
    appconfig = at(stage)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    assert rolled_back(appconfig).changed
    assert (running.state, appconfig.position.stage) == ("ROLLED_BACK", Stage.OFF)


def test_the_second_alarm_changes_nothing_and_hears_which_one_did() -> None:
    appconfig = at(CANARY)
    first = rolled_back(appconfig)
    writes = len(appconfig.writes)
    second = rolled_back(appconfig, Who(Writer.ROLLBACK, "request-2"))
    assert (second.changed, second.deployment) == (False, first.deployment)
    assert len(appconfig.writes) == writes


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY])
@pytest.mark.parametrize("raising", [True, False])
def test_a_second_attempt_at_one_rollback_says_what_the_first_did_and_writes_nothing(
    stage: Stage, raising: bool
) -> None:
    appconfig = at(stage)
    if raising:
        appconfig.move(Position(Stage.LIVE), "raise0")
    first = rolled_back(appconfig)
    writes = len(appconfig.writes)
    assert rolled_back(appconfig) == first
    assert len(appconfig.writes) == writes


@pytest.mark.parametrize(
    "call", ["ListDeployments", "CreateHostedConfigurationVersion", "StartDeployment"]
)
@pytest.mark.parametrize("to", [Stage.OFF, Stage.SHADOW, Stage.COMPLETE])
@pytest.mark.parametrize("strategy", ["raise0", "lower0"])
def test_the_last_word_is_off_whatever_a_human_changes_beside_it(
    call: str, to: Stage, strategy: str
) -> None:
    appconfig = at(CANARY)
    appconfig.before(call, lambda: appconfig.move(Position(to), strategy))
    rolled_back(appconfig)
    appconfig.sleep(3_600)
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("call", ["ListDeployments", "StartDeployment"])
def test_the_last_word_is_off_beside_a_clean_up_and_a_second_alarm(call: str) -> None:
    for other in (
        lambda flag: clean_up(
            flag, seen(CANARY, verdict="FAIL"), who=Who(Writer.CLEANUP, "request-2")
        ),
        lambda flag: roll_back(flag, ALARM, who=Who(Writer.ROLLBACK, "request-3")),
        lambda flag: lower(flag, Stage.SHADOW, who=ADA, why="a test"),
    ):
        appconfig = at(CANARY)
        flag = flag_on(appconfig)
        appconfig.before(call, lambda other=other, flag=flag: other(flag))  # type: ignore[misc]
        rolled_back(appconfig)
        assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_flag_that_nobody_can_read_goes_to_off_too(content: bytes) -> None:
    appconfig = FakeAppConfig(content)
    assert rolled_back(appconfig).changed
    assert appconfig.position.stage == Stage.OFF


def alarm_message(**changed: Any) -> str:
    message = {
        "AlarmName": ALARM.name,
        "AlarmDescription": ALARM.description,
        "NewStateValue": "ALARM",
        "NewStateReason": ALARM.reason,
        "StateChangeTime": ALARM.at,
        "OldStateValue": "OK",
    }
    return json.dumps({**message, **changed})


def test_a_notification_is_read_as_cloudwatch_publishes_it() -> None:
    assert AlarmNotification.parse(alarm_message()) == ALARM
    assert AlarmNotification.parse(alarm_message(AlarmDescription=None)).description == ""


@pytest.mark.parametrize("message", ["", "users are back", "[]", "{}", "null"])
def test_a_message_of_another_kind_is_an_error_that_says_so(message: str) -> None:
    with pytest.raises(ValueError, match="what CloudWatch publishes"):
        AlarmNotification.parse(message)


def test_people_are_told_what_happened_what_was_done_and_what_to_look_at() -> None:
    deployment = f"rollback: {ALARM.name} in ALARM since {ALARM.at} (from canary(2%) to off)"
    done = RolledBack(
        "off", True, deployment, ALARM.name, ALARM.description, ALARM.reason, ALARM.at, True
    )
    told = rollback_message("GetUser/get-user", done, {"7": 0.99, "8": 0.01})
    assert told.subject == "GetUser/get-user: users are back on control"
    assert (
        told.text("https://console/dashboard")
        == f"""\
What happened
{ALARM.description}
{ALARM.name} is in ALARM since {ALARM.at}.
{ALARM.reason}

What was done
The flag went to off, all at once: control answers everybody, in each execution environment \
15 seconds later, after one more request.
{deployment}

What to look at
Versions of the route at that time: 7 (99 %), 8 (1 %). Start again from shadow; nobody can be \
exposed while the guard is in ALARM. Next: `shadowctl status GetUser`, `shadowctl traces GetUser`, \
`shadowctl diffs GetUser`.
https://console/dashboard
"""
    )


def test_people_are_told_which_alarm_nobody_heard() -> None:
    done = replace(rolled_back(at(CANARY)), by_message=False)
    told = rollback_message("get-user", done, {}).happened
    assert f"{ALARM.name} is in ALARM since {ALARM.at}. No message of it had arrived" in told
    assert "shadowctl status" in told
