"""The ramp takes one decision upon what it sees: up only on proof, and never against a person."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Counts, Outcome, Ramp, Scores, Seen, Verdict, decide, judge
from shadow_runtime.contract import Stage

RAMP = Ramp(percents=(1, 5, 25, 100), dwell=timedelta(hours=6))
BEGUN = datetime(2030, 1, 7, 9, tzinfo=UTC)
ENOUGH = (Scores(6_000, share=1),)
GOOD = Counts(compared=ENOUGH, asked=Scores(900))
BAD = Counts(compared=(Scores(6_000, worse=600, share=1),))
FAULTY = Counts(compared=ENOUGH, asked=Scores(900, worse=90))
FEW = Counts(compared=(Scores(400),))
LOWERED = "rollback: error-rate in ALARM (from canary(5%) to off)"
RED = "in ALARM: error-rate. Look for the cause"

ADVANCE, HOLD, ROLL_BACK, DONE = Outcome


def canary(percent: float) -> Stage:
    return Stage.canary(percent=percent)


def seen(**given: Any) -> Seen:
    """At 1 % for a day, all good; `given` goes before."""
    usual: dict[str, Any] = {
        "now": BEGUN + timedelta(days=1),
        "stage": canary(1),
        "ceiling": Stage.COMPLETE,
        "is_paused": False,
        "since": BEGUN,
        "lowered": "",
        "counts": {"7": GOOD},
        "pairs": 500,
        "objections": [],
    }
    return Seen(**usual | given)


ADVANCES = {
    Stage.SHADOW: canary(1),
    canary(0.5): canary(1),
    canary(1): canary(5),
    canary(3): canary(5),
    canary(5): canary(25),
    canary(25): Stage.LIVE,
    canary(100): Stage.LIVE,
}


@pytest.mark.parametrize("stage", ADVANCES, ids=str)
def test_on_proof_it_goes_to_the_lowest_step_above_and_no_further(stage: Stage) -> None:
    decision = decide(RAMP, seen(stage=stage))
    assert (decision.outcome, decision.to) == (ADVANCE, ADVANCES[stage])


def test_it_says_what_it_advances_upon() -> None:
    decision = decide(RAMP, seen())
    assert str(decision) == (
        "advance to canary(5%): PASS of version 7; 500 pairs at canary(1%) since 2030-01-07 09:00 "
        "UTC; no guard is red"
    )
    assert decision.evidence == {
        "version": "7",
        "verdict": "PASS",
        "pairs": 6_000,
        "mismatches": 0,
        "requests": 900,
        "faults": 0,
        "pairs at this stage": 500,
    }


HOLDS: Mapping[str, tuple[dict[str, Any], str]] = {
    "paused": ({"is_paused": True}, "paused, until a person resumes it"),
    "unreadable": ({"stage": None}, "what the flag says cannot be read: move it to off"),
    "off": ({"stage": Stage.OFF}, "off: a person begins, and moves it to shadow"),
    "rolled back": (
        {"stage": Stage.OFF, "lowered": LOWERED},
        f"{LOWERED}: a person begins, and moves it to shadow",
    ),
    "lowered": ({"lowered": LOWERED}, f"{LOWERED}: a person raises it when the cause is known"),
    "at the ceiling": (
        {"ceiling": canary(1)},
        "canary(5%) is over the ceiling, canary(1%): raise it in the route's stack",
    ),
    "between the ceiling and a step": (
        {"ceiling": canary(3)},
        "canary(5%) is over the ceiling, canary(3%): raise it in the route's stack",
    ),
    "under way": ({"since": None}, "a change of the flag is under way"),
    "too early": ({"now": BEGUN + timedelta(hours=5)}, "not before 2030-01-07 15:00 UTC"),
    "a clock that is behind": (
        {"now": BEGUN - timedelta(days=9)},
        "not before 2030-01-07 15:00 UTC",
    ),
    "a guard": ({"objections": [RED, "there is no alarm x"]}, f"{RED}; there is no alarm x"),
    "a code canary": (
        {"counts": {"8": GOOD, "7": GOOD}},
        "a new version is taking over: 8 beside 7",
    ),
    "no version": ({"counts": {}}, "a new version is taking over: none answers"),
    "few pairs here": ({"pairs": 99}, "99 of 100 pairs compared at this stage"),
    "not asked": (
        {"counts": {"8": None}, "pairs": 0},
        "0 of 100 pairs compared at this stage; "
        "INCONCLUSIVE: no pairs yet; about 3,600 good ones would pass",
    ),
    "unproven": ({"counts": {"8": FEW}}, judge(FEW).message),
    "bad in shadow": (
        {"stage": Stage.SHADOW, "counts": {"7": BAD}},
        judge(BAD).message,
    ),
    "bad, and all of it above the ceiling": (
        {"stage": canary(5), "ceiling": Stage.SHADOW, "counts": {"7": BAD}},
        "canary(25%) is over the ceiling, shadow: raise it in the route's stack; "
        f"{judge(BAD).message}",
    ),
    "paused, whatever is wrong": (
        {"is_paused": True, "counts": {"7": BAD}},
        "paused, until a person resumes it",
    ),
    "all at once": (
        {"lowered": LOWERED, "since": None, "objections": [RED], "pairs": 0},
        f"{LOWERED}: a person raises it when the cause is known; a change of the flag is under "
        f"way; {RED}; 0 of 100 pairs compared at this stage",
    ),
}


@pytest.mark.parametrize(("given", "why"), HOLDS.values(), ids=HOLDS)
def test_it_holds_and_says_all_that_it_waits_for(given: dict[str, Any], why: str) -> None:
    decision = decide(RAMP, seen(**given))
    assert (decision.outcome, decision.to, decision.why) == (HOLD, None, why)


FAILS = {
    "wrong answers": ({"7": BAD}, "version 7: FAIL: 600 of 6,000 pairs differ"),
    "faults": ({"7": FAULTY}, "version 7: FAIL: the candidate alone failed 90 of 900 requests"),
    "a new version": ({"8": BAD, "7": GOOD}, "version 8: FAIL"),
    "the version before": ({"8": GOOD, "7": BAD}, "version 7: FAIL"),
}


@pytest.mark.parametrize("stage", [canary(1), canary(25), canary(30), Stage.LIVE], ids=str)
@pytest.mark.parametrize(("counts", "why"), FAILS.values(), ids=FAILS)
def test_a_fail_takes_users_back_whatever_else_is_so(
    counts: dict[str, Counts], why: str, stage: Stage
) -> None:
    others = {"lowered": LOWERED, "since": None, "objections": [RED], "pairs": 0}
    for more in ({}, others):
        decision = decide(RAMP, seen(stage=stage, counts=counts, **more))
        assert (decision.outcome, decision.to) == (ROLL_BACK, Stage.OFF)
        assert decision.why.startswith(why)


@pytest.mark.parametrize("stage", [Stage.LIVE, Stage.COMPLETE], ids=str)
def test_at_its_last_step_and_beyond_it_is_done(stage: Stage) -> None:
    decision = decide(RAMP, seen(stage=stage, objections=[RED], lowered=LOWERED))
    assert (decision.outcome, decision.to, decision.why) == (DONE, None, f"no step is over {stage}")
    assert decide(RAMP, seen(stage=stage, ceiling=canary(1))).outcome is DONE
    assert decide(replace(RAMP, percents=(1, 5)), seen(stage=canary(5))).outcome is DONE


def test_nobody_answers_beside_a_complete_candidate_so_that_nothing_is_proven_of_it() -> None:
    assert decide(RAMP, seen(stage=Stage.COMPLETE, counts={"7": BAD})).outcome is DONE


def test_what_just_suffices_suffices() -> None:
    least = seen(now=BEGUN + RAMP.dwell, pairs=RAMP.minimum_pairs, ceiling=canary(5))
    assert decide(RAMP, least).outcome is ADVANCE
    early = replace(least, now=least.now - timedelta(seconds=1))
    assert decide(RAMP, early).outcome is HOLD


def test_its_own_tolerances_count() -> None:
    strict, lax = replace(RAMP, mismatch_percent=0.01), replace(RAMP, fault_percent=20)
    assert decide(strict, seen()).outcome is HOLD
    assert decide(lax, seen(counts={"7": FAULTY})).outcome is ADVANCE


STAGES = st.one_of(
    st.sampled_from([Stage.OFF, Stage.SHADOW, Stage.LIVE, Stage.COMPLETE]),
    st.floats(0.01, 100).map(lambda percent: canary(round(percent, 2))),
)
SCORES = st.builds(
    lambda total, worse: (Scores(total, min(worse, total), share=1),),
    st.integers(0, 20_000),
    st.integers(0, 20_000) | st.just(0),
)
COUNTS = st.builds(
    lambda compared, asked: Counts(compared=compared, asked=asked[0]), SCORES, SCORES
)
ANYTHING_SEEN = st.builds(
    Seen,
    now=st.timedeltas(timedelta(-1), timedelta(9)).map(lambda later: BEGUN + later),
    stage=st.none() | STAGES,
    ceiling=STAGES,
    is_paused=st.booleans(),
    since=st.none() | st.just(BEGUN),
    lowered=st.sampled_from(["", LOWERED]),
    counts=st.dictionaries(st.sampled_from("789"), st.none() | COUNTS, max_size=2),
    pairs=st.integers(0, 300),
    objections=st.lists(st.just(RED), max_size=1),
)


@given(ANYTHING_SEEN)
def test_whatever_it_sees_it_never_raises_without_all_of_its_conditions(seen: Seen) -> None:
    decision = decide(RAMP, seen)
    assert decision == decide(RAMP, seen)
    assert decision.why
    if decision.outcome is not ADVANCE:
        assert decision.to in (None, Stage.OFF)
        return
    assert seen.stage is not None
    assert decision.to in RAMP.stages
    assert Stage.SHADOW <= seen.stage < decision.to <= seen.ceiling
    assert not [step for step in RAMP.stages if seen.stage < step < decision.to]
    assert not seen.is_paused
    assert not seen.lowered
    assert not seen.objections
    assert seen.since is not None
    assert seen.now - seen.since >= RAMP.dwell
    assert seen.pairs >= RAMP.minimum_pairs
    [counts] = seen.counts.values()
    assert counts is not None
    assert judge(counts, RAMP.tolerances).verdict is Verdict.PASS


PERCENTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=6, unique=True).map(
    lambda hundredths: tuple(each / 100 for each in sorted(hundredths))
)


@given(PERCENTS, st.timedeltas(timedelta(seconds=1), timedelta(30)), st.integers(1, 10**6))
def test_it_is_read_as_it_was_written(
    percents: tuple[float, ...], dwell: timedelta, pairs: int
) -> None:
    ramp = Ramp(percents=percents, dwell=dwell, minimum_pairs=pairs, mismatch_percent=0.5)
    assert Ramp.parse(str(ramp)) == ramp


STEPS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "none": ((), "over 0 and at most 100, such as 1, 5, 25, 100; got none"),
    "nobody": ((0, 5), "over 0 and at most 100, such as 1, 5, 25, 100; got 0, 5"),
    "more than all": ((5, 101), "at most 100, such as 1, 5, 25, 100; got 5, 101"),
    "fewer than nobody": ((-1,), "got -1"),
    "no number": (("5",), "got '5'"),
    "a truth": ((True,), "got True"),
    "not a number": ((float("nan"),), "got nan"),
    "infinite": ((float("inf"),), "got inf"),
    "down": ((5, 1), "each step is over the one before, such as 1, 5, 25, 100; got 5, 1"),
    "twice": ((5, 5), "each step is over the one before, such as 1, 5, 25, 100; got 5, 5"),
    "finer than a bucket": ((0.001,), "a canary moves in steps of 0.01 percent, got 0.001"),
}


@pytest.mark.parametrize(("percents", "words"), STEPS.values(), ids=STEPS)
def test_fails_on_steps_that_do_not_climb_or_are_no_shares(
    percents: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        Ramp(percents=percents, dwell=timedelta(days=1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dwell": timedelta()}, "dwell is a time, such as a day; got 0:00:00"),
        ({"dwell": timedelta(-1)}, "dwell is a time, such as a day; got -1 day"),
        ({"minimum_pairs": 0}, "minimum_pairs is a whole number, 1 or more, such as 100; got 0"),
        ({"minimum_pairs": 1.5}, "got 1.5"),
        ({"minimum_pairs": True}, "got True"),
        ({"mismatch_percent": 0}, "mismatch_percent is a percentage over 0"),
        ({"fault_percent": 100}, "fault_percent is a percentage over 0"),
    ],
    ids=str,
)
def test_fails_on_what_no_step_can_wait_for(given: dict[str, Any], words: str) -> None:
    usual: dict[str, Any] = {"percents": (1,), "dwell": timedelta(days=1)}
    with pytest.raises(ValueError, match=words):
        Ramp(**usual | given)
