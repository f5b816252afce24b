"""The computed power is what 20,000 simulated canaries show, within 1.5 points."""

import math
from itertools import accumulate
from random import Random

import pytest

from analysis.power import RateAlarm, power_of_exposure
from analysis.traffic import Traffic
from tests.unit.alarms import rate_alarm

RUNS = 20_000


@pytest.mark.parametrize(
    ("looks", "minutes", "a_minute", "failing"),
    [
        (rate_alarm(10), 10, 1, 20),
        (rate_alarm(10), 10, 7, 1),
        (rate_alarm(10), 10, 7, 5),
        (rate_alarm(60), 60, 0.4, 5),
        (rate_alarm(60), 40, 3, 1),
        (rate_alarm(1, m=3, n=5), 10, 25, 5),
        (rate_alarm(1, m=3, n=5), 30, 25, 1),
    ],
)
def test_a_code_canary_sees_what_it_sees_in_a_simulation(
    looks: RateAlarm, minutes: int, a_minute: float, failing: float
) -> None:
    seen = simulated(looks, [a_minute] * minutes, failing, runs=RUNS)
    assert looks.detection([(minutes, a_minute)], failing_percent=failing) == pytest.approx(
        seen, abs=0.015
    )


def test_a_linear_shift_sees_what_it_sees_in_a_simulation() -> None:
    rising = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]
    seen = simulated(rate_alarm(9), rising, 5, runs=RUNS)
    assert rate_alarm(9).detection(
        [(1, rate) for rate in rising], failing_percent=5
    ) == pytest.approx(seen, abs=0.015)


@pytest.mark.parametrize(("a_minute", "failing"), [(1, 0.3), (0.4, 5), (3, 1)])
def test_beyond_one_period_a_simulation_is_between_what_is_seen_and_what_errs(
    a_minute: float, failing: float
) -> None:
    hour, minutes = rate_alarm(60), 300
    seen = simulated(hour, [a_minute] * minutes, failing, runs=1_000)
    lies = [
        tell([(minutes, a_minute)], failing_percent=failing)
        for tell in (hour.detection, hour.false_alarm)
    ]
    assert lies[0] - 0.04 < seen < lies[1] + 0.04


def test_a_canary_of_users_sees_what_it_sees_in_a_simulation() -> None:
    traffic, percent, hour = Traffic.per_day(14_400, users=50), 5, rate_alarm(60)
    random = Random(50)
    seen = 0.0
    for held in range(9):
        chance = math.comb(50, held) * 0.05**held * 0.95 ** (50 - held)
        seen += chance * simulated(hour, [10 * held / 50] * 60, 1, runs=2_000, random=random)
    one_hour = power_of_exposure(traffic, percent, hour, days=1 / 24)
    assert one_hour.detection[1] == pytest.approx(seen, abs=0.015)


def simulated(
    looks: RateAlarm, rates: list[float], failing: float, *, runs: int, random: Random | None = None
) -> float:
    """The part of `runs` in which the alarm turned red, looked at after each minute."""
    random = random or Random(1)
    good, bad = (
        [draws(rate * share, runs, random) for rate in rates]
        for share in (1 - failing / 100, failing / 100)
    )
    red = 0
    for run in range(runs):
        goods = list(accumulate((minute[run] for minute in good), initial=0))
        bads = list(accumulate((minute[run] for minute in bad), initial=0))
        over = []
        for end in range(1, len(rates) + 1):
            start = max(0, end - looks.window.minutes)
            wrong = bads[end] - bads[start]
            total = wrong + goods[end] - goods[start]
            over.append(total >= 10 and wrong >= 2 and 100 * wrong > 2 * total)
        n, m = looks.window.evaluation_periods, looks.window.datapoints_to_alarm
        red += any(sum(over[max(0, end - n) : end]) >= m for end in range(1, len(over) + 1))
    return red / runs


def draws(mean: float, runs: int, random: Random) -> list[int]:
    counts = range(int(mean + 10 * math.sqrt(mean)) + 10)
    chances = [mean**k * math.exp(-mean) / math.factorial(k) for k in counts]
    return random.choices(counts, chances, k=runs)
