"""The commands that move routes: `off` waits for nobody, and the others say what they would do."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset.register import Phase
from operations.flag import FlagWriterError, HostedFlag
from operations.moves import move, unopposed
from operations.settings import OperationsSettings
from operations.transitions import Evidence, Transitions
from shadow_runtime.contract import FLAG_KEY, Position, Stage, Variable
from shadowctl import cli, stages
from shadowctl.commands import moving
from shadowctl.deployed import DeployedRoute, Held, RouteError
from shadowctl.route import Route
from shadowctl.stages import dry_run, history, next_stage, off, paused, undone
from shadowctl.verb import ExitCode, Result, TimedOut
from tests.fakes import FakeAppConfig, RefusedError
from tests.unit.datasets import NAME, PlayedDataset, refused
from tests.unit.flags import ADA, CANARY, NOT_OURS, at, flag_on
from tests.unit.guarded import BAD, Aws, described

ONE = Stage.canary(percent=1)
RAMP = (ONE, CANARY, Stage.LIVE)
SWITCH_BACK = {"action": "switch-back"}
LIVE, COMPLETE = Transitions(Stage.LIVE), Transitions()


def route(appconfig: FakeAppConfig, table: Transitions = COMPLETE, aws: Aws | None = None) -> Route:
    return Route(
        "GetUser",
        "get-user",
        flag_on(appconfig, table),
        table.ceiling,
        (aws or Aws()).read,
        "route",
        lambda: None,
        lambda: ADA,
    )


class Account:
    """Some routes, each with an AppConfig of its own behind one client."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *stage: Stage) -> None:
        self.flags = {f"Route{number}": at(each) for number, each in enumerate(stage)}
        self.region_name = "eu-central-1"
        self.datasets: dict[str, PlayedDataset] = {}
        monkeypatch.setattr(stages, "person", lambda _aws: ADA)
        monkeypatch.setattr(stages, "every_held", lambda _aws: map(self.held, self.flags))
        monkeypatch.setattr(stages, "find_route", lambda name, _aws: self.found(name))
        monkeypatch.setattr(
            HostedFlag, "of", lambda _client, found: flag_on(self.flags[found.route])
        )

    def found(self, name: str) -> DeployedRoute:
        if name not in self.flags:
            raise RouteError(f"no stack {name!r}")
        variables = {str(each): "" for each in Variable} | {
            Variable.ROUTE: name,
            Variable.CEILING: "live",
            Variable.USERS: "50",
        }
        if name in self.datasets:
            variables |= {Variable.DATASET: NAME, Variable.DATASET_FUNCTION: name}
        return DeployedRoute(name, "function", OperationsSettings.of(variables))

    def held(self, name: str) -> Any:
        return SimpleNamespace(stack=name, read=lambda _client: self.found(name))

    def client(self, service: str) -> Any:
        return SimpleNamespace(invoke=self._invoke) if service == "lambda" else None

    def _invoke(self, FunctionName: str, **given: Any) -> Any:  # noqa: N803
        return self.datasets[FunctionName].client().invoke(FunctionName=FunctionName, **given)

    def off(self, *names: str) -> Result:
        aws: Any = self
        return off(names, aws, why="a test")

    @property
    def stages(self) -> list[Stage]:
        return [each.position.stage for each in self.flags.values()]


def test_all_routes_are_stopped_at_once_and_what_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, Stage.LIVE, Stage.OFF, CANARY, Stage.SHADOW)
    running = account.flags["Route3"].move(Position(CANARY), "raise0")
    barrier = threading.Barrier(3, timeout=10)  # all who write are there at the same time
    for number in (0, 2, 3):
        account.flags[f"Route{number}"].before("StartDeployment", lambda: barrier.wait() and None)
    done = account.off()
    assert account.stages == [Stage.OFF] * 4
    assert (running.state, done.code) == ("ROLLED_BACK", ExitCode.DONE)
    lines = [*done.shown]
    assert lines[1] == "Route1: already off"
    assert "Route0: off since" in str(lines[0])
    assert "answers with control, after one more request" in str(lines[0])


def test_a_route_that_fails_stops_no_other_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "not for you")

    account = Account(monkeypatch, CANARY, CANARY, CANARY)
    account.flags["Route1"].before("CreateHostedConfigurationVersion", refuse)
    done = account.off()
    assert account.stages == [Stage.OFF, CANARY, Stage.OFF]
    assert done.code == ExitCode.ERROR
    assert "Route1: NOT off: " in str([*done.shown][1])
    assert done.next_steps[:2] == ["shadowctl status Route0", "shadowctl off Route1"]
    assert done.document is not None
    assert [each["off"] for each in done.document["routes"]] == [True, False, True]


def test_a_name_that_is_wrong_keeps_no_other_route_from_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, CANARY, Stage.LIVE)
    done = account.off("Route0", "Rote1")
    assert account.stages == [Stage.OFF, Stage.LIVE]
    assert "Rote1: NOT off: no stack 'Rote1'" in [*map(str, done.shown)]
    assert done.code == ExitCode.ERROR


def test_routes_that_could_not_be_listed_any_further_are_said_not_to_be_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, CANARY, CANARY)

    def ends(_aws: object) -> Iterator[Any]:
        yield account.held("Route0")
        raise RouteError("throttled")

    monkeypatch.setattr(stages, "every_held", ends)
    done = account.off()
    assert (account.stages, done.code) == ([Stage.OFF, CANARY], ExitCode.ERROR)
    assert "the routes that follow: NOT off: throttled" in [*map(str, done.shown)]


def test_off_asks_the_dataset_of_a_route_to_switch_back_and_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, CANARY, Stage.OFF, CANARY)
    account.datasets = {"Route0": PlayedDataset(), "Route1": PlayedDataset()}
    done = account.off()
    lines = [*map(str, done.shown)]
    assert [played.events for played in account.datasets.values()] == [[SWITCH_BACK]] * 2
    assert [played.told for played in account.datasets.values()] == [[], []]
    assert lines[0].endswith(
        "; its dataset Users/users is asked to have control as its authority again, where it was "
        "switched: `shadowctl dataset Users:users status`"
    )
    assert lines[1].startswith("Route1: already off; its dataset Users/users is asked")
    assert "dataset" not in lines[2]
    assert done.code == ExitCode.DONE


def test_a_dataset_that_cannot_be_asked_keeps_no_route_from_off_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, CANARY, CANARY)
    account.datasets = {"Route0": PlayedDataset()}
    account.datasets["Route0"].spoiled = lambda _event: refused("AccessDeniedException")
    done = account.off()
    assert (account.stages, done.code) == ([Stage.OFF, Stage.OFF], ExitCode.ERROR)
    line = str(next(iter(done.shown)))
    assert line.startswith("Route0: off since")
    assert "could not be asked to have control as its authority again" in line
    assert line.endswith("`shadowctl dataset Users:users switch-back`")


def test_a_flag_that_cannot_be_moved_keeps_no_dataset_from_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "not for you")

    account = Account(monkeypatch, CANARY)
    account.datasets = {"Route0": PlayedDataset()}
    account.flags["Route0"].before("CreateHostedConfigurationVersion", refuse)
    assert "Route0: NOT off: " in str(next(iter(account.off().shown)))
    assert account.datasets["Route0"].events == [SWITCH_BACK]


def with_dataset(appconfig: FakeAppConfig, played: PlayedDataset) -> Route:
    return replace(route(appconfig), dataset=played.function())


def test_a_person_raises_a_route_as_far_as_its_dataset_is_and_no_reason_goes_past_it() -> None:
    appconfig, played = at(Stage.SHADOW), PlayedDataset(Phase.DUAL)
    its = with_dataset(appconfig, played)
    for override in ("", "incident 7"):
        with pytest.raises(FlagWriterError, match=r"at dual: `shadowctl dataset Users:users verif"):
            its.move(ONE, why="a test", override=override, progress=lambda *_: None)
    assert appconfig.position.stage == Stage.SHADOW
    told = dry_run(its, ONE)
    assert "   refused: canary needs Users/users at synced or switched or complete" in str(
        [*told.shown]
    )
    played.answer({"action": "verify"})
    for _ in range(3):
        played.answer({"action": "verify"})
    its.move(ONE, why="a test", progress=lambda *_: None)
    assert appconfig.position.stage == ONE


@pytest.mark.parametrize("verb", ["stage off", "undo"])
def test_whatever_brings_a_route_to_off_asks_its_dataset_to_switch_back(verb: str) -> None:
    appconfig, played = at(Stage.OFF), PlayedDataset(Phase.SWITCHED)
    its = with_dataset(appconfig, played)
    its.move(Stage.SHADOW, why="a test", progress=lambda *_: None)
    assert played.events == []
    line = (
        undone(its, why="a test")
        if verb == "undo"
        else its.move(Stage.OFF, why="a test", progress=lambda *_: None)
    )
    assert appconfig.position.stage == Stage.OFF
    assert played.events == [SWITCH_BACK]
    assert "; its dataset Users/users is asked" in line


def test_a_route_that_cannot_be_read_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, CANARY, CANARY)
    names = ["Gone", *account.flags]
    monkeypatch.setattr(stages, "every_held", lambda _aws: map(account.held, names))
    done = account.off()
    assert (account.stages, done.code) == ([Stage.OFF, Stage.OFF], ExitCode.ERROR)
    assert "Gone: NOT off: no stack 'Gone'" in [*map(str, done.shown)]


def test_of_two_routes_in_a_stack_each_is_named_in_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, CANARY, CANARY)
    both = [SimpleNamespace(stack="Users", read=account.held(n).read) for n in account.flags]
    monkeypatch.setattr(stages, "every_held", lambda _aws: both)
    assert account.off().next_steps == [
        "shadowctl status Users:Route0",
        "shadowctl status Users:Route1",
    ]


def test_a_route_of_another_release_is_an_expected_failure_that_says_what_to_do() -> None:
    function = {"FunctionArn": "arn", "Environment": {"Variables": {Variable.ROUTE: "get-user"}}}
    old: Any = SimpleNamespace(get_function_configuration=lambda FunctionName: function)  # noqa: N803
    with pytest.raises(RouteError, match=r"GetUser is of another release .* deploy it with this"):
        Held("GetUser", "Operations").read(old)


def test_where_there_is_no_route_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RouteError, match="no route in eu-central-1"):
        Account(monkeypatch).off()


def test_who_has_no_time_left_waits_for_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    account, begun, ends = Account(monkeypatch, CANARY), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        ends.wait(30)

    def over(thread: threading.Thread) -> None:
        assert begun.wait(30)
        assert thread.daemon, "the process ends without it"
        raise TimedOut("no time is left")

    account.flags["Route0"].before("StartDeployment", hang)
    monkeypatch.setattr(stages._Stopping, "join", over)
    monkeypatch.setattr(moving, "session", lambda embedded: account)
    ran = CliRunner().invoke(cli.app, ["off", "--all"])
    assert (ran.exit_code, begun.is_set()) == (ExitCode.TIMED_OUT, True)
    ends.set()


@pytest.mark.parametrize("arguments", [["off"], ["off", "GetUser", "--all"]])
def test_off_is_told_which_routes(arguments: list[str]) -> None:
    ran = CliRunner().invoke(cli.app, arguments)
    assert ran.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("reason", ["", " "])
@pytest.mark.parametrize(
    "arguments", [["stage", "GetUser", "live"], ["promote", "GetUser"], ["undo", "GetUser"]]
)
def test_an_override_takes_a_reason(arguments: Sequence[str], reason: str) -> None:
    ran = CliRunner().invoke(cli.app, [*arguments, "--override", reason])
    assert ran.exit_code == ExitCode.USAGE
    assert "takes the reason" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["beta"], "unknown stage 'beta'"),
        (["canary"], "needs --percent"),
        (["shadow", "--percent", "5"], "no other stage takes it"),
        (["canary", "--percent", "0.001"], "0.01"),
        (["canary", "--percent", "101"], "100"),
    ],
)
def test_a_stage_that_is_none_is_typed_wrong(arguments: list[str], says: str) -> None:
    ran = CliRunner().invoke(cli.app, ["stage", "GetUser", *arguments])
    assert ran.exit_code == ExitCode.USAGE
    assert says in " ".join(ran.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("stage", "table", "following"),
    [
        (Stage.OFF, LIVE, Stage.SHADOW),
        (Stage.SHADOW, Transitions(CANARY), CANARY),
        (ONE, Transitions(CANARY), CANARY),
        (ONE, LIVE, Stage.LIVE),
        (Stage.LIVE, COMPLETE, Stage.COMPLETE),
        (Stage.OFF, Transitions(Stage.LIVE, RAMP), Stage.SHADOW),
        (Stage.SHADOW, Transitions(Stage.LIVE, RAMP), ONE),
        (ONE, Transitions(Stage.LIVE, RAMP), CANARY),
        (CANARY, Transitions(Stage.LIVE, RAMP), Stage.LIVE),
        (Stage.LIVE, Transitions(Stage.COMPLETE, RAMP), Stage.COMPLETE),
    ],
)
def test_promote_goes_to_the_ramps_next_step_or_to_the_next_stage(
    stage: Stage, table: Transitions, following: Stage
) -> None:
    assert next_stage(route(at(stage), table), None) == following
    assert table.refusal(stage, following) is None


def test_promote_does_not_go_two_steps_where_it_is_typed_twice() -> None:
    appconfig = at(ONE)
    appconfig.move(Position(CANARY), "raise0")
    with pytest.raises(FlagWriterError, match=r"deployment 2 to canary\(5%\) is under way"):
        next_stage(route(appconfig), None)


def test_promote_asks_for_the_share_that_nothing_names() -> None:
    with pytest.raises(FlagWriterError, match="add --percent, such as 1"):
        next_stage(route(at(Stage.SHADOW), LIVE), None)
    assert next_stage(route(at(Stage.SHADOW), LIVE), 5) == CANARY


def test_promote_says_what_keeps_a_route_where_it_is() -> None:
    def promoted(stage: Stage, table: Transitions) -> str:
        found = route(at(stage), table)
        return found.move(next_stage(found, None), why="a test", progress=lambda *_: None)

    for stage, ceiling in [
        (Stage.SHADOW, Stage.SHADOW),
        (CANARY, CANARY),
        (Stage.LIVE, Stage.LIVE),
    ]:
        with pytest.raises(FlagWriterError, match=re.escape(f"over the ceiling, {ceiling}")):
            promoted(stage, Transitions(ceiling))
    with pytest.raises(FlagWriterError, match="nothing follows complete"):
        promoted(Stage.COMPLETE, COMPLETE)
    with pytest.raises(FlagWriterError, match="leaves the ramp, which ends at"):
        promoted(CANARY, Transitions(Stage.LIVE, (ONE, CANARY)))


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_what_cannot_be_read_is_promoted_to_nothing(content: bytes) -> None:
    with pytest.raises(FlagWriterError, match="move to off first"):
        next_stage(route(FakeAppConfig(content)), None)


def test_a_dry_run_tells_each_step_how_long_it_takes_and_what_would_refuse_it() -> None:
    appconfig, aws = at(Stage.OFF), Aws()
    aws.alarms[BAD] = described(BAD, "ALARM")
    told = dry_run(route(appconfig, Transitions(CANARY), aws), Stage.LIVE)
    assert told.code == ExitCode.ERROR
    lines = [*map(str, told.shown)]
    assert lines[0] == "get-user: at off, ceiling canary(5%); nothing is changed"
    assert lines[1].startswith("refused: live is over the ceiling, canary(5%)")
    assert lines[2:4] == [
        "1. move to shadow, over 10 minutes",
        "2. move to canary(1%), over 10 minutes",
    ]
    assert lines[4].startswith(f"   refused: in ALARM: {BAD}")
    assert lines[5] == "3. move to live, over 10 minutes"
    assert lines[6].startswith("   refused: live is over the ceiling, canary(5%)")
    assert lines[7] == lines[4]
    assert appconfig.writes == []


def test_a_dry_run_of_what_would_be_done_is_no_failure_and_names_the_one_step() -> None:
    appconfig = at(Stage.LIVE)
    told = dry_run(route(appconfig), Stage.OFF)
    assert told.code == ExitCode.DONE
    assert [*told.shown][1:] == ["1. move to off, at once"]
    told = dry_run(route(appconfig), Stage.SHADOW, override="incident 7")
    assert (told.code, [*told.shown][1:]) == (ExitCode.DONE, ["1. move to shadow, at once"])
    assert appconfig.writes == []


@pytest.mark.parametrize(
    ("to", "does"), [(Stage.OFF, "stop deployment 2"), (Stage.LIVE, "wait for deployment 2")]
)
def test_a_dry_run_tells_what_becomes_of_a_deployment_under_way(to: Stage, does: str) -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "raise0")
    told = dry_run(route(appconfig), to)
    assert [*told.shown][1] == f"1. {does}, which goes to canary(5%)"


def progress(*_: object) -> None:
    return None


def test_undo_takes_the_last_change_back_whatever_it_was_and_undone_again_it_is_there() -> None:
    appconfig = at(CANARY, shadow_percent=7)
    its = route(appconfig)
    its.test_as("ada", why="a test")
    its.move(Stage.SHADOW, why="a test", progress=progress)
    assert "at canary(5%)" in undone(its, why="a test")
    assert appconfig.position == Position(CANARY, 7, ("ada",))
    assert "at shadow" in undone(its, why="a test")
    assert appconfig.position == Position(Stage.SHADOW, 7, ("ada",))
    [newest] = its.flag.history(last=1)
    assert newest.change
    assert newest.change.evidence == {"undone": 4}


def test_undo_brings_no_reason_back_that_was_given_for_an_earlier_move() -> None:
    appconfig = at(Stage.OFF)
    its = route(appconfig)
    its.move(CANARY, why="a test", progress=progress, override="incident 7")
    its.move(Stage.SHADOW, why="a test", progress=progress)
    undone(its, why="a test")
    assert appconfig.position.stage == CANARY
    assert appconfig.served["values"][FLAG_KEY]["override"] == ""


def test_undo_stops_a_raise_that_is_under_way() -> None:
    appconfig = at(CANARY)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    undone(route(appconfig), why="a test")
    assert (running.state, appconfig.position.stage) == ("ROLLED_BACK", CANARY)
    assert appconfig.now == 0


def test_undo_of_a_rollback_raises_nobody_without_a_reason_and_under_no_red_alarm() -> None:
    appconfig, aws = at(CANARY), Aws()
    its = route(appconfig, aws=aws)
    its.move(Stage.OFF, why="a test", progress=progress)
    with pytest.raises(FlagWriterError, match=r"off to canary\(5%\) skips shadow"):
        undone(its, why="a test")
    aws.alarms[BAD] = described(BAD, "ALARM")
    with pytest.raises(FlagWriterError, match="nobody is exposed"):
        undone(its, why="a test", override="it was another route's")
    del aws.alarms[BAD]
    assert appconfig.position.stage == Stage.OFF


def test_undo_leaves_alone_what_another_writer_changed_meanwhile() -> None:
    appconfig = at(CANARY)
    its = route(appconfig)
    its.move(Stage.SHADOW, why="a test", progress=progress)
    appconfig.before("StartDeployment", lambda: appconfig.move(Position.OFF, "lower0"))
    with pytest.raises(FlagWriterError, match="deployment 3 came meanwhile"):
        undone(its, why="a test")
    assert appconfig.position.stage == Stage.OFF


def test_there_is_nothing_to_undo_where_what_was_before_is_gone() -> None:
    appconfig = at(CANARY)
    its = route(appconfig)
    with pytest.raises(FlagWriterError, match="before deployment 1 is not there any more"):
        undone(its, why="a test")
    its.move(Stage.OFF, why="a test", progress=progress)
    its.flag.prune()
    with pytest.raises(FlagWriterError, match="before deployment 2 is not there any more"):
        undone(its, why="a test")


KNOWN: Evidence = {"verdict": "PASS", "pairs": 4_000}


@pytest.mark.parametrize(
    ("stage", "to", "kept"),
    [
        (Stage.SHADOW, CANARY, KNOWN),
        (CANARY, Stage.LIVE, KNOWN),
        (Stage.OFF, Stage.SHADOW, {}),
        (CANARY, ONE, {}),
        (CANARY, Stage.OFF, {}),
    ],
)
def test_who_exposes_more_users_keeps_what_was_known_of_the_candidate(
    stage: Stage, to: Stage, kept: Evidence
) -> None:
    its = replace(route(at(stage)), evidence=lambda: KNOWN)
    its.move(to, why="a test", progress=progress)
    [newest] = its.flag.history(last=1)
    assert newest.change
    assert newest.change.evidence == kept


def test_a_pause_says_whether_it_changed_anything() -> None:
    its = route(at(CANARY), Transitions(Stage.LIVE, RAMP))
    assert paused(its, True, why="a test").endswith("; now paused")
    assert paused(its, True, why="a test").endswith("; already paused")
    assert its.document()["paused"] is True
    assert paused(its, False, why="a test").endswith("; now not paused")
    assert "it has no ramp" in paused(route(at(CANARY)), True, why="a test")


def test_where_nothing_was_ever_deployed_there_is_no_history_and_nothing_to_move() -> None:
    appconfig = at(Stage.OFF)
    appconfig.deployments.clear()
    its = route(appconfig)
    with pytest.raises(FlagWriterError, match="never deployed: deploy the route's stack"):
        history(its, last=20)
    for work in (lambda: next_stage(its, None), lambda: undone(its, why="a test")):
        with pytest.raises(FlagWriterError, match="no deployment: deploy the route's stack"):
            work()


def test_the_history_is_told_to_people_and_machines_alike() -> None:
    appconfig = at(Stage.OFF)
    its = route(appconfig)
    its.move(Stage.SHADOW, why="first look", progress=progress)
    appconfig.deploy(b"nonsense", "lower0")
    move(
        its.flag, Stage.OFF, who=ADA, why="broken", objections=unopposed, evidence={"alarm": "slow"}
    )
    told = history(its, last=20)
    assert [*told.shown] == [
        "   1  1970-01-01 00:00:00  COMPLETE     at off: by the template or a console; "
        "CloudTrail knows by whom (StartDeployment)",
        "   2  1970-01-01 00:00:00  COMPLETE     off to shadow: first look",
        f"      {ADA}",
        "   3  1970-01-01 00:10:00  COMPLETE     at unreadable: by the template or a console; "
        "CloudTrail knows by whom (StartDeployment)",
        "   4  1970-01-01 00:10:00  COMPLETE     unreadable to off: broken",
        f"      {ADA}",
        "      alarm: slow",
    ]
    assert told.document is not None
    seed, shadow, console, last = told.document["history"]
    assert (seed["stage"], seed["change"], console["stage"]) == ("off", None, None)
    assert (shadow["change"]["from"], shadow["change"]["to"]) == ("off", "shadow")
    assert last["change"]["who"] == {"writer": "person", "name": ADA.name}
    assert appconfig.served["values"][FLAG_KEY]["stage"] == "off"
