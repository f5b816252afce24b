"""What synthesis computes of an alarm is what a rehearsal of it shows, within 2 points.

The whole table is in docs/rehearsal.md; `python -m bench.rehearsed` makes it.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.power import RateAlarm, code_detection, exposure_detection
from analysis.rollout import Strategy
from analysis.rules import Window
from analysis.simulation.canaries import SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from analysis.traffic import Shift, Traffic
from shadow_runtime.contract import Stage
from tests.unit.alarms import CANDIDATE, OURS, entry, resource
from tests.unit.rollouts import EXECUTED, rollout

AT_ONCE = Strategy(minutes=0, growth_percent=100, bake_minutes=0)
MINUTES_3_OF_5 = Window(
    period=timedelta(minutes=1), evaluation_periods=5, datapoints_to_alarm=3, minimum_requests=10
)
WHERE: dict[str, tuple[str, dict[str, Any]]] = {
    "invocations": ("AWS/Lambda", EXECUTED),
    "requests": (OURS, CANDIDATE),
}
ALONE = Scenario(rollouts=20_000, healthy_percent=0, delay_minutes=0)


def alarm(window: Window, of: str, bad: str) -> dict[str, Any]:
    """As the construct writes it: over 2 %, with the window's minimum and fewest bad ones."""
    period = 60 * window.minutes
    namespace, dimensions = WHERE[of]
    names = {of: of.capitalize(), bad: bad.capitalize()}
    return resource(
        f"IF({of} >= {window.minimum_requests} AND {bad} >= {window.minimum_failures}, "
        f"100 * ({bad}) / {of}, 0)",
        *(entry(i, namespace, name, dimensions, "Sum", period) for i, name in names.items()),
        EvaluationPeriods=window.evaluation_periods,
        DatapointsToAlarm=window.datapoints_to_alarm,
    )


@pytest.mark.parametrize("failing", [1, 5, 20])
@pytest.mark.parametrize("minutes", [10, 30])
@pytest.mark.parametrize("percent", [1, 10])
@pytest.mark.parametrize("a_day", [20_000, 1_000_000])
@pytest.mark.parametrize("given", [None, MINUTES_3_OF_5], ids=["by rule", "3 of 5 minutes"])
def test_a_code_canary_is_rehearsed_as_its_power_says(
    given: Window | None, a_day: float, percent: int, minutes: int, failing: float
) -> None:
    traffic = Traffic.per_day(a_day, users=1_000)
    on_canary = traffic.per_minute * percent / 100
    window = given or Window.for_rate(on_canary, within=timedelta(minutes=minutes))
    read = rollout(traffic=Traffic(a_day, 1_000), CodeAlarm=alarm(window, "invocations", "errors"))
    shift = Shift.canary(minutes=minutes, percent=percent)
    canary = SimulatedCodeCanary(
        replace(read, shift=shift),
        replace(ALONE, minutes=minutes, failing_percent=failing),
    )
    shown = (simulate(canary).guard == 0).mean()
    rate = RateAlarm(2, window)
    computed = code_detection(traffic, shift, rate, failing_percent=failing)
    assert computed == pytest.approx(shown, abs=0.02)


@pytest.mark.parametrize("failing", [1, 5, 20])
@pytest.mark.parametrize("percent", [1, 20])
@pytest.mark.parametrize("a_day", [10_000, 200_000])
def test_a_canary_of_users_is_rehearsed_as_its_power_says_in_its_first_period(
    a_day: float, percent: float, failing: float
) -> None:
    users = int(a_day / 20)
    traffic = Traffic.per_day(a_day, users=users)
    window = Window.for_rate(traffic.per_minute * percent / 100, within=timedelta(days=7))
    minutes = window.minutes * (12 if window.evaluation_periods > 1 else 1)
    read = rollout(traffic=Traffic(a_day, users), ErrorRate=alarm(window, "requests", "faults"))
    canary = SimulatedExposure(
        replace(read, ceiling=Stage.canary(percent=percent), raising=AT_ONCE),
        replace(ALONE, rollouts=6_000, minutes=minutes, failing_percent=failing),
    )
    shown = (simulate(canary).guard == 0).mean()
    rate = RateAlarm(2, window)
    days = minutes / 1_440
    computed = exposure_detection(traffic, percent, rate, days=days, failing_percent=failing)
    assert computed == pytest.approx(shown, abs=0.02)
