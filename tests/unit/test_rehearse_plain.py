"""Thousands of rollouts at once fare as one by one, in a loop that shares nothing with them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulation.canaries import SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from bench import plain_rehearsal
from tests.unit.rollouts import code_alarm, error_rate, rollout

SINGLE = {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}
AT_ONCE = {"hour": error_rate(period=3_600, **SINGLE), "3 of 5": error_rate()}
PLAIN = 1_500
SCENARIO = Scenario(rollouts=20_000, minutes=30)


@pytest.mark.parametrize("failing", [1, 2, 5])
def test_new_versions_fare_as_one_by_one(failing: float) -> None:
    read = rollout(CodeAlarm=code_alarm(period=300, EvaluationPeriods=2, DatapointsToAlarm=1))
    scenario = replace(SCENARIO, failing_percent=failing)
    rng = np.random.default_rng(1)
    plain = [plain_rehearsal.code_canary(read, scenario, rng) for _ in range(PLAIN)]
    compare(plain, SimulatedCodeCanary(read, scenario))


@pytest.mark.parametrize("failing", [0.5, 1, 2])
@pytest.mark.parametrize("alarm", AT_ONCE)
def test_users_of_the_candidate_fare_as_one_by_one(alarm: str, failing: float) -> None:
    read = rollout(ErrorRate=AT_ONCE[alarm])
    scenario = replace(SCENARIO, failing_percent=failing)
    rng = np.random.default_rng(1)
    plain = [plain_rehearsal.exposure(read, scenario, rng) for _ in range(PLAIN)]
    compare(plain, SimulatedExposure(read, scenario))


def compare(
    plain: list[plain_rehearsal.Ended], canary: SimulatedCodeCanary | SimulatedExposure
) -> None:
    runs = simulate(canary)
    ends = Counter(ended.red_at for ended in plain)
    for minute in sorted(set(runs.red_at.tolist()) | set(ends)):
        by_then = sum(count for at, count in ends.items() if at <= minute) / PLAIN
        assert (runs.red_at <= minute).mean() == pytest.approx(by_then, abs=0.05), minute
