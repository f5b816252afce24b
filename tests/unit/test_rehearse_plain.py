"""Thousands of rollouts at once fare as one by one, in a loop that shares nothing with them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from analysis.simulation.code_canary import CodeCanary
from analysis.simulation.exposure import Exposure
from analysis.simulation.playing import played
from analysis.simulation.scenario import Scenario
from bench import plain_rehearsal
from tests.unit.rollouts import bad_share, code_alarm, rollout

SINGLE = {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}
AT_ONCE = {"hour": bad_share(period=3_600, **SINGLE), "3 of 5": bad_share()}
PLAIN = 1_500
SCENARIO = Scenario(rollouts=20_000, minutes=30)


@pytest.mark.parametrize("failing", [1, 2, 5])
def test_new_versions_fare_as_one_by_one(failing: float) -> None:
    read = rollout(CodeAlarm=code_alarm(period=300, EvaluationPeriods=2, DatapointsToAlarm=1))
    scenario = replace(SCENARIO, failing_percent=failing)
    chance = np.random.default_rng(1)
    plain = [plain_rehearsal.code_canary(read, scenario, chance) for _ in range(PLAIN)]
    compare(plain, CodeCanary(read, scenario))


@pytest.mark.parametrize("failing", [0.5, 1, 2])
@pytest.mark.parametrize("alarm", AT_ONCE)
def test_users_of_the_candidate_fare_as_one_by_one(alarm: str, failing: float) -> None:
    read = rollout(BadShare=AT_ONCE[alarm])
    scenario = replace(SCENARIO, failing_percent=failing)
    chance = np.random.default_rng(1)
    plain = [plain_rehearsal.exposure(read, scenario, chance) for _ in range(PLAIN)]
    compare(plain, Exposure(read, scenario))


def compare(plain: list[plain_rehearsal.Ended], canary: CodeCanary | Exposure) -> None:
    runs = played(canary)
    ends = Counter(ended.red_at for ended in plain)
    for minute in sorted(set(runs.red_at.tolist()) | set(ends)):
        by_then = sum(count for at, count in ends.items() if at <= minute) / PLAIN
        assert (runs.red_at <= minute).mean() == pytest.approx(by_then, abs=0.05), minute
