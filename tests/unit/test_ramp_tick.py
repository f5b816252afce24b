"""A tick does what was decided upon the very deployment that it saw, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from judge import Counts, Ramp, Scores
from operations.flag import FlagWriterError
from operations.moves import Objections, add_tester, advance, lower, move, pause, unopposed
from operations.ramp import Look, Proof, Ticked, look, standing, tick
from operations.transitions import Change, Transitions, Who, Writer
from shadow_runtime.contract import FLAG_KEY, Position, Stage
from tests.fakes import FakeAppConfig
from tests.unit.flags import ADA, MACHINE, NOT_OURS, at, flag_on

RAMP = Ramp(percents=(1, 5, 25, 100), dwell=timedelta(hours=6))
TABLE = Transitions(Stage.COMPLETE, RAMP.stages)
TICK = Who(Writer.RAMP, "tick-1")
ONE, FIVE, QUARTER = (Stage.canary(percent=percent) for percent in (1, 5, 25))
GOOD = Counts(compared=(Scores(6_000, share=1),), asked=Scores(900))
BAD = Counts(compared=(Scores(6_000, worse=600, share=1),))
RED = "in ALARM: error-rate"
SEVEN_HOURS = 7 * 3_600


def person(appconfig: FakeAppConfig, to: Stage, *, override: str = "") -> None:
    flag = flag_on(appconfig)
    move(flag, to, who=ADA, why="a test", objections=unopposed, override=override)


def at_one_percent() -> FakeAppConfig:
    """Where a person took it, seven hours ago."""
    appconfig = at(Stage.OFF)
    person(appconfig, Stage.SHADOW)
    person(appconfig, ONE)
    appconfig.now += SEVEN_HOURS
    return appconfig


@dataclass
class World:
    counts: Counts

    def proof(self, _stage: Stage | None, _since: datetime | None) -> Proof:
        return Proof({"7": self.counts}, 500)

    def objections(self, _to: Stage) -> list[str]:
        return []


def seen(appconfig: FakeAppConfig, counts: Counts = GOOD) -> Look:
    return look(
        flag_on(appconfig),
        World(counts),
        ceiling=Stage.COMPLETE,
        now=datetime.fromtimestamp(appconfig.now, UTC),
    )


def ticked(
    appconfig: FakeAppConfig,
    looked: Look | None = None,
    *,
    who: Who = TICK,
    objections: Objections = unopposed,
) -> Ticked:
    looked = looked or seen(appconfig)
    flag = flag_on(appconfig, TABLE)
    return tick(flag, RAMP, lambda: looked, objections=objections, who=who)


def stages(appconfig: FakeAppConfig) -> list[str]:
    """Where every deployment took the flag, of those whose change is kept."""
    changes = [each.change for each in flag_on(appconfig).history(last=99)]
    return [str(change.after) for change in changes if change]


def test_a_healthy_candidate_is_at_live_after_a_dwell_at_each_step() -> None:
    appconfig = at(Stage.OFF)
    person(appconfig, Stage.SHADOW)
    for number in range(400):  # 33 hours of ticks
        ticked(appconfig, who=Who(Writer.RAMP, f"tick-{number}"))
        appconfig.now += 300
    assert stages(appconfig) == ["shadow", "canary(1%)", "canary(5%)", "canary(25%)", "live"]
    *_, quarter, live = flag_on(appconfig).history()
    assert quarter.completed is not None
    assert timedelta(0) <= live.started - (quarter.completed + RAMP.dwell) <= timedelta(minutes=5)


def test_a_step_is_begun_and_not_waited_for_and_says_what_it_was_taken_upon() -> None:
    appconfig = at_one_percent()
    begun = appconfig.now
    done = ticked(appconfig)
    assert (done.outcome, done.changed, done.to) == ("advance", True, "canary(5%)")
    assert appconfig.now == begun
    assert flag_on(appconfig).deployed().is_running
    [newest] = flag_on(appconfig).history(last=1)
    assert newest.change == Change(TICK, done.why, ONE, FIVE, done.evidence)
    assert done.evidence["verdict"] == "PASS"


def test_a_doubled_tick_takes_no_second_step_and_another_one_sees_the_first_under_way() -> None:
    appconfig = at_one_percent()
    first = ticked(appconfig)
    assert ticked(appconfig) == first, "it is told again, should the first have told nobody"
    again = ticked(appconfig, who=Who(Writer.RAMP, "tick-2"))
    assert again.outcome == "hold"
    assert again.why.startswith("a change of the flag is under way")
    assert stages(appconfig)[-2:] == ["canary(1%)", "canary(5%)"]


FASTER: dict[str, Callable[[FakeAppConfig], object]] = {
    "a person lowers": lambda a: person(a, Stage.SHADOW),
    "a person raises": lambda a: person(a, FIVE),
    "a person pauses": lambda a: pause(flag_on(a), True, who=ADA, why="a test"),
    "a person tests": lambda a: add_tester(flag_on(a), "ada", who=ADA, why="a test"),
    "a rollback": lambda a: lower(flag_on(a), Stage.OFF, who=MACHINE, why="red"),
    "a console": lambda a: a.move(Position(ONE, 7), "lower0"),
    "a console, going on": lambda a: a.move(Position(ONE, 7), "raise0"),
    "another tick": lambda a: ticked(a, who=Who(Writer.RAMP, "tick-2")),
}


@pytest.mark.parametrize("call", ["at once", "CreateHostedConfigurationVersion", "StartDeployment"])
@pytest.mark.parametrize("writer", FASTER.values(), ids=FASTER)
def test_who_writes_between_the_look_and_the_step_wins(
    writer: Callable[[FakeAppConfig], object], call: str
) -> None:
    appconfig = at_one_percent()
    looked = seen(appconfig)
    if call == "at once":
        writer(appconfig)
    else:
        appconfig.before(call, lambda: writer(appconfig))
    assert not ticked(appconfig, looked).changed
    appconfig.now += 600
    other = at_one_percent()
    writer(other)
    other.now += 600
    assert appconfig.served == other.served


def test_a_fail_takes_everybody_back_at_once_and_a_person_begins_again() -> None:
    appconfig = at_one_percent()
    ticked(appconfig)  # a raise is under way
    done = ticked(appconfig, seen(appconfig, BAD), who=Who(Writer.RAMP, "tick-2"))
    assert (done.outcome, done.changed, done.to) == ("roll back", True, "off")
    assert done.why.startswith("version 7: FAIL: 600 of 6,000 pairs differ")
    assert appconfig.position.stage == Stage.OFF
    appconfig.now += 100 * SEVEN_HOURS
    held = ticked(appconfig, who=Who(Writer.RAMP, "tick-3"))
    assert held.outcome == "hold"
    assert held.why.startswith("ramp: version 7: FAIL")
    assert held.why.endswith("(from canary(5%) to off): a person begins, and moves it to shadow")


def test_an_objection_just_after_a_step_takes_it_back_and_is_told_by_the_next_attempt() -> None:
    appconfig = at_one_percent()
    with pytest.raises(FlagWriterError, match=f"nobody is exposed: {RED}"):
        ticked(appconfig, objections=lambda _: [RED])
    assert appconfig.position.stage == ONE
    assert ticked(appconfig) == Ticked(
        "roll back", changed=True, to="canary(1%)", why=RED, evidence={}
    )
    appconfig.now += SEVEN_HOURS
    held = ticked(appconfig, who=Who(Writer.RAMP, "tick-2"))
    assert held.why == (
        f"ramp: {RED} (from canary(5%) to canary(1%)): a person raises it when the cause is known"
    )


def test_a_step_that_is_none_of_the_ramps_is_refused_to_it_too() -> None:
    appconfig = at_one_percent()
    flag = flag_on(appconfig, Transitions(Stage.COMPLETE, (ONE, QUARTER)))
    with pytest.raises(FlagWriterError, match=r"canary\(1%\) to canary\(5%\) leaves the ramp"):
        advance(flag, FIVE, upon=flag.deployed(), who=TICK, why="a test", objections=unopposed)
    assert appconfig.position.stage == ONE


# Since when a flag stands where it stands, and whether somebody lowered it


def since(appconfig: FakeAppConfig) -> tuple[float | None, str]:
    flag = flag_on(appconfig)
    moment, lowered = standing(flag.history(), flag.deployed())
    return moment.timestamp() if moment else None, lowered


def test_a_stage_begins_when_everybody_has_it_and_what_changes_no_stage_begins_none() -> None:
    appconfig = at(Stage.OFF)
    person(appconfig, Stage.SHADOW)
    begun = appconfig.now
    appconfig.now += 1_000
    pause(flag_on(appconfig), True, who=ADA, why="lunch")
    add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
    appconfig.move(Position(Stage.SHADOW, 7), "lower0")
    assert since(appconfig) == (begun, "")


def test_a_raise_that_is_under_way_has_begun_no_stage() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(ONE), "raise0")
    assert since(appconfig)[0] is None


def test_a_history_without_the_newest_deployment_tells_nothing() -> None:
    appconfig = at_one_percent()
    history = flag_on(appconfig).history()
    add_tester(flag_on(appconfig), "ada", who=ADA, why="a test")
    assert standing(history, flag_on(appconfig).deployed()) == (None, "")


LOWERED: dict[str, tuple[Callable[[FakeAppConfig], object], str]] = {
    "a person": (lambda a: person(a, Stage.SHADOW), "person: a test (from canary(1%) to shadow)"),
    "a rollback": (
        lambda a: lower(flag_on(a), Stage.OFF, who=MACHINE, why="red"),
        "rollback: red (from canary(1%) to off)",
    ),
    "a console": (
        lambda a: a.move(Position(Stage.SHADOW), "lower0"),
        "deployment 4, by a console or a template",
    ),
    "a console, from a console's": (
        lambda a: [a.move(Position(stage), "lower0") for stage in (FIVE, Stage.SHADOW)],
        "deployment 5, by a console or a template",
    ),
    "who stops a raise": (lambda a: stopped(a, ONE, FIVE), "deployment 4 was taken back"),
    "who stops a console's": (
        lambda a: setattr(a.move(Position(FIVE), "raise0"), "state", "ROLLED_BACK"),
        "deployment 4 was taken back",
    ),
}


def stopped(appconfig: FakeAppConfig, before: Stage, after: Stage) -> None:
    """A change that somebody stopped in the console."""
    running = appconfig.move(Position(after, 7), "raise0")
    running.description = Change(TICK, "proven", before, after).description()
    running.state = "ROLLED_BACK"


@pytest.mark.parametrize("later", ["at once", "a pause later"])
@pytest.mark.parametrize(("writer", "said"), LOWERED.values(), ids=LOWERED)
def test_who_lowered_it_or_stopped_a_raise_is_known_until_it_is_raised(
    writer: Callable[[FakeAppConfig], object], said: str, later: str
) -> None:
    appconfig = at_one_percent()
    writer(appconfig)
    if later == "a pause later":
        pause(flag_on(appconfig), True, who=ADA, why="lunch")
    assert since(appconfig)[1] == said
    person(appconfig, Stage.COMPLETE, override="a test")
    assert since(appconfig)[1] == ""


def test_a_stopped_change_of_something_else_than_the_stage_holds_nothing() -> None:
    appconfig = at_one_percent()
    stopped(appconfig, ONE, ONE)
    appconfig.move(Position(ONE, 7), "raise0").state = "ROLLED_BACK"
    assert since(appconfig)[1] == ""


def test_a_consoles_raise_is_a_persons() -> None:
    appconfig = at_one_percent()
    for stage in (FIVE, QUARTER):
        appconfig.move(Position(stage), "lower0")
        assert since(appconfig) == (appconfig.now, "")


def test_what_stood_before_a_console_came_and_was_deleted_is_not_known() -> None:
    appconfig = at_one_percent()
    for stage in (FIVE, QUARTER):
        appconfig.move(Position(stage), "lower0")
    flag_on(appconfig).prune()
    assert since(appconfig)[1] == "deployment 5, by a console or a template"


def test_what_lies_further_back_than_anybody_reads_counts_as_a_lowering() -> None:
    appconfig = at_one_percent()
    for number in range(25):
        pause(flag_on(appconfig), number % 2 == 0, who=ADA, why="a test")
    assert since(appconfig)[1] == "nobody knows any more who moved it last"


def test_the_seed_is_a_lowering_so_that_a_person_begins() -> None:
    assert since(at(Stage.OFF)) == (0, "deployment 1, by a console or a template")


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_flag_that_cannot_be_read_is_held(content: bytes) -> None:
    done = ticked(FakeAppConfig(content))
    assert (done.outcome, done.changed) == ("hold", False)
    assert done.why == "what the flag says cannot be read: move it to off"


def test_a_pause_is_seen() -> None:
    appconfig = at_one_percent()
    pause(flag_on(appconfig), True, who=ADA, why="lunch")
    assert ticked(appconfig).why == "paused, until a person resumes it"
    assert appconfig.served["values"][FLAG_KEY]["paused"] is True
