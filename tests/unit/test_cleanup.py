"""The clean-up: what is proven ends, what is not waits a week, and any look may come twice."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Counts, Scores, Tolerances, Verdict
from operations.actions import CleanedUp, clean_up
from operations.answers import Answers
from operations.clean_up import TABLE, Ending, Judged, Row, Seen, decide
from operations.report import clean_up_message
from operations.transitions import Who, Writer
from shadow_runtime.contract import CLEAN_UP_DAYS, FLAG_KEY, Position, Stage, flag_document
from tests.fakes import FakeAppConfig
from tests.unit.cleanups import DUE, QUIET, VERDICTS, seen
from tests.unit.flags import CANARY, NOT_OURS, at, flag_on, richer

OPERATE = (Path(__file__).resolve().parents[2] / "docs/operate.md").read_text()
ROWS = [f"{number} {row.stages[0]}" for number, row in enumerate(TABLE, 1)]
LOUD = Answers(control=1, candidate=9_000, until=DUE)
NOBODY = Answers(control=0, candidate=0, until=DUE)

# The table

EXAMPLES: list[list[Seen]] = [
    [seen(None), seen(None, verdict="FAIL", red=["bad"])],
    [seen(Stage.OFF), seen(Stage.OFF, verdict="FAIL", is_paused=True, is_running=True)],
    [seen(Stage.SHADOW, verdict="FAIL"), seen(Stage.SHADOW, verdict="FAIL", is_paused=True)],
    [seen(Stage.SHADOW), seen(Stage.SHADOW, verdict="INCONCLUSIVE", red=["bad"])],
    [seen(stage, red=["bad"]) for stage in (CANARY, Stage.LIVE, Stage.COMPLETE)],
    [seen(stage, verdict="FAIL") for stage in (CANARY, Stage.LIVE, Stage.COMPLETE)],
    [seen(CANARY), seen(Stage.LIVE, is_paused=True), seen(Stage.LIVE, answers=None)],
    [
        seen(CANARY, verdict="INCONCLUSIVE"),
        seen(Stage.LIVE, doubts=["muted"]),
        seen(Stage.LIVE, is_running=True),
    ],
    [seen(Stage.COMPLETE), seen(Stage.COMPLETE, is_retired=True, answers=LOUD)],
    [
        seen(Stage.COMPLETE, verdict="INCONCLUSIVE"),
        seen(Stage.COMPLETE, answers=LOUD),
        seen(Stage.COMPLETE, answers=NOBODY),
        seen(Stage.COMPLETE, answers=None),
        seen(Stage.COMPLETE, doubts=["muted"]),
        seen(Stage.COMPLETE, is_running=True),
        seen(Stage.COMPLETE, is_paused=True),
    ],
]
"""By row, what it is for."""


@pytest.mark.parametrize(("row", "examples"), [*zip(TABLE, EXAMPLES, strict=True)], ids=ROWS)
@pytest.mark.parametrize("day", [-400, 0, 1, 6, 7, 8, 400])
def test_a_row_decides_what_it_is_for(row: Row, examples: list[Seen], day: int) -> None:
    for each in examples:
        decision = decide(replace(each, now=DUE + timedelta(days=day)))
        assert decision.row is row
        assert decision.outcome == (row.at_last if day >= CLEAN_UP_DAYS else row.until_last)


STAGES = (None, Stage.OFF, Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE)
ANSWERS = (QUIET, LOUD, NOBODY, None)


def cells() -> Iterator[Seen]:
    """Every combination of what may be seen, on every day."""
    combinations: Iterator[Any] = product(
        STAGES, Verdict, ANSWERS, *[(False, True)] * 3, ([], ["bad"]), ([], ["muted"]), range(9)
    )
    for stage, verdict, answers, running, paused, retired, red, doubts, day in combinations:
        yield seen(
            stage,
            day=day,
            judged=VERDICTS[verdict],
            answers=answers,
            is_running=running,
            is_paused=paused,
            is_retired=retired,
            red=red,
            doubts=doubts,
        )


def test_no_cell_exposes_anybody_to_what_is_proven_to_be_worse_and_each_week_ends() -> None:
    met = set[tuple[Ending, bool]]()
    for cell in cells():
        outcome, is_last = decide(cell).outcome, cell.day >= CLEAN_UP_DAYS
        met.add((outcome, is_last))
        is_exposed = cell.stage is not None and cell.stage > Stage.SHADOW
        is_bad = cell.judged.verdict is Verdict.FAIL or bool(cell.red)
        if is_exposed and is_bad:
            assert outcome is Ending.OFF
        if outcome is Ending.RETIRED:
            assert cell.stage == Stage.COMPLETE
            assert cell.is_retired or (cell.answers is QUIET and not cell.is_paused)
        if outcome is Ending.STAYED and cell.stage != Stage.COMPLETE:
            assert cell.judged.verdict is Verdict.PASS
            assert not cell.doubts
            assert not cell.is_running
        if is_last:
            assert outcome is not Ending.REARMED
        else:
            assert outcome is not Ending.STAYED
        if outcome in (Ending.REARMED, Ending.STAYED):
            assert decide(cell).lacks, "people read why"
    assert met == {
        *product((Ending.OFF, Ending.RETIRED), (False, True)),
        (Ending.REARMED, False),
        (Ending.STAYED, True),
    }


def test_the_table_that_people_read_is_the_one_that_decides() -> None:
    for row in TABLE:
        assert f"\n{row}\n" in OPERATE
    header = (
        "| at | and | until the last look | at the last look | because |\n|---|---|---|---|---|\n"
    )
    [printed] = [OPERATE.partition(header)[2].partition("\n\n")[0]]
    assert printed.splitlines() == [str(row) for row in TABLE]


@pytest.mark.parametrize(
    ("hours", "day"),
    [(-12, 0), (-0.001, 0), (0, 0), (0.1, 0), (23.99, 1), (24, 1), (30, 1), (167.9, 7), (168.2, 7)],
)
def test_a_scheduler_may_be_early_or_late(hours: float, day: int) -> None:
    assert seen(CANARY, day=hours / 24).day == day


# What the judge says


PAIRS = Counts(compared=(Scores(20_000, share=1),), asked=Scores(5_000, share=1))
BAD = Counts(compared=(Scores(20_000, worse=900, share=1),), asked=Scores(5_000, share=1))


def test_there_is_a_pass_of_one_version_alone() -> None:
    def judged(**counts: Counts | None) -> Judged:
        return Judged.of(counts, Tolerances())

    assert judged(v7=PAIRS) == Judged(Verdict.PASS, ())
    assert judged(v7=BAD).verdict is Verdict.FAIL
    assert judged(v8=BAD, v7=PAIRS).verdict is Verdict.FAIL
    assert judged(v8=PAIRS, v7=PAIRS) == Judged(
        Verdict.INCONCLUSIVE, ("a new version is taking over: v8 beside v7",)
    )
    assert judged(v7=None).verdict is judged().verdict is Verdict.INCONCLUSIVE


# What is done with the flag


def cleaned(appconfig: FakeAppConfig, request: str = "1", **given: Any) -> CleanedUp:
    """What is done where the flag stands, by default with what has failed."""
    deployed = flag_on(appconfig).deployed()
    given = {"verdict": "FAIL", **given}
    given["is_retired"] = deployed.deprecated_on >= f"{DUE:%Y-%m-%d}"
    look = seen(deployed.stage, is_running=deployed.is_running, **given)
    return clean_up(flag_on(appconfig), look, who=Who(Writer.CLEANUP, request))


def done(cleaned: CleanedUp) -> tuple[str, bool, int]:
    return cleaned.outcome, cleaned.changed, cleaned.pruned


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE])
def test_what_failed_goes_to_off_all_at_once_and_the_flag_keeps_why(stage: Stage) -> None:
    appconfig = at(stage)
    assert done(cleaned(appconfig)) == ("off", True, 1)
    assert appconfig.position.stage == Stage.OFF
    assert (appconfig.now, appconfig.deployments[-1].strategy) == (0, "lower0")
    change = flag_on(appconfig).history()[-1].change
    assert change is not None
    assert (change.who, change.before) == (Who(Writer.CLEANUP, "1"), stage)
    assert "FAIL: 9 of 10 pairs differ" in change.why
    assert change.evidence["verdict"] == "FAIL"
    assert change.evidence["control answered"] == 0


def test_a_migration_that_never_began_stays_off() -> None:
    appconfig = at(Stage.OFF)
    assert done(cleaned(appconfig)) == ("off", False, 0)
    assert appconfig.writes == []


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE])
def test_what_is_not_proven_is_left_alone_for_a_week_and_then_where_it_is_safe(
    stage: Stage,
) -> None:
    appconfig = at(stage)
    for day in range(CLEAN_UP_DAYS):
        again = cleaned(appconfig, verdict="INCONCLUSIVE", day=day)
        assert done(again) == ("re-armed", False, 0)
        assert again.again == f"{DUE + timedelta(days=day + 1):%Y-%m-%d}"
        assert again.is_news
        assert "INCONCLUSIVE: 7 pairs" in again.lacks
    assert appconfig.writes == []
    ended = cleaned(appconfig, verdict="INCONCLUSIVE", day=CLEAN_UP_DAYS)
    assert ended.again == ""
    assert ended.is_news
    if stage == Stage.COMPLETE:
        assert (ended.outcome, appconfig.position.stage) == ("stayed", Stage.COMPLETE)
    else:
        assert (ended.outcome, appconfig.position.stage) == ("off", Stage.OFF)


def test_a_complete_migration_that_is_proven_is_marked_deprecated_and_serves_on() -> None:
    appconfig = at(Stage.COMPLETE)
    before = appconfig.served
    assert done(cleaned(appconfig, verdict="PASS")) == ("retired", True, 1)
    mark = {"status": "planned", "date": f"{DUE:%Y-%m-%d}"}
    assert appconfig.served["flags"][FLAG_KEY].pop("_deprecation") == mark
    assert appconfig.served["values"] == before["values"]
    assert appconfig.position.stage == Stage.COMPLETE


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY, Stage.COMPLETE])
def test_the_second_clean_up_changes_nothing_and_tells_nobody_whenever_it_comes(
    stage: Stage,
) -> None:
    appconfig = at(stage)
    verdict = "PASS" if stage == Stage.COMPLETE else "FAIL"
    first = cleaned(appconfig, verdict=verdict)
    served, writes = appconfig.served, len(appconfig.writes)
    for day in (1, 2, 7, 8, 45):
        second = cleaned(appconfig, request="2", verdict=verdict, day=day, answers=LOUD)
        assert done(second) == (first.outcome, False, 0)
        assert not second.is_news
    assert (appconfig.served, len(appconfig.writes)) == (served, writes)


LOOKS = st.lists(st.integers(0, CLEAN_UP_DAYS + 1), max_size=12)


@given(
    LOOKS,
    st.sampled_from([Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE]),
    st.sampled_from([*Verdict]),
)
def test_looks_that_are_doubled_missed_or_late_end_as_one_at_the_end_does(
    looks: list[int], stage: Stage, verdict: Verdict
) -> None:
    appconfig, alone = at(stage), at(stage)
    for number, day in enumerate([*sorted(looks), CLEAN_UP_DAYS + 1]):
        cleaned(appconfig, request=f"{number}", verdict=verdict, day=day)
    cleaned(alone, verdict=verdict, day=CLEAN_UP_DAYS + 1)
    assert appconfig.position == alone.position
    marked = [flag_on(each).deployed().deprecated_on for each in (appconfig, alone)]
    assert bool(marked[0]) == bool(marked[1])


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_document_that_is_none_of_ours_is_no_complete_migration_and_goes_to_off(
    content: bytes,
) -> None:
    appconfig = FakeAppConfig(content)
    assert cleaned(appconfig, verdict="PASS").outcome == "off"
    assert appconfig.position.stage == Stage.OFF


def test_a_flag_that_is_switched_off_in_the_console_stays_off_even_where_it_says_complete() -> None:
    document = richer(flag_document(Position(Stage.COMPLETE)), enabled=False)
    appconfig = FakeAppConfig(document)
    assert cleaned(appconfig, verdict="PASS").outcome == "off"
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY])
def test_a_raise_that_is_under_way_is_stopped_and_counts_as_a_change(stage: Stage) -> None:
    appconfig = at(stage)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    assert done(cleaned(appconfig))[:2] == ("off", True)
    assert (running.state, appconfig.position.stage) == ("ROLLED_BACK", Stage.OFF)


def test_a_raise_to_complete_that_is_under_way_is_waited_for_and_then_marked() -> None:
    appconfig = at(Stage.LIVE)
    running = appconfig.move(Position(Stage.COMPLETE), "raise0")
    assert cleaned(appconfig, verdict="PASS").outcome == "re-armed"
    assert (running.state, appconfig.writes) == ("DEPLOYING", [])
    running.state = "COMPLETE"
    assert cleaned(appconfig, verdict="PASS", day=1).outcome == "retired"
    assert "_deprecation" in appconfig.served["flags"][FLAG_KEY]


def test_what_a_person_moved_since_the_look_is_not_marked() -> None:
    appconfig = at(Stage.COMPLETE)
    look = seen(Stage.COMPLETE)
    appconfig.move(Position(Stage.LIVE), "lower0")
    assert not clean_up(flag_on(appconfig), look, who=Who(Writer.CLEANUP, "1")).changed
    assert flag_on(appconfig).deployed().deprecated_on == ""


@pytest.mark.parametrize("stage", [Stage.LIVE, Stage.COMPLETE])
def test_every_version_older_than_the_deployed_one_is_pruned_and_no_other(stage: Stage) -> None:
    appconfig = at(Stage.OFF)
    for step in (Stage.SHADOW, CANARY, stage):
        appconfig.move(Position(step), "lower0")
    appconfig.before("DeleteHostedConfigurationVersion", lambda: draft(appconfig))
    verdict = "PASS" if stage == Stage.COMPLETE else "FAIL"
    assert cleaned(appconfig, verdict=verdict).pruned == 4
    kept, drafted = sorted(appconfig.versions)
    assert json.loads(appconfig.versions[kept]) == appconfig.served
    assert appconfig.versions[drafted] == b"{}"


def draft(appconfig: FakeAppConfig) -> None:
    """A version that somebody wrote and has not deployed."""
    appconfig.versions[max(appconfig.versions) + 1] = b"{}"


def test_the_deployed_version_is_kept_when_an_older_one_was_deployed_again() -> None:
    appconfig = at(Stage.OFF)
    appconfig.move(Position(Stage.LIVE), "lower0")
    appconfig.client().start_deployment(
        ApplicationId="app0",
        EnvironmentId="env0",
        ConfigurationProfileId="pro0",
        ConfigurationVersion="1",
        DeploymentStrategyId="lower0",
    )
    assert done(cleaned(appconfig)) == ("off", False, 0)
    assert set(appconfig.versions) == {1, 2}


def test_what_everybody_has_is_kept_when_a_raise_begins_during_the_clean_up() -> None:
    appconfig = at(Stage.LIVE)
    appconfig.before(
        "ListDeployments",
        *(lambda: None, lambda: None),
        lambda: appconfig.move(Position(Stage.SHADOW), "raise0"),  # just before the pruning
    )
    assert done(cleaned(appconfig)) == ("off", True, 1)
    assert appconfig.position.stage == Stage.OFF


# What people read


WORDS = {
    "retired": (
        Stage.COMPLETE,
        {"verdict": "PASS"},
        "retired",
        "shadowctl finish GetUser:get-user",
    ),
    "re-armed": (
        CANARY,
        {"verdict": "INCONCLUSIVE"},
        "again on 2030-01-15",
        "shadowctl status GetUser:get-user",
    ),
    "off": (CANARY, {"verdict": "FAIL"}, "at off", "a new launch in its stack"),
    "stayed": (
        Stage.LIVE,
        {"verdict": "PASS", "day": 7},
        "stays at live",
        "shadowctl promote GetUser:get-user",
    ),
    "stayed, complete": (
        Stage.COMPLETE,
        {"verdict": "PASS", "day": 7, "answers": LOUD},
        "stays at complete",
        "shadowctl finish GetUser:get-user --override",
    ),
}


@pytest.mark.parametrize(("stage", "given", "word", "next_"), WORDS.values(), ids=WORDS)
def test_people_read_where_it_is_what_is_missing_and_what_to_do(
    stage: Stage, given: dict[str, Any], word: str, next_: str
) -> None:
    ended = cleaned(at(stage), **given)
    message = clean_up_message("GetUser/get-user", ended)
    assert message.subject == f"GetUser/get-user: clean-up, {word}"
    assert message.happened.splitlines()[0].endswith(f"and it is at {stage}.")
    assert message.happened.splitlines()[1:] == [f"- {line}" for line in ended.lacks]
    assert next_ in message.look
