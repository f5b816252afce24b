"""A rehearsal repeats itself, tells what came of it, and refuses what makes no sense."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.simulation.canaries import Samples, SimulatedCodeCanary, SimulatedExposure, distinct
from analysis.simulation.metrics import expected
from analysis.simulation.rehearsal import (
    CANARY_PERCENTS,
    FAILING_PERCENTS,
    Curves,
    RehearsedCanary,
    Summary,
    canaries,
    curves,
    simulate,
)
from analysis.simulation.scenario import RehearsalError, Scenario
from shadow_runtime.contract import Stage
from shadowctl.rehearse import screen
from tests.unit.rollouts import rollout

FEW = Scenario(rollouts=400)


def test_users_below_the_canary_meet_nothing_new_so_nothing_is_played() -> None:
    read = rollout()
    both = canaries(read, FEW)
    assert [canary.title for canary in both] == ["code canary", "data-source canary"]
    [alone] = canaries(replace(read, ceiling=Stage.SHADOW), FEW)
    assert alone.title == "code canary"


def test_a_false_rollback_is_one_without_a_failure() -> None:
    rehearsed = RehearsedCanary.of(SimulatedCodeCanary(rollout(), replace(FEW, healthy_percent=5)))
    assert rehearsed.summary.rolled_back > 0.9
    assert 0.2 < rehearsed.false_rollbacks < rehearsed.summary.rolled_back


def test_the_same_seed_gives_the_same_numbers_on_any_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    canary = SimulatedExposure(rollout(), replace(FEW, failing_percent=1, rollouts=1_200))
    here = simulate(canary)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    there = simulate(canary)
    assert here.red_at.tolist() == there.red_at.tolist()
    assert here.fallbacks.tolist() == there.fallbacks.tolist()
    other = simulate(canary.when(replace(canary.scenario, seed=1)))
    assert here.fallbacks.tolist() != other.fallbacks.tolist()


def test_all_rollouts_are_played_and_reported() -> None:
    told: list[int] = []
    runs = simulate(SimulatedCodeCanary(rollout(), replace(FEW, rollouts=7_001)), told.append)
    assert sum(told) == runs.guard.size == 7_001
    assert len(told) > 1


def test_a_day_has_more_traffic_at_three_in_the_afternoon_and_as_much_in_all() -> None:
    day = replace(FEW, minutes=1_440, daily_curve=True)
    requests = expected(rollout(), day)  # from 9:00 on
    assert requests.sum() == pytest.approx(1_440_000)
    assert requests.argmax() == 6 * 60
    assert requests.max() / requests.min() == pytest.approx(7)


# Outcomes


def runs_of(guard: list[int], back_at: list[float], errors: list[float]) -> Samples:
    nothing = np.zeros(len(guard))
    at, seen = np.array(back_at), np.array(errors)
    return Samples(("a", "b"), np.array(guard, np.int8), at, at, seen, seen, nothing, nothing)


def test_an_outcome_tells_chances_times_and_harm() -> None:
    never = np.inf
    outcome = Summary.of(
        runs_of([0, 1, 1, -1], [4, 6, 8, never], [1, 2, 3, 94]),
        replace(FEW, minutes=10, failure_starts=2),
    )
    assert outcome.rolled_back == 0.75
    assert outcome.by == {"a": 0.25, "b": 0.5}
    assert outcome.minutes_p50 == 4
    assert outcome.errors == 25
    assert outcome.by_minute["b"] == [0, 0, 0, 0, 0, 0, 0.25, 0.25, 0.5, 0.5, 0.5]
    json.dumps(outcome.by_minute)


def test_where_nothing_goes_back_there_is_no_time() -> None:
    outcome = Summary.of(runs_of([-1], [np.inf], [5]), FEW)
    assert (outcome.minutes_p50, outcome.minutes_p95) == (None, None)


@pytest.mark.parametrize(("events", "among", "users"), [(0, 10, 0), (1, 10, 1), (10, 1, 1)])
def test_events_of_the_same_user_are_one_user(events: float, among: float, users: float) -> None:
    assert distinct(np.array([events]), among)[0] == pytest.approx(users, abs=1e-3)


def test_curves_change_one_number_and_leave_the_alarms() -> None:
    canary = SimulatedCodeCanary(rollout(), FEW)
    drawn = curves(canary)
    assert [point.at for point in drawn.by_failing] == [*FAILING_PERCENTS]
    assert [point.at for point in drawn.by_percent] == [*CANARY_PERCENTS]
    seen = [point.summary.rolled_back for point in drawn.by_failing]
    assert seen[0] < 0.2 < 0.99 < seen[-1]
    assert canary.at(50).alarms == canary.alarms
    harm = [point.summary.errors for point in drawn.by_percent]
    assert harm[-1] > 10 * min(harm)
    assert Curves.rollouts() == 2_000 * 16


def test_the_ceilings_percentage_is_changed_for_users_and_the_shifts_for_invocations() -> None:
    read = rollout()
    assert SimulatedExposure(read, FEW).at(5).percent == 5
    assert (
        SimulatedCodeCanary(read, FEW).at(5).setting
        == "5 % of invocations for 10 minutes, then all"
    )


# Scenarios and words


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"failing_percent": 101}, "failing_percent is from 0 to 100; got 101"),
        ({"mismatch_percent": -1}, "mismatch_percent is from 0 to 100; got -1"),
        ({"rollouts": 0}, "rollouts is 1 or more; got 0"),
        ({"minutes": 0}, "minutes is 1 or more; got 0"),
        ({"failure_starts": 60}, "one of the 60 minutes .* got minute 60"),
        ({"slow_times": 0}, "slow_times is over 0; got 0"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(RehearsalError, match=told):
        Scenario(**wrong)


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        (Scenario(), "20 % of requests fail, from minute 0 on"),
        (
            Scenario(failing_percent=0, mismatch_percent=1, slow_times=3, failure_starts=5),
            "1 % of answers are wrong, answers take 3 times as long, from minute 5 on",
        ),
        (Scenario(failing_percent=0), "nothing fails, from minute 0 on"),
    ],
)
def test_a_scenario_is_said_in_words(scenario: Scenario, told: str) -> None:
    assert scenario.description == told


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0, "0 %"),
        (1e-6, "under 0.01 %"),
        (0.0042, "0.42 %"),
        (0.5, "50.0 %"),
        (0.99998, "over 99.99 %"),
        (1, "100 %"),
    ],
)
def test_nearly_all_is_not_all_and_hardly_any_is_not_none(share: float, told: str) -> None:
    assert screen.percent(share) == told


@pytest.mark.parametrize(
    ("value", "told"), [(None, "never"), (4, "4 minutes"), (5.333, "5.3 minutes"), (180, "3 hours")]
)
def test_times_are_said_in_the_unit_that_suits(value: float | None, told: str) -> None:
    assert screen.minutes(value) == told
