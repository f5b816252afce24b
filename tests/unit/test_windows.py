"""When an alarm looks, and at how much: the rule by traffic, and what goes before it."""

from datetime import timedelta
from typing import Any

import pytest

from analysis.rules import Window
from analysis.traffic import Traffic

WEEK = timedelta(days=7)
BAKE = timedelta(minutes=10)


def a_minute(a_day: float, percent: float) -> float:
    return Traffic.per_day(a_day, users=1).per_minute * percent / 100


def window(**changed: Any) -> Window:
    good: dict[str, Any] = {
        "period": timedelta(minutes=1),
        "evaluation_periods": 5,
        "datapoints_to_alarm": 3,
        "minimum_requests": 10,
    }
    return Window(**{**good, **changed})


@pytest.mark.parametrize(
    ("a_day", "percent", "words"),
    [
        (1_000, 1, "a day with 5 requests or more"),
        (1_000, 5, "a day with 10 requests or more"),
        (1_000, 100, "an hour with 10 requests or more"),
        (10_000, 1, "6 hours with 10 requests or more"),
        (10_000, 5, "an hour with 10 requests or more"),
        (10_000, 100, "an hour with 10 requests or more"),
        (100_000, 1, "an hour with 10 requests or more"),
        (100_000, 5, "an hour with 10 requests or more"),
        (100_000, 100, "3 of 5 minutes with 10 requests or more"),
        (1_000_000, 1, "an hour with 10 requests or more"),
        (1_000_000, 5, "3 of 5 minutes with 10 requests or more"),
        (1_000_000, 100, "3 of 5 minutes with 10 requests or more"),
        (10_000_000, 1, "3 of 5 minutes with 10 requests or more"),
        (10_000_000, 5, "3 of 5 minutes with 10 requests or more"),
        (10_000_000, 100, "3 of 5 minutes with 10 requests or more"),
    ],
)
def test_a_share_is_looked_at_for_as_long_as_it_takes_to_see_20_requests(
    a_day: float, percent: float, words: str
) -> None:
    assert Window.for_rate(a_minute(a_day, percent), within=WEEK).description == words


@pytest.mark.parametrize(
    ("a_day", "percent", "words"),
    [
        (10_000, 1, "a day with 50 requests or more"),
        (10_000, 5, "6 hours with 50 requests or more"),
        (10_000, 100, "an hour with 50 requests or more"),
        (1_000_000, 1, "an hour with 50 requests or more"),
        (10_000_000, 1, "an hour with 50 requests or more"),
        (10_000_000, 5, "3 of 5 minutes with 50 requests or more"),
    ],
)
def test_a_percentile_is_looked_at_for_as_long_as_it_takes_to_see_100_requests(
    a_day: float, percent: float, words: str
) -> None:
    assert Window.for_percentile(a_minute(a_day, percent), within=WEEK).description == words


@pytest.mark.parametrize(
    ("a_day", "percent", "words"),
    [
        (1_000_000, 1, "10 minutes with 10 requests or more"),
        (100_000, 1, "10 minutes with 3 requests or more"),
        (10_000_000, 1, "3 of 5 minutes with 10 requests or more"),
    ],
)
def test_a_code_canary_is_looked_at_for_as_long_as_it_takes_at_most(
    a_day: float, percent: float, words: str
) -> None:
    assert Window.for_rate(a_minute(a_day, percent), within=BAKE).description == words


@pytest.mark.parametrize("minutes", [1, 2, 4])
def test_what_ends_before_five_minutes_is_one_period_so_that_it_can_be_red_in_time(
    minutes: int,
) -> None:
    found = Window.for_rate(1_000, within=timedelta(minutes=minutes))
    assert found.minutes == minutes
    assert (found.evaluation_periods, found.datapoints_to_alarm) == (1, 1)


def test_no_period_is_longer_than_the_day_that_cloudwatch_allows() -> None:
    assert Window.for_rate(0.001, within=WEEK).period == timedelta(days=1)


def test_one_bad_request_is_an_accident() -> None:
    assert window().minimum_failures == 2
    assert Window.for_rate(1_000, within=WEEK).minimum_failures == 2


@pytest.mark.parametrize(
    ("a_day", "minimum", "minimum_failures"), [(100_000, 10, 5), (1_000, 5, 2), (100, 3, 2)]
)
def test_where_one_period_decides_half_of_its_minimum_must_be_bad(
    a_day: float, minimum: int, minimum_failures: int
) -> None:
    found = Window.for_rate(a_minute(a_day, 1), within=WEEK)
    assert (found.minimum_requests, found.minimum_failures) == (minimum, minimum_failures)


def test_where_nobody_is_expected_three_requests_are_enough() -> None:
    assert Window.for_rate(0, within=WEEK).description == "a day with 3 requests or more"


def test_where_nothing_bakes_there_is_a_window_still() -> None:
    assert Window.for_rate(0.5, within=timedelta(minutes=0)).description == (
        "a minute with 3 requests or more"
    )


def test_several_periods_are_told_with_their_length() -> None:
    given = window(period=timedelta(minutes=5), evaluation_periods=3, datapoints_to_alarm=2)
    assert given.description == "2 of 3 periods of 5 minutes with 10 requests or more"


@pytest.mark.parametrize("seconds", [0, 30, 90])
def test_fails_on_a_period_that_is_not_whole_minutes(seconds: int) -> None:
    with pytest.raises(ValueError, match=rf"whole minutes; got {seconds} seconds"):
        window(period=timedelta(seconds=seconds))


@pytest.mark.parametrize("datapoints", [0, 6])
def test_fails_on_a_window_that_is_red_in_none_of_its_periods_or_in_more(datapoints: int) -> None:
    with pytest.raises(ValueError, match=rf"at most in all of them; got {datapoints} of 5"):
        window(datapoints_to_alarm=datapoints)


@pytest.mark.parametrize(
    ("minutes", "most"),
    [(1, 1_440), (5, 288), (59, 24), (60, 168), (61, 165), (1_440, 7), (10_080, 1)],
)
def test_fails_on_a_window_that_looks_back_further_than_cloudwatch_does(
    minutes: int, most: int
) -> None:
    period = timedelta(minutes=minutes)
    longest = window(period=period, evaluation_periods=most, datapoints_to_alarm=1)
    assert longest.evaluation_periods == most
    hours = 24 if minutes < 60 else 168
    with pytest.raises(ValueError, match=rf"looks back {hours} hours .*; got {most + 1} of them"):
        window(period=period, evaluation_periods=most + 1, datapoints_to_alarm=1)


@pytest.mark.parametrize(
    "name",
    ["evaluation_periods", "datapoints_to_alarm", "minimum_requests", "minimum_failures"],
)
@pytest.mark.parametrize("count", [2.5, float("nan"), "3"])
def test_fails_on_a_window_with_a_count_that_is_not_whole(name: str, count: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} is a whole number; got {count!r}"):
        window(**{name: count})


@pytest.mark.parametrize("name", ["minimum_requests", "minimum_failures"])
@pytest.mark.parametrize("requests", [0, -1])
def test_fails_on_a_window_that_needs_no_request(name: str, requests: int) -> None:
    with pytest.raises(ValueError, match=rf"{name} counts requests, 1 or more; got {requests}"):
        window(**{name: requests})
