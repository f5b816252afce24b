"""One incident is one alarm: red once, and back to OK when its window has passed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from analysis.alarms import Alarm, State, ranges, sums
from analysis.rules import Window
from shadow_canary import metrics
from shadow_runtime.contract import MetricName, Variant
from tests.unit.alarms import CANDIDATE, CONTROL, OURS, entry, resource

INCIDENT = 10
"""Minutes in which every request of the candidate fails, is slow, or is answered wrongly."""

SLOW_MS, FAST_MS = 900.0, 20.0

Series = np.ndarray
Minutes = Mapping[str, Series]
"""Datapoints of a minute, by the ids of the alarm's metrics; NaN is a missing one."""


def window(minutes: int, m: int = 1, n: int = 1, *, minimum: int = 3) -> Window:
    return Window(
        period=timedelta(minutes=minutes),
        evaluation_periods=n,
        datapoints_to_alarm=m,
        minimum_requests=minimum,
    )


def alarm_of(expression: str, of: Window, names: Mapping[str, str], threshold: float) -> Alarm:
    seconds = 60 * of.minutes
    measured = [
        entry(id_, OURS, name, CONTROL if "control" in id_ else CANDIDATE, stat, seconds)
        for id_, name in names.items()
        for stat in ["p95" if name == "Latency" else "Sum"]
    ]
    return Alarm.of(
        resource(
            expression,
            *measured,
            EvaluationPeriods=of.evaluation_periods,
            DatapointsToAlarm=of.datapoints_to_alarm,
            Threshold=threshold,
        )
    )


def rate(of: Window) -> Alarm:
    metric = metrics.variant_metric(MetricName.REQUESTS, Variant.CANDIDATE, route="get-user")
    using = {"asked": metric, "bad": metric}
    made = metrics.rate("%", failures="bad", requests="asked", window=of, using=using)
    return alarm_of(made.expression, of, {"asked": "Requests", "bad": "Faults"}, 2)


def latency_ratio(of: Window) -> Alarm:
    names = {
        "candidate": "Latency",
        "candidates": "Requests",
        "control": "Latency",
        "controls": "Requests",
    }
    metric = metrics.variant_metric(MetricName.LATENCY, Variant.CANDIDATE, route="get-user")
    using = dict.fromkeys(names, metric)
    made = metrics.latency_ratio("x", floor_ms=100, window=of, using=using)
    return alarm_of(made.expression, of, names, 3)


ALARMS: dict[str, Callable[[Window], Alarm]] = {"rate": rate, "latency ratio": latency_ratio}


@dataclass(frozen=True)
class Day:
    """What happens to a route: the incident begins at `start`; `back` is when users are back."""

    candidate: Series
    control: Series
    start: int
    back: float = math.inf

    def measured(self, period: int) -> Minutes:
        """What CloudWatch holds, in periods that slide from minute to minute."""
        now = np.arange(self.candidate.size)
        asked = np.where(now < self.back, self.candidate, 0)
        bad = np.where((now >= self.start) & (now < self.start + INCIDENT), asked, 0)
        asked, bad, controls = (sums(written(each), period) for each in (asked, bad, self.control))
        slow = np.nan_to_num(bad) > 0.05 * asked
        return {
            "asked": asked,
            "bad": bad,
            "candidates": asked,
            "controls": controls,
            "candidate": np.where(np.isnan(asked), np.nan, np.where(slow, SLOW_MS, FAST_MS)),
            "control": np.where(np.isnan(controls), np.nan, FAST_MS),
        }

    def red(self, alarm: Alarm) -> Series:
        """The minutes at whose end the alarm is red."""
        period = alarm.period // 60
        points = alarm.formula.evaluate(self.measured(period))
        states = alarm.states(ranges(points, period, alarm.evaluation_range))
        found: Series = np.flatnonzero(states == State.ALARM)
        return found

    def rolled_back(self, alarm: Alarm) -> "Day":
        """The same, with users back on control a minute after the first red one."""
        red = self.red(alarm)
        back = red[0] + 1 if red.size else math.inf
        return Day(self.candidate, self.control, self.start, back)


def written(counts: Series) -> Series:
    return np.where(counts > 0, counts, np.nan)


def turned(red: Series) -> list[int]:
    """The minutes at which it turned red."""
    return [int(at) for at in red if at - 1 not in red]


def memory(alarm: Alarm) -> int:
    """Minutes after the last failure by which it is OK again."""
    period = alarm.period // 60
    beyond = 0 if period > 2 else 2 * period
    return alarm.evaluation_periods * period + beyond


WINDOWS = {
    "3 of 5 minutes": window(1, 3, 5),
    "a minute": window(1),
    "5 minutes": window(5),
    "15 minutes": window(15),
    "an hour": window(60),
    "6 hours": window(360),
    "a day": window(1_440),
    "7 days": window(10_080),
}
TRAFFIC = {
    "each minute": (5, 50),
    "an hour's one request of control": (5, 1 / 60),
    "nobody on control": (5, 0),
}


@pytest.mark.parametrize("kind", ALARMS)
@pytest.mark.parametrize("minutes", WINDOWS)
@pytest.mark.parametrize("beside", TRAFFIC)
def test_ten_failing_minutes_are_red_once_and_gone_with_their_window(
    kind: str, minutes: str, beside: str
) -> None:
    of = WINDOWS[minutes]
    alarm = ALARMS[kind](of)
    candidate, control = TRAFFIC[beside]
    long = 4 * of.evaluation_periods * of.minutes + 300
    every = round(1 / control) if 0 < control < 1 else 1
    now = np.arange(long)
    at_control = np.where(now % every == 0, math.ceil(control), 0)
    at_control[: 100 + INCIDENT] = 50  # until then the night has not come
    at_candidate = np.where(now >= 99, candidate, 0)
    day = Day(at_candidate, at_control, start=100).rolled_back(alarm)
    red = day.red(alarm)
    assert len(turned(red)) == 1, turned(red)
    assert red[0] <= 100 + INCIDENT
    assert red[-1] < day.back - 1 + memory(alarm)


def test_an_expression_without_a_value_echoes_twice() -> None:
    """Which is what CloudWatch makes of it where periods are empty after a rollback."""
    hour = window(60, minimum=10)
    plain = alarm_of(
        "IF(asked >= 10 AND bad >= 2, 100 * bad / asked, 0)",
        hour,
        {"asked": "Requests", "bad": "Faults"},
        2,
    )
    day = Day(np.full(400, 3), np.full(400, 50), start=0).rolled_back(plain)
    assert len(turned(day.red(plain))) == 3
    assert len(turned(day.red(rate(hour)))) == 1


counts = st.lists(st.integers(0, 12), min_size=1, max_size=40)
windows = st.one_of(
    st.builds(window, st.integers(3, 10_080), minimum=st.integers(1, 20)),
    st.integers(1, 10).flatmap(
        lambda n: st.builds(
            window, st.just(1), st.integers(1, n), st.just(n), minimum=st.integers(1, 20)
        )
    ),
    st.integers(2, 4).flatmap(
        lambda n: st.builds(
            window, st.integers(3, 60), st.just(n), st.just(n), minimum=st.integers(1, 20)
        )
    ),
)


@pytest.mark.parametrize("kind", ALARMS)
@settings(max_examples=75)
@given(
    of=windows,
    candidate=counts,
    control=counts,
    quiet=st.integers(0, 30),
    sparse=st.integers(1, 90),
    before=st.integers(0, 200),
)
def test_one_incident_turns_an_alarm_red_once_whatever_the_window_and_the_traffic(
    kind: str,
    of: Window,
    candidate: list[int],
    control: list[int],
    quiet: int,
    sparse: int,
    before: int,
) -> None:
    alarm = ALARMS[kind](of)
    long = before + INCIDENT + 4 * alarm.evaluation_periods * of.minutes + 100
    now = np.arange(long)
    at_candidate, at_control = (np.resize(each, long) for each in (candidate, control))
    at_control = np.where((now % sparse == 0) & (now > before + quiet), at_control, 0)
    day = Day(at_candidate, at_control, start=before).rolled_back(alarm)
    red = day.red(alarm)
    event(f"turned red {len(turned(red))} times")
    assert len(turned(red)) <= 1
    if red.size:
        last_bad = min(day.back - 1, before + INCIDENT - 1)
        assert red[-1] < max(last_bad + memory(alarm), red[0] + 1)


# A raise in a green gap


def looked(alarm: Alarm, good: list[int], bad: list[int]) -> Series:
    """At the end of each minute whether it is red."""
    counts = {"asked": np.add(good, bad), "bad": np.array(bad)}
    period = alarm.period // 60
    series = {id_: sums(written(each), period) for id_, each in counts.items()}
    points = alarm.formula.evaluate(series)
    found: Series = alarm.states(ranges(points, period, alarm.evaluation_range)) == State.ALARM
    return found


minutes = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=60)
periods = st.sampled_from([3, 5, 10, 15, 60])
single = st.one_of(
    st.builds(window, periods, minimum=st.integers(1, 20)),
    st.builds(window, st.just(1), st.just(3), st.just(5), minimum=st.integers(1, 20)),
)


@given(of=windows, before=minutes, more=st.lists(st.integers(0, 30), min_size=60, max_size=60))
def test_a_good_request_more_never_turns_an_alarm_of_a_rate_red(
    of: Window, before: list[tuple[int, int]], more: list[int]
) -> None:
    good, bad = ([*each] for each in zip(*before, strict=True))
    fewer = looked(rate(of), good, bad)
    added = looked(rate(of), [*np.add(good, more[: len(good)])], bad)
    assert not (added & ~fewer).any()


@given(of=single, before=minutes, more=st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_a_raise_in_a_green_gap_is_never_undone_by_failures_from_before_it(
    of: Window, before: list[tuple[int, int]], more: list[int]
) -> None:
    """Where no fewer users come than before: good requests that leave first are another thing."""
    good, bad = ([*each] for each in zip(*before, strict=True))
    busiest = int(np.add(good, bad).max())
    red = looked(rate(of), [*good, *(busiest + each for each in more)], [*bad, *(0 for _ in more)])
    event(f"red at the raise: {red[len(good) - 1]}")
    if not red[len(good) - 1]:
        assert not red[len(good) :].any()


def test_over_the_requests_there_are_a_raise_would_be_undone() -> None:
    """As it was: a rate of a few requests was no evidence, until healthy ones joined them."""
    hour = window(60, minimum=10)
    plain = alarm_of(
        "IF(asked + TIME_SERIES(0) >= 10 AND bad >= 2, 100 * bad / asked, 0)",
        hour,
        {"asked": "Requests", "bad": "Faults"},
        2,
    )
    good, bad = [0, 0, 0, 20], [0, 5, 0, 0]
    assert looked(plain, good, bad).tolist() == [False, False, False, True]
    assert looked(rate(hour), good, bad).tolist() == [False, True, True, True]
