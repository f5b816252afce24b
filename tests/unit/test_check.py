"""Users who are exposed under a red alarm go back, though no message of it ever arrived."""

import pytest

from operations.actions import Checked, check, roll_back
from operations.alarms import AlarmNotification, describe
from operations.flag import FlagWriterError
from operations.transitions import Who, Writer
from shadow_runtime.contract import Position, Stage
from tests.fakes import FakeAppConfig
from tests.unit.flags import CANARY, NOT_OURS, at, flag_on
from tests.unit.guarded import BAD, NAMES, SLOW, TEAM, Aws, described


def checked(appconfig: FakeAppConfig, aws: Aws, *, request: str = "check-1") -> Checked:
    client = aws.client("cloudwatch")
    return check(
        flag_on(appconfig),
        NAMES,
        lambda names: describe(client, names),
        who=Who(Writer.ROLLBACK, request),
    )


WHO = Who(Writer.ROLLBACK, "request-1")


def red(*names: str) -> Aws:
    aws = Aws()
    for name in names:
        aws.alarms[name] = described(name, "ALARM")
    return aws


@pytest.mark.parametrize("alarm", [BAD, SLOW, TEAM])
@pytest.mark.parametrize("stage", [CANARY, Stage.LIVE, Stage.COMPLETE])
def test_a_red_alarm_takes_users_back_and_says_by_which_and_that_its_message_was_lost(
    alarm: str, stage: Stage
) -> None:
    appconfig = at(stage)
    done = checked(appconfig, red(alarm)).rollback
    assert done is not None
    assert (done.changed, done.alarm, done.by_message) == (True, alarm, False)
    assert done.at == "2030-01-09T03:00:00.000+0000"
    assert done.deployment == (f"rollback: {alarm} in ALARM since {done.at} (from {stage} to off)")
    assert (appconfig.position.stage, appconfig.now) == (Stage.OFF, 0)


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_where_nobody_is_exposed_no_alarm_is_looked_at_and_nothing_is_written(
    stage: Stage,
) -> None:
    appconfig = at(stage)

    def look(_: object) -> dict[str, object]:
        raise AssertionError("nobody needs to look at an alarm")

    seen = check(flag_on(appconfig), NAMES, look, who=WHO)  # type: ignore[arg-type]
    assert seen == Checked(str(stage), {}, None)
    assert appconfig.writes == []


def test_green_alarms_move_nobody_and_what_was_seen_is_said() -> None:
    appconfig, aws = at(CANARY), Aws()
    aws.alarms[SLOW] = described(SLOW, "INSUFFICIENT_DATA")
    states = {BAD: "OK", SLOW: "INSUFFICIENT_DATA", TEAM: "OK"}
    assert checked(appconfig, aws) == Checked(str(CANARY), states, None)
    assert appconfig.writes == []


def test_a_red_alarm_stops_a_raise_that_is_under_way() -> None:
    appconfig = at(Stage.SHADOW)
    running = appconfig.move(Position(CANARY), "raise0")
    done = checked(appconfig, red(BAD)).rollback
    assert done is not None
    assert (done.changed, running.state, appconfig.position.stage) == (
        True,
        "ROLLED_BACK",
        Stage.OFF,
    )


def test_a_doubled_check_changes_nothing() -> None:
    appconfig = at(CANARY)
    checked(appconfig, red(BAD, SLOW))
    writes = len(appconfig.writes)
    assert checked(appconfig, red(BAD, SLOW), request="check-2").rollback is None
    assert len(appconfig.writes) == writes


def test_a_further_attempt_at_one_check_says_what_the_first_did() -> None:
    appconfig = at(CANARY)
    first = checked(appconfig, red(BAD)).rollback
    assert checked(appconfig, red(BAD)).rollback == first


def test_a_message_that_comes_after_all_changes_nothing_and_hears_who_did() -> None:
    appconfig = at(CANARY)
    first = checked(appconfig, red(BAD)).rollback
    assert first is not None
    late = AlarmNotification(BAD, "ALARM", first.alarm_says, first.reason, first.at)
    done = roll_back(flag_on(appconfig), late, who=Who(Writer.ROLLBACK, "message"))
    assert (done.changed, done.deployment) == (False, first.deployment)


def test_a_check_after_the_message_has_nothing_to_do() -> None:
    appconfig = at(CANARY)
    roll_back(flag_on(appconfig), AlarmNotification(BAD, "ALARM", "", "", "2030"), who=WHO)
    assert checked(appconfig, red(BAD)).rollback is None


def test_users_under_an_alarm_that_is_gone_are_an_error_that_names_it() -> None:
    appconfig, aws = at(CANARY), Aws()
    del aws.alarms[TEAM]
    with pytest.raises(FlagWriterError, match=f"users are exposed, and there is no alarm {TEAM}"):
        checked(appconfig, aws)


def test_a_red_alarm_goes_before_one_that_is_gone() -> None:
    appconfig, aws = at(CANARY), red(BAD)
    del aws.alarms[TEAM]
    assert checked(appconfig, aws).rollback is not None
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_flag_that_nobody_can_read_is_taken_for_exposed(content: bytes) -> None:
    appconfig = FakeAppConfig(content)
    assert checked(appconfig, red(BAD)).rollback is not None
    assert appconfig.position.stage == Stage.OFF
