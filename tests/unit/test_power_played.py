"""What is played of an alarm's counts is what a rehearsal of the template shows, in two points.

The whole table, of 200 random settings, is in docs/rehearsal.md; `python -m bench.rehearsed` makes
it.
"""

import math
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from analysis.power import ExposureRates, Parts, RateAlarm, code_at_least
from analysis.power.counts import chance_of_anybody, ever_m_of_n
from analysis.power.played import Failure, code_seen, exposure_seen, first_red
from analysis.rules import CanaryWindows, Window
from analysis.simulation.canaries import SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from analysis.strategy import Strategy
from analysis.traffic import Shift, Traffic
from shadow_runtime.contract import Stage
from tests.unit.alarms import rate_alarm
from tests.unit.rollouts import rate_of, rollout

AT_ONCE = Strategy(minutes=0, growth_percent=100, bake_minutes=0)
MANY = np.ones(10_000)


class Setting(NamedTuple):
    """A launch: 240 minutes of it."""

    traffic: Traffic
    percent: float
    failure: Failure
    window: Window | None

    @classmethod
    def drawn(cls, seed: int) -> "Setting":
        draw = Random(seed)
        traffic = Traffic.per_day(10 ** draw.uniform(3, 8), users=int(10 ** draw.uniform(1, 5)))
        failure = Failure(
            draw.choice([1, 2, 5, 20, 100]),
            by_record=draw.random() < 0.5,
            unequal_users=draw.random() < 0.5,
        )
        minutes, periods = draw.choice([1, 5, 10, 60]), draw.choice([1, 2, 3, 5])
        window = Window(
            period=timedelta(minutes=minutes),
            evaluation_periods=periods,
            datapoints_to_alarm=draw.randint(1, periods),
            minimum_requests=draw.choice([3, 10, 50]),
        )
        return cls(traffic, draw.choice([1, 5, 20]), failure, draw.choice([None, window]))

    @property
    def scenario(self) -> Scenario:
        return Scenario(
            failing_percent=self.failure.percent,
            by_record=self.failure.by_record,
            unequal_users=self.failure.unequal_users,
            healthy_percent=0,
            rollouts=6_000,
            minutes=240,
        )


SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_launch_is_rehearsed_as_its_power_says(seed: int) -> None:
    traffic, percent, failure, given = setting = Setting.drawn(seed)
    windows = CanaryWindows.for_exposure(traffic, percent, within=timedelta(7), given=given)
    read = rollout(
        traffic=traffic,
        ErrorRate=rate_of("requests", windows.error_rate),
        FlagAge=rate_of("compared", windows.mismatch_rate),
        Subscription__Properties__FilterPolicy__AlarmName=[
            {"Ref": "ErrorRate"},
            {"Ref": "FlagAge"},
        ],
    )
    canary = SimulatedExposure(
        replace(read, ceiling=Stage.canary(percent=percent), raising=AT_ONCE), setting.scenario
    )
    rates = ExposureRates(RateAlarm(2, windows.error_rate), RateAlarm(2, windows.mismatch_rate))
    even = np.full(240, traffic.per_minute)
    seen = exposure_seen(even, traffic, percent, rates, failure)
    assert len(read.exposure_alarms) == 2
    assert seen.either == pytest.approx((simulate(canary).guard >= 0).mean(), abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_version_is_rehearsed_as_its_power_says(seed: int) -> None:
    traffic, percent, failure, given = setting = Setting.drawn(seed)
    shift = Shift.canary(minutes=30, percent=percent)
    window = CanaryWindows.for_code(traffic, shift, given=given).error_rate
    read = rollout(traffic=traffic, CodeAlarm=rate_of("invocations", window))
    canary = SimulatedCodeCanary(replace(read, shift=shift), replace(setting.scenario, minutes=30))
    seen = code_seen(traffic, shift, RateAlarm(2, window), failure)
    assert seen == pytest.approx((simulate(canary).guard >= 0).mean(), abs=0.02)
    if not (failure.by_record or failure.unequal_users):
        floor = code_at_least(traffic, shift, RateAlarm(2, window), failing_percent=failure.percent)
        assert floor < seen + 0.02


# By hand


def test_two_bad_requests_or_more_in_a_minute_are_1_minus_2_over_e() -> None:
    red_at = first_red(rate_alarm(minimum=2), np.ones(1), 0 * MANY, MANY, np.random.default_rng(0))
    assert np.isfinite(red_at).mean() == pytest.approx(1 - 2 / math.e, abs=0.015)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (3, 5)])
def test_m_of_n_minutes_are_played_as_the_chain_of_them_says(m: int, n: int) -> None:
    looks, requests = rate_alarm(m=m, n=n, threshold=50), np.full(120, 16.0)
    a_minute = rate_alarm(threshold=50).at_least([(1, 16.0)], Parts.of(30))
    red_at = first_red(looks, requests, 0.7 * MANY, 0.3 * MANY, np.random.default_rng(0))
    by_hand = ever_m_of_n([(120, a_minute)], m=m, n=n)
    assert np.isfinite(red_at).mean() == pytest.approx(by_hand, abs=0.015)


def test_rare_counts_are_played_as_often_as_they_are() -> None:
    """A bell that does not lean has half as many far above the mean: 0.16 instead of 0.28."""
    looks, requests = rate_alarm(threshold=3), np.full(240, 2_000.0)
    a_minute = looks.at_least([(1, 2_000.0)], Parts.of(2))
    red_at = first_red(looks, requests, 0.98 * MANY, 0.02 * MANY, np.random.default_rng(0))
    assert np.isfinite(red_at).mean() == pytest.approx(1 - (1 - a_minute) ** 240, abs=0.015)


def test_a_week_goes_on_as_its_first_day() -> None:
    looks, deaf = rate_alarm(threshold=70), rate_alarm(minimum=10**6)
    a_minute = looks.at_least([(1, 16.0)], Parts.of(20))
    seen = exposure_seen(
        np.full(1_440, 16.0),
        Traffic.per_day(23_040, users=1),
        100,
        ExposureRates(looks, deaf),
        Failure(20),
        minutes=10_080,
    )
    assert seen.errors == pytest.approx(1 - (1 - a_minute) ** 10_078, abs=0.02)
    assert 0.1 < seen.errors < 0.9


def test_a_long_period_slides_and_is_seen_more_often_than_by_whole_periods() -> None:
    hour, requests = rate_alarm(60), np.full(1_440, 1.0)
    red_at = first_red(hour, requests, 0.99 * MANY, 0.01 * MANY, np.random.default_rng(0))
    floor = hour.at_least(hour.periods([(1_440, 1.0)]), Parts.of(1))
    assert np.isfinite(red_at).mean() > floor + 0.02


def test_the_time_until_red_is_that_of_the_look() -> None:
    ten = rate_alarm(10, minimum=1, failures=1, threshold=1)
    red_at = first_red(ten, np.array([0, 0, 1e6, 0]), 0 * MANY, MANY, np.random.default_rng(0))
    assert (red_at == 3).all()


def test_of_few_users_that_always_fail_the_canary_mostly_holds_none() -> None:
    traffic, minutes = Traffic.per_day(100_000, users=50), np.full(1_440, 100_000 / 1_440)
    rates = ExposureRates(rate_alarm(60), rate_alarm(60))
    seen = exposure_seen(minutes, traffic, 1, rates, Failure(20, by_record=True))
    assert seen.errors == pytest.approx(chance_of_anybody(50, 1 * 0.2), abs=0.02)
    assert seen.mismatches > 0.99
    by_request = exposure_seen(minutes, traffic, 1, rates, Failure(20))
    assert by_request.errors == pytest.approx(chance_of_anybody(50, 1), abs=0.02)


def test_where_nobody_is_exposed_nothing_is_seen() -> None:
    rates = ExposureRates(rate_alarm(60), rate_alarm(60))
    seen = exposure_seen(np.ones(60), Traffic.per_day(1_440, users=9), 0, rates, Failure(100))
    assert (seen.errors, seen.mismatches, seen.either) == (0, 0, 0)


def test_a_flood_of_requests_is_answered_too() -> None:
    flood = np.full(1_440, 70_000.0)
    calm = first_red(rate_alarm(60), flood, 0.999 * MANY, 0.001 * MANY, np.random.default_rng(0))
    assert np.isinf(calm).all()


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan])
def test_a_failure_of_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="what fails is from 0 to 100 percent; got"):
        Failure(percent)
