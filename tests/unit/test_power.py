"""What an alarm sees of a canary at least is known before anything is deployed."""

import math
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.power import (
    ExposureRates,
    Parts,
    RateAlarm,
    code_at_least,
    underpowered_code,
    underpowered_exposure,
)
from analysis.power.counts import chance_of_anybody, parts_held
from analysis.rules import CanaryWindows, Window
from analysis.traffic import Shift, Traffic
from tests.unit.alarms import rate_alarm

few = settings(max_examples=50)
QUIET = Traffic.per_day(1_000, users=50)
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


def sees(alarm: RateAlarm, minutes: list[tuple[int, float]], failing: float) -> float:
    return alarm.at_least(alarm.periods(minutes), Parts.of(failing))


def by_rule(traffic: Traffic, shift: Shift) -> RateAlarm:
    return RateAlarm(2, CanaryWindows.for_code(traffic, shift).error_rate)


def of_users(traffic: Traffic, percent: float, *, window: Window | None = None) -> ExposureRates:
    windows = CanaryWindows.for_exposure(traffic, percent, within=timedelta(days=7), given=window)
    return ExposureRates(RateAlarm(2, windows.error_rate), RateAlarm(2, windows.mismatch_rate))


# Who is in the canary


def test_one_percent_of_50_users_is_nobody_in_60_of_100_cases() -> None:
    assert 1 - chance_of_anybody(50, 1) == pytest.approx(0.605, abs=0.0005)


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
    looks = by_rule(QUIET, TEN_MINUTES)
    assert code_at_least(QUIET, TEN_MINUTES, looks, failing_percent=100) < 0.002


def test_one_percent_of_a_million_a_day_sees_a_failure_of_20_percent_in_ten_minutes() -> None:
    busy = Traffic.per_day(1_000_000, users=50_000)
    looks = by_rule(busy, TEN_MINUTES)
    assert code_at_least(busy, TEN_MINUTES, looks, failing_percent=20) > 0.98
    assert code_at_least(busy, TEN_MINUTES, looks, failing_percent=1) < 0.2


def test_all_at_once_sees_nothing_since_nothing_watches_a_version_that_has_all() -> None:
    traffic, at_once = Traffic.per_day(10**9, users=10**6), Shift.all_at_once()
    assert code_at_least(traffic, at_once, rate_alarm(), failing_percent=100) == 0


def test_of_a_shift_of_ten_minutes_an_alarm_sees_eight_as_datapoints_are_late() -> None:
    traffic = Traffic.per_day(1_440_000, users=1_000)
    looks = rate_alarm(10, minimum=20)
    of_eight = sees(looks, [(8, 10.0)], 20)
    assert code_at_least(traffic, TEN_MINUTES, looks, failing_percent=20) == of_eight
    assert of_eight < sees(looks, [(10, 10.0)], 20)
    too_short = Shift.canary(minutes=2, percent=50)
    assert code_at_least(traffic, too_short, rate_alarm(), failing_percent=100) == 0


def test_a_linear_shift_sees_more_than_its_first_step() -> None:
    traffic = Traffic.per_day(10_000, users=500)
    shifts = Shift.linear(minutes=1, percent=10), Shift.canary(minutes=9, percent=10)
    linear, first = (
        code_at_least(traffic, shift, rate_alarm(9), failing_percent=20) for shift in shifts
    )
    assert linear > first + 0.5


def test_several_periods_that_slide_are_looked_at_before_they_are_whole() -> None:
    three_of_five_minutes = rate_alarm(5, m=3, n=3)
    assert sees(three_of_five_minutes, [(13, 100.0)], 100) == pytest.approx(1)
    assert sees(three_of_five_minutes, [(10, 100.0)], 100) == 0


@pytest.mark.parametrize(("m", "n"), [(3, 6), (100, 288), (288, 288)])
def test_of_many_periods_the_last_ones_are_looked_at(m: int, n: int) -> None:
    looks = rate_alarm(5, m=m, n=n)
    assert sees(looks, [(5 * m, 100.0)], 100) == pytest.approx(1)
    assert sees(looks, [(5 * (m - 1), 100.0)], 100) == 0


def test_copies_tell_of_a_candidate_whose_canary_may_hold_nobody() -> None:
    looks = of_users(QUIET, 1)
    assert looks.at_least(QUIET, 1, failing_percent=100) > 0.99
    deaf = ExposureRates(looks.errors, rate_alarm(minimum=10**6))
    assert deaf.at_least(QUIET, 1, failing_percent=100) < chance_of_anybody(50, 1)


def test_where_all_users_are_on_the_candidate_there_are_no_copies_of_it() -> None:
    deaf = ExposureRates(rate_alarm(minimum=10**6), of_users(QUIET, 100).mismatches)
    assert deaf.at_least(QUIET, 100, failing_percent=100) == 0


# Always


@few
@given(rate_alarms, st.lists(st.tuples(st.integers(0, 20), st.floats(0, 30)), max_size=2), percents)
def test_a_chance_is_from_0_to_1(
    alarm: RateAlarm, minutes: list[tuple[int, float]], failing: float
) -> None:
    assert 0 <= sees(alarm, minutes, failing) <= 1


@few
@given(rate_alarms, st.floats(0.01, 40), percents, percents)
def test_the_more_fails_the_likelier_it_is_seen(
    alarm: RateAlarm, a_minute: float, one: float, other: float
) -> None:
    less, more = (sees(alarm, [(25, a_minute)], failing) for failing in sorted([one, other]))
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
    less, more = (sees(alarm, [(10, rate)], failing) for rate in (a_minute, times * a_minute))
    assert less <= more + 0.01


@pytest.mark.parametrize("seed", range(100))
def test_what_synthesis_computes_is_little_whatever_the_traffic_and_the_window(seed: int) -> None:
    """In calls, which are as many on any machine: 200,000 of them took 15 ms."""
    drawn = random.Random(seed)
    traffic = Traffic.per_day(10 ** drawn.uniform(1, 8), users=int(10 ** drawn.uniform(0, 6)))
    window = drawn.choice([None, _any_window(drawn)])
    shift = drawn.choice(
        [
            Shift.canary(minutes=drawn.choice([1, 10, 2_880]), percent=drawn.choice([1, 50])),
            Shift.linear(minutes=drawn.choice([1, 10, 29]), percent=drawn.choice([1, 10])),
        ]
    )
    percent, within = drawn.choice([0.1, 1, 5, 20, 100]), timedelta(days=7)
    alarm = RateAlarm(2, CanaryWindows.for_code(traffic, shift, given=window).error_rate)
    users = of_users(traffic, percent, window=window)
    calls = _calls(
        lambda: (
            underpowered_code(alarm, traffic, shift, given=window),
            underpowered_exposure(users, traffic, percent, within=within, given=window),
        )
    )
    assert calls < 200_000


def _any_window(drawn: random.Random) -> Window:
    minutes = drawn.choice([1, 5, 10, 60, 360])
    most = 1_440 // minutes if minutes < 60 else 10_080 // minutes
    periods = drawn.choice([1, 2, 3, 5, 8, 20, most])
    return Window(
        period=timedelta(minutes=minutes),
        evaluation_periods=periods,
        datapoints_to_alarm=drawn.randint(1, periods),
        minimum_requests=drawn.choice([1, 10, 1_000, 100_000]),
        minimum_failures=drawn.choice([1, 2, 50, 5_000]),
    )


def _calls(compute: Callable[[], object]) -> int:
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        compute()
    finally:
        sys.setprofile(None)
    return calls


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
    with pytest.raises(ValueError, match="failing_percent is from 0 to 100"):
        Parts.of(failing)


@pytest.mark.parametrize("run", [(-1, 1.0), (1, -1.0), (1, math.inf), (1, math.nan)])
def test_less_than_no_time_or_requests_are_refused(run: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match=r"minutes are how many, and the requests in each"):
        rate_alarm().periods([run])


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan])
def test_a_canary_of_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="a shift moves whole percents, from 1 to 99"):
        Shift.canary(minutes=10, percent=percent)
    with pytest.raises(ValueError, match="a canary takes from 0 to 100 percent"):
        of_users(QUIET, 1).at_least(QUIET, percent, failing_percent=20)
