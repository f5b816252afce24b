"""The way back: whatever happens beside it, the last word of a red alarm is `off`."""

import json
from typing import Any

import pytest

from operations import words
from operations.alarms import Call, ExposureAlarms
from operations.cleanup import CleanedUp, clean_up
from operations.flag_writer import lower
from operations.hosted_flag import FlagWriterError
from operations.rollback import RolledBack, roll_back
from shadow_runtime.contract import Position, Stage, Variable
from tests.fakes import FakeAppConfig
from tests.unit.flags import CANARY, NOT_OURS, at, flag_on

CALL = Call(
    name="GetUser-get-user-candidate-error-rate",
    state="ALARM",
    description="get-user: the candidate failed over 2 % of its users' requests",
    reason="Threshold Crossed: 1 datapoint [40.0] was greater than the threshold (2.0).",
    at="2030-01-09T03:00:00.000+0000",
)


def rolled_back(appconfig: FakeAppConfig) -> RolledBack:
    return roll_back(flag_on(appconfig), CALL)


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE])
def test_a_red_alarm_switches_the_flag_off_all_at_once(stage: Stage) -> None:
    appconfig = at(stage)
    done = rolled_back(appconfig)
    assert (done.outcome, done.changed, done.before) == ("off", True, str(stage))
    assert (appconfig.position.stage, appconfig.now) == (Stage.OFF, 0)
    assert appconfig.deployments[-1].strategy == "lower0"


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY])
def test_a_red_alarm_stops_a_raise_that_is_under_way(stage: Stage) -> None:
    appconfig = at(stage)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    assert rolled_back(appconfig).changed
    assert (running.state, appconfig.position.stage) == ("ROLLED_BACK", Stage.OFF)


def test_the_second_alarm_changes_nothing() -> None:
    appconfig = at(CANARY)
    rolled_back(appconfig)
    writes = len(appconfig.writes)
    assert rolled_back(appconfig).changed is False
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
        lambda flag: clean_up(flag, today="2030-01-14"),
        lambda flag: roll_back(flag, CALL),
        lambda flag: lower(flag, Stage.SHADOW, why="a test"),
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
        "AlarmName": CALL.name,
        "AlarmDescription": CALL.description,
        "NewStateValue": "ALARM",
        "NewStateReason": CALL.reason,
        "StateChangeTime": CALL.at,
        "OldStateValue": "OK",
    }
    return json.dumps({**message, **changed})


def test_a_call_is_read_as_cloudwatch_publishes_it() -> None:
    assert Call.read(alarm_message()) == CALL
    assert Call.read(alarm_message(AlarmDescription=None)).description == ""


@pytest.mark.parametrize("message", ["", "users are back", "[]", "{}", "null"])
def test_a_message_that_is_no_alarms_is_an_error_that_says_so(message: str) -> None:
    with pytest.raises(ValueError, match="what CloudWatch publishes"):
        Call.read(message)


class CloudWatch:
    """Describes the alarms that it was given."""

    def __init__(self, **states: str) -> None:
        self._states = states

    def describe_alarms(self, *, AlarmNames: list[str]) -> Any:  # noqa: N803 - AWS's name
        found = [
            {"AlarmName": name, "StateValue": self._states[name]}
            for name in AlarmNames
            if name in self._states
        ]
        return {"MetricAlarms": found}


def exposure(**states: str) -> ExposureAlarms:
    return ExposureAlarms(CloudWatch(**states), ["bad", "slow"])  # type: ignore[arg-type]


def test_only_alarm_is_red() -> None:
    assert exposure(bad="ALARM", slow="OK").red() == ["bad"]
    assert exposure(bad="INSUFFICIENT_DATA", slow="OK").red() == []


def test_an_alarm_that_does_not_exist_is_no_green_one() -> None:
    with pytest.raises(FlagWriterError, match=r"no alarm slow.*Deploy"):
        exposure(bad="OK").red()


@pytest.fixture(autouse=True)
def _deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv(Variable.DASHBOARD, "GetUser-get-user")


def test_people_are_told_what_happened_what_was_done_and_what_to_look_at() -> None:
    done = RolledBack("off", True, "canary(2%)", CALL.name, CALL.reason, CALL.at)
    told = words.of_rollback(done, CALL.description, {"7": 0.99, "8": 0.01})
    assert told.subject.endswith("users are back on control")
    assert (
        told.text
        == f"""\
What happened
{CALL.description}
{CALL.name} turned red at {CALL.at}.
{CALL.reason}

What was done
The flag went from canary(2%) to off, all at once; within 15 seconds control answers everybody.

What to look at
Versions of the route at that time: 7 (99 %), 8 (1 %). Nothing can be raised while the alarm is \
red; then start again from shadow.
https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1\
#dashboards/dashboard/GetUser-get-user
"""
    )


@pytest.mark.parametrize("outcome", ["off", "deprecated"])
@pytest.mark.parametrize("changed", [True, False])
def test_a_clean_up_has_words_for_every_outcome(outcome: str, changed: bool) -> None:
    told = words.of_clean_up(CleanedUp(outcome, changed, pruned=1))
    assert told.subject.isascii()
    assert len(told.subject) <= 100
    assert ("Nothing" in told.text) is not changed
