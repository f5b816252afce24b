"""The two canaries play what the template says, and what is assumed of the rest."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.simulation.canaries import Samples, SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from analysis.traffic import Traffic
from shadow_runtime.contract import Stage
from tests.unit.alarms import entry, resource
from tests.unit.rollouts import EXECUTED, code_alarm, error_rate, rollout

FEW = Scenario(rollouts=400)


def function_wide() -> dict[str, Any]:
    """The alarm that one would write first: over 2 % of the whole function's invocations."""
    whole = {"FunctionName": EXECUTED["FunctionName"]}
    return resource(
        "100 * errors / invocations",
        entry("errors", "AWS/Lambda", "Errors", whole, "Sum", 60),
        entry("invocations", "AWS/Lambda", "Invocations", whole, "Sum", 60),
    )


def code(scenario: Scenario, **instead: Any) -> Samples:
    return simulate(SimulatedCodeCanary(rollout(**instead), scenario))


def exposure(scenario: Scenario, *, ceiling: Stage | None = None, **instead: Any) -> Samples:
    read = rollout(**instead)
    return simulate(SimulatedExposure(replace(read, ceiling=ceiling or read.ceiling), scenario))


# The code canary: 1,000 requests a minute, 1 % of them for 10 minutes


def test_a_version_that_fails_goes_back_within_the_shift_and_harms_its_share_only() -> None:
    runs = code(replace(FEW, failing_percent=50))
    assert (runs.guard == 0).mean() > 0.99
    assert runs.red_at.min() >= 3  # a minute, and two until it can be seen
    back = runs.guard >= 0
    assert runs.red_at[back].max() <= 10
    until_then = 10 * 0.5 * runs.red_at[back].mean()
    assert runs.errors[back].mean() == pytest.approx(until_then, rel=0.05)
    assert runs.users[back].mean() == pytest.approx(runs.errors[back].mean(), rel=0.01)


def test_without_a_rollback_everybody_meets_the_new_version_after_the_shift() -> None:
    runs = code(replace(FEW, failing_percent=50), CodeAlarm__Properties__Threshold=101)
    assert (runs.guard == -1).all()
    assert np.isinf(runs.back_at).all()
    whole = 0.5 * (10 * 10 + 50 * 1_000)
    assert runs.errors.mean() == pytest.approx(whole, rel=0.01)
    assert runs.users.mean() == pytest.approx(50_000 * (1 - np.exp(-whole / 50_000)), rel=0.01)


def test_what_fails_after_the_shift_is_taken_back_by_nobody() -> None:
    runs = code(replace(FEW, failing_percent=100, failure_starts=10))
    assert (runs.guard == -1).mean() > 0.98


def test_a_shift_all_at_once_has_no_guard() -> None:
    at_once = "CodeDeployDefault.LambdaAllAtOnce"
    runs = code(replace(FEW, failing_percent=100), Group__Properties__DeploymentConfigName=at_once)
    assert (runs.guard == -1).all()
    assert runs.errors.mean() == pytest.approx(60_000, rel=0.01)


def test_an_alarm_over_the_whole_function_never_sees_one_percent() -> None:
    whole = function_wide()
    assert (code(replace(FEW, failing_percent=100), CodeAlarm=whole).guard == -1).all()
    half = code(
        replace(FEW, failing_percent=100),
        CodeAlarm=whole,
        Shift__Properties__TrafficRoutingConfig__TimeBasedCanary__CanaryPercentage=50,
    )
    assert (half.guard == 0).all()


@pytest.mark.parametrize(("bad", "handled"), [("errors", False), ("failed", True)])
def test_a_crash_is_lambdas_error_and_an_answer_of_500_our_fault(bad: str, handled: bool) -> None:
    dead = replace(FEW, failing_percent=100, healthy_percent=0)
    by_metric = {
        each: (code(replace(dead, handled=each), CodeAlarm=code_alarm(bad)).guard == 0).mean()
        for each in (False, True)
    }
    assert by_metric == {handled: 1, not handled: 0}


def test_a_new_versions_wrong_answers_are_served_to_whom_its_candidate_answers() -> None:
    runs = code(replace(FEW, failing_percent=0, healthy_percent=0, mismatch_percent=10))
    assert runs.wrong.mean() == pytest.approx(0.1 * 0.02 * (10 * 10 + 50 * 1_000), rel=0.02)


def test_a_datapoint_that_is_late_makes_an_alarm_late() -> None:
    sooner, later = (
        code(replace(FEW, failing_percent=100, delay_minutes=delay)).red_at.mean()
        for delay in (0, 3)
    )
    assert later == pytest.approx(sooner + 3, abs=0.1)


# The data-source canary: 2 % of 50,000 users


def test_a_candidate_that_fails_is_left_and_no_user_sees_an_error() -> None:
    runs = exposure(replace(FEW, failing_percent=50))
    assert (runs.guard == 0).all()
    assert runs.errors.max() == runs.wrong.max() == 0
    assert runs.fallbacks.mean() > 10
    assert (runs.users <= runs.fallbacks + 0.01).all()  # who waited for control instead


def test_all_are_back_when_the_last_environment_has_polled() -> None:
    at_once: dict[str, Any] = {"Raise__Properties__DeploymentDurationInMinutes": 0}
    runs = exposure(replace(FEW, failing_percent=50), **at_once)
    assert runs.back_at - runs.red_at == pytest.approx((5 + 15) / 60)
    slow = exposure(
        replace(FEW, failing_percent=50),
        **at_once,
        Lower__Properties__DeploymentDurationInMinutes=10,
        Lower__Properties__GrowthFactor=10,
    )
    assert slow.back_at - slow.red_at == pytest.approx(10 + (5 + 15) / 60)
    assert slow.fallbacks.mean() == pytest.approx(runs.fallbacks.mean() + 4.5 * 10, rel=0.03)


def test_users_come_to_the_candidate_as_the_flag_is_raised() -> None:
    runs = exposure(replace(FEW, failing_percent=100), ErrorRate__Properties__Threshold=101)
    raised = 60 - 4.5  # 10 % in the first minute, all in the tenth
    assert runs.fallbacks.mean() == pytest.approx(20 * raised, rel=0.02)


def test_how_many_users_are_held_is_chance() -> None:
    traffic = Traffic(1_440_000, users=50)
    read = rollout(traffic=traffic, ErrorRate__Properties__Threshold=101)
    runs = simulate(SimulatedExposure(read, replace(FEW, failing_percent=100)))
    nobody = (runs.fallbacks == 0).mean()
    assert nobody == pytest.approx(0.98**50, abs=0.08)


def test_wrong_answers_are_served_at_the_rate_that_they_have() -> None:
    wrong = replace(FEW, failing_percent=0, mismatch_percent=10)
    runs = exposure(wrong, ErrorRate__Properties__Threshold=101)
    assert runs.wrong.mean() == pytest.approx(0.1 * 20 * 55.5, rel=0.02)
    assert runs.errors.max() == 0


def test_a_candidate_later_than_its_deadline_has_failed() -> None:
    runs = exposure(replace(FEW, failing_percent=0, slow_times=50))  # its median is the deadline
    assert (runs.guard == 0).all()
    late = exposure(
        replace(FEW, failing_percent=0, slow_times=50), ErrorRate__Properties__Threshold=101
    )
    assert late.fallbacks.mean() == pytest.approx(0.5 * 20 * 55.5, rel=0.03)


def test_when_control_is_gone_users_see_what_the_candidate_fails() -> None:
    runs = exposure(replace(FEW, failing_percent=50), ceiling=Stage.COMPLETE)
    assert runs.errors.mean() > 500
    assert runs.fallbacks.max() == 0


def test_healthy_history_in_a_long_period_makes_an_alarm_later() -> None:
    alarm = error_rate(period=3_600, EvaluationPeriods=1, DatapointsToAlarm=1)
    soon, late = (
        exposure(replace(FEW, failing_percent=10, failure_starts=start), ErrorRate=alarm)
        for start in (0, 40)
    )
    assert np.median(late.red_at) - 40 > np.median(soon.red_at)
