"""The one table of moves, and what is kept of each: nothing jumps, and who it was is known."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import step_after
from operations.transitions import Change, Transitions, Who, Writer
from shadow_runtime.contract import Stage
from tests.strategies import any_text, json_values, stages

ONE, FIVE = Stage.canary(percent=1), Stage.canary(percent=5)
LADDER = [Stage.OFF, Stage.SHADOW, ONE, FIVE, Stage.LIVE, Stage.COMPLETE]
ALLOWED = {
    Stage.OFF: "off shadow",
    Stage.SHADOW: "off shadow canary(1%) canary(5%)",
    ONE: "off shadow canary(1%) canary(5%) live",
    FIVE: "off shadow canary(1%) canary(5%) live",
    Stage.LIVE: "off canary(1%) canary(5%) live complete",
    Stage.COMPLETE: "off live complete",
}
RAMP = (ONE, FIVE, Stage.LIVE)


@pytest.mark.parametrize("before", LADDER, ids=str)
@pytest.mark.parametrize("after", LADDER, ids=str)
def test_a_move_goes_one_stage_up_or_down_or_to_off(before: Stage, after: Stage) -> None:
    refusal = Transitions().refusal(before, after)
    assert (refusal is None) is (str(after) in ALLOWED[before].split())
    assert Transitions().refusal(before, after, override="incident 7") is None


@given(stages, stages)
def test_a_refusal_names_where_to_move_first_and_from_there_it_is_nearer(
    before: Stage, after: Stage
) -> None:
    refusal = Transitions().refusal(before, after)
    if refusal:
        skipped = refusal.partition("skips ")[2].partition(":")[0]
        nearer = Stage.of(skipped, percent=1)
        assert min(before, after) < nearer < max(before, after)
        assert Transitions().refusal(before, nearer) is None


@given(stages | st.none(), stages)
def test_off_is_never_refused(before: Stage | None, ceiling: Stage) -> None:
    for steps in ((), RAMP):
        assert Transitions(ceiling, steps).refusal(before, Stage.OFF) is None


@given(stages | st.none(), stages, stages, st.sampled_from(["", "incident 7"]))
def test_nothing_rises_over_the_ceiling_and_for_no_reason_either(
    before: Stage | None, after: Stage, ceiling: Stage, override: str
) -> None:
    refusal = Transitions(ceiling).refusal(before, after, override=override)
    rises = before is None or before < after
    if rises and after > ceiling:
        assert refusal
        assert refusal.startswith(f"{after} is over the ceiling, {ceiling}: raise `ceiling`")
    elif override:
        assert refusal is None


def test_from_what_cannot_be_read_the_way_is_to_off_unless_there_is_a_reason() -> None:
    for after in LADDER[1:]:
        refusal = Transitions().refusal(None, after)
        assert refusal
        assert refusal.startswith("what is deployed cannot be read: move to off first")
        assert Transitions().refusal(None, after, override="broken in the console") is None


@pytest.mark.parametrize("override", ["", " ", "\n\t"])
def test_an_override_without_a_reason_is_none(override: str) -> None:
    assert Transitions().refusal(Stage.OFF, Stage.LIVE, override=override)


def test_a_ramp_is_climbed_from_one_declared_step_to_the_next() -> None:
    table = Transitions(steps=RAMP)
    for lower, upper in pairwise([Stage.OFF, Stage.SHADOW, *RAMP, Stage.COMPLETE]):
        assert table.refusal(lower, upper) is None
        assert Transitions().refusal(upper, lower) == table.refusal(upper, lower)
    for before, after in (
        (Stage.SHADOW, FIVE),
        (Stage.SHADOW, Stage.canary(percent=0.5)),
        (ONE, Stage.canary(percent=2)),
        (ONE, Stage.LIVE),
    ):
        refusal = table.refusal(before, after)
        assert refusal
        assert f"leaves the ramp, whose next step is {step_after(RAMP, before)}: move" in refusal
        assert table.refusal(before, after, override="incident 7") is None


def test_from_between_two_steps_the_ramp_goes_on_with_the_next_one() -> None:
    between = Stage.canary(percent=2)
    assert step_after(RAMP, between) == FIVE
    assert Transitions(steps=RAMP).refusal(between, FIVE) is None


def test_beyond_the_last_step_nothing_rises_to_users_without_a_reason() -> None:
    table = Transitions(steps=(ONE, FIVE))
    refusal = table.refusal(FIVE, Stage.LIVE)
    assert refusal == (
        "canary(5%) to live leaves the ramp, which ends at canary(5%): add a step, or override "
        "with a reason"
    )
    assert step_after(table.steps, FIVE) is None


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(stages | st.none(), stages, st.sampled_from([(), RAMP, RAMP[:2], RAMP[1:]]))
def test_a_path_skips_no_stage_and_goes_never_back(
    before: Stage | None, after: Stage, steps: tuple[Stage, ...]
) -> None:
    table = Transitions(steps=steps)
    path = table.path(before, after)
    assert path[-1] == after
    for here, there in zip([before, *path], path, strict=False):
        if refusal := table.refusal(here, there):
            assert there not in steps
            assert "leaves the ramp" in refusal, "no move leads beside it"
    if before is not None:
        climb = [before, *path]
        assert climb in (sorted(climb), sorted(climb, reverse=True))


def test_a_path_names_each_stage_on_the_way() -> None:
    assert Transitions().path(Stage.OFF, Stage.LIVE) == [Stage.SHADOW, ONE, Stage.LIVE]
    assert Transitions(steps=RAMP).path(Stage.SHADOW, Stage.COMPLETE) == [*RAMP, Stage.COMPLETE]
    assert Transitions().path(Stage.COMPLETE, Stage.SHADOW) == [Stage.LIVE, ONE, Stage.SHADOW]
    assert Transitions().path(None, Stage.SHADOW) == [Stage.OFF, Stage.SHADOW]


scalars = st.none() | st.booleans() | st.integers() | finite | any_text
evidence = st.dictionaries(any_text, scalars, max_size=4)
whos = st.builds(Who, st.sampled_from(Writer), any_text)
changes = st.builds(Change, whos, any_text, stages | st.none(), stages, evidence)


@given(changes)
def test_what_is_kept_of_a_change_is_read_back(change: Change) -> None:
    description = change.description()
    assert len(description) <= 1_024
    assert description.isascii()
    read = Change.parse(description)
    assert read is not None
    assert (read.who.writer, read.before, read.after) == (
        change.who.writer,
        change.before,
        change.after,
    )
    assert change.who.name.startswith(read.who.name)
    assert change.why.startswith(read.why)
    if len(change._json(change.evidence, 1_024)) <= 1_024:
        assert read == change


@given(st.text(min_size=1, max_size=1), st.integers(1, 40))
def test_of_a_reason_of_two_kilobytes_as_much_is_kept_as_fits_and_all_of_the_rest(
    letter: str, entries: int
) -> None:
    facts = {f"fact {number}": number for number in range(entries)}
    change = Change(Who(Writer.PERSON, "ada"), letter * 2_048, Stage.OFF, Stage.SHADOW, facts)
    description = change.description()
    read = Change.parse(description)
    assert read is not None
    assert (read.who, read.evidence) == (change.who, facts)
    assert len(description) + len(json.dumps(letter)) > 1_024 - 2, "one more would not fit"


def test_where_even_the_facts_do_not_fit_the_last_of_them_go() -> None:
    facts = {f"fact {number}": "é" * 40 for number in range(100)}
    description = Change(Who(Writer.RAMP, "tick"), "why", None, Stage.OFF, facts).description()
    assert len(description) <= 1_024
    read = Change.parse(description)
    assert read is not None
    assert [*facts][: len(read.evidence)] == [*read.evidence]
    assert len(read.evidence) > 40


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_no_change_fails_for_its_evidence(value: str) -> None:
    change = Change(Who(Writer.RAMP, "tick"), "why", None, Stage.OFF, {"ratio": float(value)})
    read = Change.parse(change.description())
    assert read is not None
    assert read.evidence == {"ratio": value}


@given(json_values.map(json.dumps) | st.text())
def test_a_description_of_anybody_else_is_no_change(description: str) -> None:
    assert Change.parse(description) is None


KEPT = {"who": "person", "name": "ada", "why": "", "from": "off", "to": "live", "evidence": {}}


@pytest.mark.parametrize("name", [*KEPT])
@given(json_values)
def test_a_description_with_one_odd_value_is_read_as_it_says_or_not_at_all(
    name: str, value: object
) -> None:
    change = Change.parse(json.dumps({**KEPT, name: value}))
    if change is not None:
        assert Change.parse(change.description()) == change


@pytest.mark.parametrize("description", ["", "[" * 1_024, "deploy: by hand (from off to live)"])
def test_a_description_of_another_release_or_of_none_is_no_change(description: str) -> None:
    assert Change.parse(description) is None
    assert Change.parse(json.dumps(KEPT)) is not None


def test_a_change_in_words_says_who_why_and_from_where_to_where() -> None:
    change = Change(Who(Writer.ROLLBACK, "r1"), "slow in ALARM", Stage.LIVE, Stage.OFF)
    assert str(change) == "rollback: slow in ALARM (from live to off)"
    unread = Change(Who(Writer.PERSON, "ada"), "broken", None, Stage.OFF)
    assert str(unread) == "person: broken (from unreadable to off)"
