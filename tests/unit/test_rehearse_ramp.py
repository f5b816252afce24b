"""A rehearsed ramp decides as the real one: proof takes its time, and bad ones stay low."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analysis.rollout import Rollout
from analysis.simulation.ramp import RampSummary, SimulatedRamp
from analysis.simulation.rehearsal import Rehearsal
from analysis.simulation.scenario import Scenario
from analysis.traffic import Traffic
from judge import Ramp
from shadow_runtime.contract import Stage
from tests.unit.rollouts import rollout

RAMP = Ramp(percents=(1, 25, 100), dwell=timedelta(days=1))
FEW = Scenario(rollouts=10)


def played(
    scenario: Scenario = FEW,
    *,
    ramp: Ramp = RAMP,
    is_seen_in_shadow: bool = True,
    ceiling: Stage = Stage.LIVE,
    traffic: Traffic | None = None,
) -> RampSummary:
    read = replace(rollout(traffic=traffic), ramp=ramp, ceiling=ceiling)
    simulated = SimulatedRamp(read, ramp, scenario, is_seen_in_shadow=is_seen_in_shadow)
    return simulated.summary("a candidate", one_step=0)


def test_a_good_candidate_is_at_the_end_after_a_dwell_for_each_step() -> None:
    good = played(FEW.healthy)
    assert (good.done, good.days_p50, good.days_p95) == (1, 3, 3)
    assert (good.furthest, good.rolled_back) == ("live", 0)


def test_few_requests_prove_later_than_the_dwell() -> None:
    quiet = played(FEW.healthy, traffic=Traffic.per_day(10_000, users=500))
    assert quiet.days_p50 is not None
    assert quiet.days_p50 > 4


def test_what_a_candidate_fails_in_shadow_meets_nobody() -> None:
    bad = played()
    assert (bad.furthest, bad.users, bad.done) == ("shadow", 0, 0)
    subtle = played(Scenario(rollouts=10, failing_percent=0, mismatch_percent=0.5))
    assert (subtle.furthest, subtle.users, subtle.days_p50) == ("shadow", 0, None)


def test_what_it_fails_with_users_alone_meets_the_first_few() -> None:
    bad = played(is_seen_in_shadow=False)
    assert (bad.furthest, bad.rolled_back, bad.done) == ("canary(1%)", 1, 0)
    everybody = played(ramp=replace(RAMP, percents=(100,)), is_seen_in_shadow=False)
    assert 0 < bad.users < everybody.users / 10


@pytest.mark.parametrize(
    ("ramp", "ceiling"),
    [(replace(RAMP, minimum_pairs=10**9), Stage.LIVE), (RAMP, Stage.SHADOW)],
    ids=["pairs that never come", "the ceiling"],
)
def test_what_holds_the_ramp_holds_it_here(ramp: Ramp, ceiling: Stage) -> None:
    held = played(FEW.healthy, ramp=ramp, ceiling=ceiling)
    assert (held.furthest, held.done) == ("shadow", 0)


def test_it_is_read_from_the_template_and_told_beside_one_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("analysis.simulation.ramp.ROLLOUTS", 4)
    read = rollout(
        Operations__Properties__Environment__Variables__SHADOW_CANARY_RAMP=str(RAMP),
    )
    assert read.ramp == RAMP
    good, bad, late = SimulatedRamp.played(read, FEW)
    assert (good.done, bad.furthest, late.furthest) == (1, "shadow", "canary(1%)")
    assert bad.users < late.users < late.one_step == bad.one_step
    rehearsal = Rehearsal("this branch", read, [], ramp=[good, bad, late])
    assert [each["candidate"] for each in rehearsal.as_json()["ramp"]] == [
        "good",
        "bad from the first copy on",
        "bad from the first user on",
    ]


def test_without_a_ramp_there_is_none() -> None:
    read: Rollout = rollout()
    assert read.ramp is None
    assert SimulatedRamp.played(read, FEW) == []
