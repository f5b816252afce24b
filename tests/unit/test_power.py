"""What an alarm can see of a canary is known before anything is deployed."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.power import FAILING_PERCENTS, RateAlarm, power_of_code, power_of_exposure
from analysis.power.distribution import chance_of_anybody, parts_held
from analysis.rules import Window
from analysis.traffic import Shift, Traffic
from tests.unit.alarms import rate_alarm

few = settings(max_examples=20)
TEN_MINUTES = Shift.canary(minutes=10, percent=1)

numbers: dict[str, Any] = {
    "threshold": st.floats(0.5, 20),
    "minimum": st.integers(1, 20),
    "failures": st.integers(1, 4),
}
rate_alarms = st.builds(rate_alarm, st.integers(1, 20), **numbers) | st.builds(
    rate_alarm, n=st.just(5), m=st.integers(1, 5), **numbers
)
percents = st.floats(0, 100)


def by_rule(a_minute: float, minutes: int) -> RateAlarm:
    window = Window.for_rate(a_minute, within=timedelta(minutes=minutes))
    return RateAlarm(2, window)


# Who is in the canary


def test_one_percent_of_50_users_is_nobody_in_60_of_100_cases() -> None:
    assert 1 - chance_of_anybody(50, 1) == pytest.approx(0.605, abs=0.0005)
    power = power_of_exposure(Traffic.per_day(1_000, users=50), 1, by_rule(0.007, 10_080), days=7)
    assert power.anybody == pytest.approx(0.395, abs=0.0005)
    assert power.anybody * power.share == pytest.approx(0.01)
    assert power.detection[100] <= power.anybody


@given(st.integers(1, 10**7), st.floats(0.01, 100))
def test_a_canary_holds_its_percentage_and_varies_as_coins_do(users: int, percent: float) -> None:
    held = parts_held(users, percent)
    share = percent / 100
    assert len(held) < 25
    assert sum(chance for chance, _ in held) == pytest.approx(1)
    assert sum(chance * part for chance, part in held) == pytest.approx(share, rel=0.01)
    variance = sum(chance * (part - share) ** 2 for chance, part in held)
    assert variance == pytest.approx(share * (1 - share) / users, rel=0.02, abs=1e-12)


# What is seen


def test_a_dead_version_of_a_quiet_route_is_not_seen_by_one_percent_in_ten_minutes() -> None:
    traffic = Traffic.per_day(1_000, users=50)
    power = power_of_code(traffic, TEN_MINUTES, by_rule(traffic.per_minute / 100, 10))
    assert max(power.detection.values()) < 0.001


def test_one_percent_of_a_million_a_day_sees_a_failure_of_20_percent_in_ten_minutes() -> None:
    traffic = Traffic.per_day(1_000_000, users=50_000)
    power = power_of_code(traffic, TEN_MINUTES, by_rule(traffic.per_minute / 100, 10))
    assert power.detection[20] > 0.99
    assert power.detection[1] < 0.2
    assert power.false_rollback < 0.005
    assert power.anybody == 1
    assert power.share == pytest.approx(0.01)


def test_all_at_once_sees_nothing_since_nothing_watches_a_version_that_has_all() -> None:
    power = power_of_code(Traffic.per_day(10**9, users=10**6), Shift.all_at_once(), rate_alarm())
    assert power.detection == dict.fromkeys(FAILING_PERCENTS, 0)
    assert (power.false_rollback, power.anybody, power.share) == (0, 0, 0)


def test_a_linear_shift_sees_more_than_its_first_step() -> None:
    traffic = Traffic.per_day(20_000, users=500)
    shifts = Shift.linear(minutes=1, percent=10), Shift.canary(minutes=1, percent=10)
    linear, first = (power_of_code(traffic, shift, rate_alarm(9)) for shift in shifts)
    assert linear.detection[20] > first.detection[20] + 0.5
    assert linear.share == pytest.approx(0.5)


def test_a_false_rollback_takes_the_whole_time_and_a_failure_its_first_day() -> None:
    traffic = Traffic.per_day(20_000, users=1_000)
    short, long = (power_of_exposure(traffic, 5, rate_alarm(60), days=days) for days in (1, 7))
    assert short.detection == long.detection
    assert 3 * short.false_rollback < long.false_rollback < 7 * short.false_rollback


# Always


@few
@given(rate_alarms, st.lists(st.tuples(st.integers(0, 20), st.floats(0, 30)), max_size=2), percents)
def test_a_chance_is_from_0_to_1_and_a_false_one_is_on_the_high_side(
    alarm: RateAlarm, minutes: list[tuple[int, float]], failing: float
) -> None:
    sees = alarm.detection(minutes, failing_percent=failing)
    errs = alarm.false_alarm(minutes, failing_percent=failing)
    assert 0 <= sees <= 1
    assert sees - 0.002 <= errs <= 1


@few
@given(rate_alarms, st.floats(0.01, 40), percents, percents)
def test_the_more_fails_the_likelier_it_is_seen(
    alarm: RateAlarm, a_minute: float, one: float, other: float
) -> None:
    less, more = (
        alarm.detection([(25, a_minute)], failing_percent=f) for f in sorted([one, other])
    )
    assert less <= more + 0.002


@few
@given(
    st.sampled_from([rate_alarm(10), rate_alarm(60), rate_alarm(1, m=3, n=5)]),
    st.floats(0.01, 40),
    st.floats(1, 3),
    st.sampled_from([20, 100]),
)
def test_more_traffic_or_a_larger_canary_sees_a_clear_failure_rather(
    alarm: RateAlarm, a_minute: float, times: float, failing: int
) -> None:
    less, more = (
        alarm.detection([(10, rate)], failing_percent=failing)
        for rate in (a_minute, times * a_minute)
    )
    assert less <= more + 0.002


@few
@given(rate_alarms, st.floats(0.01, 40), percents)
def test_a_longer_bake_sees_no_less(alarm: RateAlarm, a_minute: float, failing: float) -> None:
    short, long = (alarm.detection([(m, a_minute)], failing_percent=failing) for m in (10, 40))
    assert short <= long + 0.002


# Refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"threshold": 0}, "threshold_percent is a rate"),
        ({"threshold": float("nan")}, "threshold_percent is a rate"),
        ({"minimum": 0}, "minimum_requests counts requests, 1 or more"),
        ({"failures": 0}, "minimum_failures counts requests, 1 or more"),
        ({"minutes": 0}, "a window's period is whole minutes"),
        ({"m": 2}, "at most in all of them; got 2 of 1"),
    ],
)
def test_an_alarm_that_could_not_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rate_alarm(**change)


@pytest.mark.parametrize("failing", [-1, 100.1, float("nan")])
def test_a_failure_of_no_percentage_is_refused(failing: float) -> None:
    for tell in (rate_alarm().detection, rate_alarm().false_alarm):
        with pytest.raises(ValueError, match="failing_percent is from 0 to 100"):
            tell([(10, 1)], failing_percent=failing)


@pytest.mark.parametrize("run", [(-1, 1.0), (1, -1.0), (1, math.inf), (1, math.nan)])
def test_less_than_no_time_or_requests_are_refused(run: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match=r"minutes are how many, and the requests in each"):
        rate_alarm().detection([run], failing_percent=1)


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan])
def test_a_canary_of_no_percentage_is_refused(percent: float) -> None:
    traffic = Traffic.per_day(1_000, users=50)
    with pytest.raises(ValueError, match="a shift moves whole percents, from 1 to 99"):
        power_of_code(traffic, Shift.canary(minutes=10, percent=percent), rate_alarm())
    with pytest.raises(ValueError, match="a canary takes from 0 to 100 percent"):
        power_of_exposure(traffic, percent, rate_alarm(), days=7)


def test_a_flood_in_a_long_period_is_answered_at_once() -> None:
    hour = rate_alarm(60, failures=5)
    flood = [(10_080, 70_000.0)]
    assert hour.detection(flood, failing_percent=5) == pytest.approx(1)
    assert hour.false_alarm(flood, failing_percent=0.1) == pytest.approx(0)
