"""What a route is used for, by how many."""

from datetime import timedelta
from typing import Any

import aws_cdk as cdk
import pytest

from analysis.power import Parts, RateAlarm
from analysis.rules import CanaryWindows
from shadow_canary import Stage, Traffic, Window
from shadow_canary.metadata import add_metadata


def test_a_day_has_1440_minutes() -> None:
    assert Traffic.per_day(1_440_000, users=60_000).per_minute == 1_000


def test_less_than_a_request_a_minute_is_traffic_too() -> None:
    assert Traffic.per_day(144, users=1).per_minute == 0.1


@pytest.mark.parametrize("requests", [0, -1, float("nan"), float("inf")])
def test_fails_on_a_day_without_requests(requests: float) -> None:
    with pytest.raises(ValueError, match=rf"Traffic\.per_day\(100_000, .*; got {requests}"):
        Traffic.per_day(requests, users=1)


@pytest.mark.parametrize("users", [0, -5])
def test_fails_on_a_day_without_users(users: int) -> None:
    with pytest.raises(ValueError, match=rf"users of an ordinary day, 1 or more.*users={users}"):
        Traffic.per_day(1_000, users=users)


def test_who_reads_the_template_finds_the_traffic_that_was_expected() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    queue: Any = cdk.aws_sqs.Queue(stack, "Queue")
    traffic = Traffic.per_day(1_000, users=50)
    add_metadata(queue, Traffic.METADATA, traffic.to_metadata())
    found = queue.node.default_child.get_metadata(Traffic.METADATA)
    assert found == {"requests_per_day": 1_000, "users": 50, "trough": 0.25}
    assert Traffic.from_metadata(found) == traffic


@pytest.mark.parametrize(
    ("ceiling", "percent"),
    [
        (Stage.OFF, 1),
        (Stage.SHADOW, 1),
        (Stage.canary(percent=0.5), 0.5),
        (Stage.canary(percent=20), 1),
        (Stage.LIVE, 1),
        (Stage.COMPLETE, 1),
    ],
)
def test_a_canary_begins_with_one_percent_or_with_a_lower_ceiling(
    ceiling: Stage, percent: float
) -> None:
    traffic = Traffic.per_day(1_440_000, users=1_000, trough=1)
    assert traffic.of_first_users(ceiling.candidate_percent) == 10 * percent


@pytest.mark.parametrize("a_day", [100_000, 300_000, 500_000, 1_000_000])
def test_a_high_ceiling_blinds_no_alarm_to_the_first_percent_of_users(a_day: float) -> None:
    traffic = Traffic.per_day(a_day, users=10_000)
    window = Window.for_rate(
        traffic.of_first_users(Stage.LIVE.candidate_percent), within=timedelta(days=7)
    )
    alarm = RateAlarm(2, window)
    a_day_of_one_percent = alarm.periods([(1_440, traffic.per_minute / 100)])
    assert alarm.at_least(a_day_of_one_percent, Parts.of(20)) > 0.99


# The trough


@pytest.mark.parametrize("a_day", [20_000, 50_000, 200_000, 1_000_000])
def test_at_night_a_candidate_that_fails_every_request_is_seen_within_a_quarter_of_an_hour(
    a_day: float,
) -> None:
    traffic = Traffic.per_day(a_day, users=10_000)
    windows = CanaryWindows.for_exposure(traffic, 5, within=timedelta(days=7))
    alarm = RateAlarm(2, windows.mismatch_rate)
    night = alarm.periods([(13, traffic.per_minute / 4)])
    assert alarm.at_least(night, Parts.of(100)) > 0.99


def test_the_trough_is_a_quarter_of_the_mean_or_a_teams_own() -> None:
    assert Traffic.per_day(1_440_000, users=1).per_minute_at_trough == 250
    assert Traffic.per_day(1_440_000, users=1, trough=0.9).per_minute_at_trough == 900


def test_a_team_whose_day_is_even_has_the_windows_of_the_mean() -> None:
    uneven, even = (Traffic.per_day(50_000, users=500, trough=trough) for trough in (0.25, 1))
    windows = [CanaryWindows.for_exposure(t, 1, within=timedelta(days=7)) for t in (uneven, even)]
    assert [w.mismatch_rate.minutes for w in windows] == [60, 1]


@pytest.mark.parametrize("trough", [-0.1, 1.1, float("nan")])
def test_fails_on_a_trough_that_is_no_part_of_the_mean(trough: float) -> None:
    with pytest.raises(ValueError, match=rf"a part of the mean; got trough={trough}"):
        Traffic.per_day(1_000, users=50, trough=trough)
