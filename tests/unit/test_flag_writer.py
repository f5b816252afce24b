"""The flag writer: lowering is always possible at once, raising is patient, and no change of
anybody is lost."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from operations.flag import FlagWriterError
from operations.moves import add_tester, lower, lowered, move, pause, unopposed
from operations.transitions import Change, Transitions
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document
from tests.fakes import FakeAppConfig, RefusedError
from tests.unit.flags import ADA, CANARY, MACHINE, NOT_OURS, STAGES, at, flag_on, richer

AT_ONCE = 0.0
RED = "error-rate is in ALARM, look for the cause"


def moved(appconfig: FakeAppConfig, to: Stage, override: str = "") -> bool:
    return move(
        flag_on(appconfig), to, who=ADA, why="a test", objections=unopposed, override=override
    )


def test_a_raise_goes_gradually_and_is_waited_for_with_progress() -> None:
    appconfig, told = at(Stage.SHADOW), list[tuple[str, float]]()
    flag = flag_on(appconfig)
    assert move(
        flag,
        CANARY,
        who=ADA,
        why="a test",
        objections=unopposed,
        progress=lambda *progress: told.append(progress),
    )
    assert appconfig.position.stage == CANARY
    assert appconfig.deployments[-1].strategy == "raise0"
    assert (told[0], told[-1]) == (("DEPLOYING", 0.0), ("COMPLETE", 100.0))
    assert told == sorted(told, key=lambda progress: progress[1])


@pytest.mark.parametrize("to", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=4.99)])
def test_a_lowering_reaches_everybody_at_once(to: Stage) -> None:
    appconfig = at(CANARY)
    assert moved(appconfig, to)
    assert (appconfig.position.stage, appconfig.now) == (to, AT_ONCE)
    assert appconfig.deployments[-1].strategy == "lower0"


@pytest.mark.parametrize("to", [Stage.OFF, CANARY])
def test_a_lowering_stops_a_raise_that_is_under_way(to: Stage) -> None:
    appconfig = at(CANARY)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    assert moved(appconfig, to), "it changed something, even where the raise came from"
    assert running.state == "ROLLED_BACK"
    assert (appconfig.position.stage, appconfig.now) == (to, AT_ONCE)


def test_a_lowering_stops_a_raise_that_has_reached_everybody_but_is_still_watched() -> None:
    appconfig = at(Stage.SHADOW)
    baking = appconfig.move(Position(Stage.LIVE), "bakes0")
    appconfig.sleep(1)
    assert moved(appconfig, Stage.OFF)
    assert baking.state == "ROLLED_BACK"
    assert appconfig.position.stage == Stage.OFF
    assert appconfig.now <= 2


def test_a_lowering_is_not_lost_when_the_raise_ends_before_it_is_stopped() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(Stage.LIVE), "raise0")
    appconfig.before("StopDeployment", lambda: appconfig.sleep(600))
    assert moved(appconfig, Stage.OFF)
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("to", [Stage.OFF, Stage.LIVE])
def test_the_flag_still_moves_after_a_deployment_was_stopped(to: Stage) -> None:
    appconfig = at(CANARY)
    stopped = appconfig.move(Position(Stage.COMPLETE), "raise0")
    appconfig.client().stop_deployment(
        ApplicationId="app0", EnvironmentId="env0", DeploymentNumber=stopped.number
    )
    assert moved(appconfig, to)
    assert appconfig.position.stage == to


def test_a_raise_waits_for_a_deployment_that_is_under_way() -> None:
    appconfig = at(Stage.SHADOW)
    running = appconfig.move(Position(CANARY), "raise0")
    assert moved(appconfig, Stage.LIVE)
    assert running.state == "COMPLETE"
    assert appconfig.position.stage == Stage.LIVE


def test_a_raise_does_not_follow_upon_one_that_was_taken_back() -> None:
    appconfig = at(Stage.SHADOW)
    running = appconfig.move(Position(CANARY), "raise0")
    appconfig.before("GetDeployment", lambda: setattr(running, "state", "ROLLED_BACK"))
    with pytest.raises(FlagWriterError, match="taken back"):
        moved(appconfig, Stage.LIVE)
    assert appconfig.position.stage == Stage.SHADOW


def test_a_change_that_is_taken_back_is_an_error_that_says_so_and_what_to_look_at() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.before(
        "GetDeployment", lambda: setattr(appconfig.deployments[-1], "state", "ROLLED_BACK")
    )
    with pytest.raises(FlagWriterError, match=r"deployment 2 was taken back.* events in AppConfig"):
        moved(appconfig, CANARY)


@pytest.mark.parametrize("to", STAGES)
@pytest.mark.parametrize("stage", STAGES)
def test_a_move_that_skips_a_stage_is_refused_or_keeps_the_reason_why_not(
    stage: Stage, to: Stage
) -> None:
    appconfig = at(stage)
    refusal = Transitions().refusal(stage, to)
    if refusal:
        with pytest.raises(FlagWriterError, match=f"^{re.escape(refusal)}$"):
            moved(appconfig, to)
        assert appconfig.writes == []
    assert moved(appconfig, to, override="incident 7") == (stage != to)
    assert appconfig.position.stage == to
    kept = f"incident 7 (from {stage} to {to})" if refusal else ""
    assert appconfig.served["values"][FLAG_KEY]["override"] == kept
    if stage != to:
        evidence = {"overridden": refusal} if refusal else {}
        assert made(appconfig) == Change(ADA, "a test", stage, to, evidence)


def test_no_reason_is_kept_longer_than_the_move_that_it_was_given_for() -> None:
    appconfig = at(Stage.OFF)
    moved(appconfig, CANARY, override="x" * 2_000)
    assert len(appconfig.served["values"][FLAG_KEY]["override"]) < 250
    moved(appconfig, Stage.SHADOW)
    assert appconfig.served["values"][FLAG_KEY]["override"] == ""


def test_a_raise_that_is_refused_waits_for_no_deployment_first() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "raise0")
    with pytest.raises(FlagWriterError, match="skips live"):
        moved(appconfig, Stage.COMPLETE)
    assert appconfig.now == AT_ONCE


FAILS = "Error invoking Lambda function: Rate Exceeded"


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_validator_that_fails_keeps_nobody_from_off_and_is_there_again_afterwards(
    stage: Stage,
) -> None:
    appconfig = at(stage)
    appconfig.validate = lambda _content: FAILS
    validators = appconfig.validators
    assert moved(appconfig, Stage.OFF)
    assert (appconfig.position.stage, appconfig.now) == (Stage.OFF, AT_ONCE)
    assert appconfig.validators == validators
    assert made(appconfig).evidence["validator"] == FAILS


def test_no_other_move_goes_past_a_validator_for_whatever_reason() -> None:
    appconfig = at(CANARY)
    appconfig.validate = lambda _content: FAILS
    for to, override in ((Stage.SHADOW, ""), (Stage.COMPLETE, "incident 7")):
        with pytest.raises(FlagWriterError, match=f"AppConfig does not deploy it: {FAILS}"):
            moved(appconfig, to, override=override)
    assert appconfig.position.stage == CANARY
    assert "UpdateConfigurationProfile" not in appconfig.calls


def test_what_a_validator_says_of_a_flag_that_moved_meanwhile_is_asked_again() -> None:
    appconfig, answers = at(CANARY), iter(["live is over the ceiling"])
    appconfig.validate = lambda _content: next(answers, "")
    appconfig.before("StartDeployment", lambda: appconfig.move(Position(CANARY, 7), "lower0"))
    assert moved(appconfig, Stage.LIVE)
    assert appconfig.position == Position(Stage.LIVE, 7)


def test_of_two_who_take_a_validator_off_at_once_none_leaves_it_off() -> None:
    appconfig = at(CANARY)
    appconfig.validate = lambda _content: FAILS
    validators = appconfig.validators

    def other() -> None:
        appconfig.validators = []  # as it is while another writer deploys

    def puts_back() -> None:
        appconfig.validators, appconfig.validate = validators, lambda _content: ""

    appconfig.before("GetConfigurationProfile", other)
    appconfig.before("StartDeployment", lambda: None, puts_back)
    moved(appconfig, Stage.OFF)
    assert appconfig.position.stage == Stage.OFF
    assert appconfig.validators == validators


def test_the_validator_is_put_back_when_the_deployment_fails_too() -> None:
    appconfig = at(CANARY)
    appconfig.validate = lambda _content: FAILS
    validators = appconfig.validators

    def refuse() -> None:
        raise RefusedError("BadRequestException", "no such strategy")

    appconfig.before("StartDeployment", refuse, refuse)
    with pytest.raises(FlagWriterError, match="does not deploy it: no such strategy"):
        moved(appconfig, Stage.OFF)
    assert appconfig.validators == validators


def test_who_may_not_take_a_validator_off_hears_that_it_fails_and_what_to_do() -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "not for you")

    appconfig = at(CANARY)
    appconfig.validate = lambda _content: FAILS
    appconfig.before("UpdateConfigurationProfile", refuse)
    with pytest.raises(FlagWriterError, match=rf"fails \({FAILS}\) .* take it off the profile"):
        moved(appconfig, Stage.OFF)


@pytest.mark.parametrize("paused", [True, False])
def test_a_pause_moves_nobody_and_is_kept_once(paused: bool) -> None:
    appconfig = at(CANARY, shadow_percent=7)
    pause(flag_on(appconfig), True, who=ADA, why="a test")
    assert pause(flag_on(appconfig), paused, who=ADA, why="lunch") is not paused
    assert flag_on(appconfig).deployed().is_paused is paused
    assert appconfig.position == Position(CANARY, 7)


def test_a_pause_lets_a_raise_that_is_under_way_end_and_tells_how_far_it_is() -> None:
    appconfig, told = at(CANARY), list[str]()
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    flag = flag_on(appconfig)
    assert pause(flag, True, who=ADA, why="a test", progress=lambda state, _: told.append(state))
    assert (running.state, appconfig.position.stage) == ("COMPLETE", Stage.LIVE)
    assert flag.deployed().is_paused
    assert {*told} == {"DEPLOYING", "COMPLETE"}


def test_the_history_tells_who_moved_the_flag_and_why_and_what_became_of_it() -> None:
    appconfig = at(Stage.OFF)
    moved(appconfig, Stage.SHADOW)
    running = appconfig.move(Position(CANARY), "raise0")  # as by a console
    lower(flag_on(appconfig), Stage.OFF, who=MACHINE, why="red", evidence={"alarm": "slow"})
    seed, shadow, console, off = flag_on(appconfig).history()
    assert (seed.number, seed.change, console.change) == (1, None, None)
    assert (console.number, console.state) == (running.number, "ROLLED_BACK")
    assert shadow.change == Change(ADA, "a test", Stage.OFF, Stage.SHADOW)
    assert off.change == Change(MACHINE, "red", CANARY, Stage.OFF, {"alarm": "slow"})
    assert (off.state, off.started) == ("COMPLETE", off.completed)
    assert flag_on(appconfig).history(last=1) == [off]


def test_who_moves_a_flag_next_knows_a_history_of_which_the_beginning_is_unread() -> None:
    appconfig = at(Stage.OFF)
    appconfig.deployments[0].description = "Störung " * 100
    moved(appconfig, Stage.SHADOW)
    assert [each.change is None for each in flag_on(appconfig).history()] == [True, False]


def made(appconfig: FakeAppConfig) -> Change:
    """The change that the last deployment keeps."""
    [newest] = flag_on(appconfig).history(last=1)
    assert newest.change
    return newest.change


@pytest.mark.parametrize("stage", STAGES)
def test_a_move_to_where_the_flag_is_changes_nothing(stage: Stage) -> None:
    appconfig = at(stage, shadow_percent=7, candidate_users=("ada",))
    assert not moved(appconfig, stage)
    assert appconfig.writes == []


def test_a_flag_that_is_switched_off_in_the_console_is_at_off_and_stays_switched_off() -> None:
    appconfig = FakeAppConfig(richer(flag_document(Position(CANARY)), enabled=False))
    assert not moved(appconfig, Stage.OFF)
    assert appconfig.writes == []


def test_a_move_to_where_the_flag_is_going_waits_for_it_and_changes_nothing() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "raise0")
    assert not moved(appconfig, CANARY)
    assert appconfig.position.stage == CANARY
    assert appconfig.writes == []


@pytest.mark.parametrize(
    ("enabled", "to"),
    [(True, Stage.OFF), (True, CANARY), (False, Stage.OFF), (False, Stage.SHADOW)],
)
def test_what_else_the_flag_says_stays_as_it_is(enabled: bool, to: Stage) -> None:
    position = Position(Stage.LIVE, 7, ("ada",), ("bob",))
    appconfig = FakeAppConfig(richer(flag_document(position), enabled=enabled))
    before = appconfig.served
    moved(appconfig, to)
    after = appconfig.served
    for key in ("enabled", "stage", "canary_percent"):
        before["values"][FLAG_KEY][key] = after["values"][FLAG_KEY][key]
    assert after == before
    assert appconfig.position.stage == to


def test_a_document_of_an_earlier_release_moves_without_values_it_has_no_attributes_for() -> None:
    document = flag_document(Position(Stage.SHADOW))
    for part in (document["values"][FLAG_KEY], document["flags"][FLAG_KEY]["attributes"]):
        del part["candidate_users"], part["control_users"]
    appconfig = FakeAppConfig(document)
    assert moved(appconfig, CANARY)
    assert appconfig.position.stage == CANARY


@pytest.mark.parametrize("call", ["CreateHostedConfigurationVersion", "StartDeployment"])
def test_what_another_writer_changes_meanwhile_is_kept_and_built_upon(call: str) -> None:
    appconfig = at(CANARY)
    changed = richer(flag_document(Position(CANARY, 7)))
    appconfig.before(call, lambda: appconfig.deploy(changed, "lower0"))
    assert moved(appconfig, Stage.OFF)
    assert appconfig.position == Position(Stage.OFF, 7)
    assert appconfig.served["values"]["other"] == changed["values"]["other"]


def test_a_lowering_by_another_writer_meanwhile_is_not_undone_by_a_raise() -> None:
    appconfig = at(CANARY)
    appconfig.before("StartDeployment", lambda: appconfig.move(Position.OFF, "lower0"))
    with pytest.raises(FlagWriterError, match="off to live skips shadow"):
        moved(appconfig, Stage.LIVE)
    assert appconfig.position.stage == Stage.OFF


def test_a_writer_that_is_always_too_late_gives_up_and_says_where_to_look() -> None:
    appconfig = at(CANARY)
    numbers = iter(range(1, 100))
    faster: Callable[[], object] = lambda: appconfig.move(  # noqa: E731
        Position(CANARY, next(numbers)), "lower0"
    )
    appconfig.before("StartDeployment", *[faster] * 100)
    with pytest.raises(FlagWriterError, match=r"10 times in a row; .* then try again"):
        moved(appconfig, Stage.OFF)
    assert appconfig.writes.count("StartDeployment") == 10


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("StartDeployment", "AccessDeniedException"),
        ("CreateHostedConfigurationVersion", "BadRequestException"),
    ],
)
def test_a_refusal_that_is_no_other_writers_doing_is_raised_at_once(call: str, code: str) -> None:
    appconfig = at(CANARY)

    def refuse() -> None:
        raise RefusedError(code, "not for you")

    appconfig.before(call, refuse)
    with pytest.raises(ClientError, match=code):
        moved(appconfig, Stage.OFF)
    assert appconfig.now == AT_ONCE


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_document_that_is_none_of_ours_is_replaced_at_once_by_off(content: bytes) -> None:
    appconfig = FakeAppConfig(content)
    assert moved(appconfig, Stage.OFF)
    assert (appconfig.position.stage, appconfig.now) == (Stage.OFF, AT_ONCE)
    assert made(appconfig).before is None, "nobody knows where it was"


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
@pytest.mark.parametrize("to", [Stage.SHADOW, Stage.COMPLETE])
def test_nothing_else_replaces_a_document_that_is_none_of_ours_but_for_a_reason(
    content: bytes, to: Stage
) -> None:
    appconfig = FakeAppConfig(content)
    with pytest.raises(FlagWriterError, match="cannot be read: move to off first"):
        moved(appconfig, to)
    assert appconfig.writes == []
    assert moved(appconfig, to, override="the console broke it")
    assert appconfig.position.stage == to


def test_a_flag_that_was_never_deployed_is_an_error_that_says_what_to_deploy() -> None:
    appconfig = at(Stage.OFF)
    appconfig.deployments.clear()
    with pytest.raises(FlagWriterError, match="deploy the route's stack, which seeds the flag"):
        moved(appconfig, CANARY)


@pytest.mark.parametrize(
    "why", ["Störung, 障害", "障" * 2_048, "\ud800\n\x00"], ids=["any", "long", "odd"]
)
def test_a_reason_in_any_script_and_length_is_accepted(why: str) -> None:
    appconfig = at(Stage.LIVE)
    assert move(flag_on(appconfig), Stage.OFF, who=ADA, why=why, objections=unopposed, override=why)
    assert why.startswith(made(appconfig).why)
    assert made(appconfig).who == ADA


def test_nobody_is_exposed_while_an_exposure_alarm_is_red() -> None:
    appconfig = at(Stage.SHADOW)
    with pytest.raises(FlagWriterError, match=f"^nobody is exposed: {RED}$"):
        move(flag_on(appconfig), CANARY, who=ADA, why="a test", objections=lambda _: [RED])
    assert appconfig.writes == []


def test_an_objection_just_before_a_raise_begins_takes_it_back() -> None:
    appconfig, answers = at(Stage.SHADOW), iter([[], [RED]])
    with pytest.raises(FlagWriterError, match=f"nobody is exposed: {RED}"):
        move(flag_on(appconfig), CANARY, who=ADA, why="a test", objections=lambda _: next(answers))
    assert (appconfig.position.stage, appconfig.now) == (Stage.SHADOW, AT_ONCE)
    assert not any(deployment.is_running for deployment in appconfig.deployments)


def test_shadow_exposes_nobody_so_that_no_red_alarm_forbids_it() -> None:
    appconfig = at(Stage.OFF)
    assert move(flag_on(appconfig), Stage.SHADOW, who=ADA, why="a test", objections=lambda _: [RED])
    assert appconfig.position.stage == Stage.SHADOW


@pytest.mark.parametrize(
    ("stage", "to"), [(Stage.LIVE, Stage.OFF), (Stage.LIVE, CANARY), (CANARY, Stage.SHADOW)]
)
def test_an_objection_forbids_no_lowering(stage: Stage, to: Stage) -> None:
    appconfig = at(stage)
    assert move(flag_on(appconfig), to, who=ADA, why="a test", objections=lambda _: [RED])
    assert appconfig.position.stage == to


@pytest.mark.parametrize("to", STAGES)
@pytest.mark.parametrize("stage", STAGES)
def test_a_machine_only_ever_lowers(stage: Stage, to: Stage) -> None:
    appconfig = at(stage)
    assert lower(flag_on(appconfig), to, who=ADA, why="a test") == (to < stage)
    assert appconfig.position.stage == lowered(stage, to) <= stage


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY])
def test_a_tester_is_added_at_once_and_moves_nobody_else(stage: Stage) -> None:
    appconfig = at(stage)
    assert add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
    assert add_tester(flag_on(appconfig), "grace", who=ADA, why="a test")
    assert not add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
    assert appconfig.position == replace(at(stage).position, candidate_users=("ada", "grace"))
    assert appconfig.now == AT_ONCE


def test_who_was_kept_on_control_and_tests_is_kept_there_no_longer() -> None:
    appconfig = at(CANARY)
    appconfig.move(replace(appconfig.position, control_users=("ada", "grace")), "lower0")
    add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
    assert appconfig.position.control_users == ("grace",)
    assert appconfig.position.candidate_users == ("ada",)


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_nobody_is_added_to_a_document_that_is_none_of_ours(content: bytes) -> None:
    appconfig = FakeAppConfig(content)
    with pytest.raises(FlagWriterError, match="cannot be read; move it to off first"):
        add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
