"""An alarm turns red in a rehearsal in the minute in which CloudWatch would turn it."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from analysis.alarms import Alarm
from analysis.simulation.metrics import (
    Latencies,
    Latency,
    SimulatedMetrics,
    by_route,
    first_red,
    some_of,
    sum_until,
    written,
)
from analysis.simulation.scenario import RehearsalError
from shadow_runtime.contract import MetricName
from tests.unit.rollouts import error_rate

REQUESTS = by_route(MetricName.REQUESTS, "get-user", Variant="candidate")
FAULTS = by_route(MetricName.FAULTS, "get-user", Variant="candidate")
Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(7)


def recorded(requests: np.ndarray, faults: np.ndarray) -> SimulatedMetrics:
    points = {REQUESTS: written(requests), FAULTS: written(faults)}
    return SimulatedMetrics(points, {}, np.random.default_rng(7))


@pytest.mark.parametrize("every", [1, 3], ids=["each minute", "each third"])
@pytest.mark.parametrize("a_minute", [0.3, 4, 30])
@pytest.mark.parametrize(("minutes", "n", "m"), [(1, 5, 3), (10, 1, 1), (3, 3, 2), (60, 1, 1)])
def test_thousands_at_once_turn_red_when_one_by_one_would(
    rng: Rng, every: int, a_minute: float, minutes: int, n: int, m: int
) -> None:
    alarm = Alarm.of(error_rate(period=60 * minutes, EvaluationPeriods=n, DatapointsToAlarm=m))
    requests = rng.poisson(a_minute, (200, 40)) * (np.arange(40) % every == 0)
    faults = some_of(rng, requests, 0.05)
    found = recorded(requests, faults).first_red("error-rate", alarm)
    assert found.tolist() == [
        one_by_one(list(all_), list(bad), minutes, n, m)
        for all_, bad in zip(requests, faults, strict=True)
    ]
    assert a_minute < 30 or np.isfinite(found).mean() > 0.1


def one_by_one(
    requests: Sequence[int], faults: Sequence[int], minutes: int, n: int, m: int
) -> float:
    """Each minute the newest `n` periods that hold a request, of the last `n` + 2."""
    for minute in range(len(requests)):
        over = []
        for back in range(n + 2):
            end = minute + 1 - back * minutes
            period = slice(max(0, end - minutes), max(0, end))
            total, bad = sum(requests[period]), sum(faults[period])
            if total:
                over.append(bad >= 2 and 100 * bad > 2 * max(total, 10))
        if sum(over[:n]) >= m:
            return minute
    return math.inf


def test_the_first_of_several_guards_acts_and_only_in_time() -> None:
    requests, faults = np.full((2, 8), 100), np.zeros((2, 8), int)
    faults[0, 2:] = 50
    slow = Alarm.of(error_rate())
    quick = Alarm.of(error_rate(EvaluationPeriods=1, DatapointsToAlarm=1))
    alarms = {"slow": slow, "quick": quick}
    found = first_red(alarms, recorded(requests, faults), delay=2, until=8)
    assert found.guard.tolist() == [1, -1]
    assert found.red_at.tolist() == [5, math.inf]
    late = first_red(alarms, recorded(requests, faults), delay=2, until=4)
    assert late.guard.tolist() == [-1, -1]


def test_of_two_guards_at_once_the_first_of_the_template_is_named() -> None:
    requests, faults = np.full((1, 4), 100), np.full((1, 4), 50)
    quick = Alarm.of(error_rate(EvaluationPeriods=1, DatapointsToAlarm=1))
    found = first_red({"a": quick, "b": quick}, recorded(requests, faults), delay=0, until=4)
    assert found.guard.tolist() == [0]


def test_what_was_done_until_then_counts_a_begun_minute_in_part() -> None:
    counts = np.array([[1, 2, 4], [1, 2, 4], [1, 2, 4]])
    assert sum_until(counts, np.array([2, 2.25, np.inf])).tolist() == [3, 4, 7]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            {"MetricName": "Throttles"},
            "error-rate looks at Sum of ShadowCanary Throttles",
        ),
        ({"Namespace": "AWS/Lambda"}, "error-rate looks at Sum of AWS/Lambda Requests"),
        ({"Dimensions": []}, r"error-rate looks at Sum of ShadowCanary Requests \(\)"),
    ],
)
def test_a_metric_that_is_not_played_is_refused_by_its_name(
    metric: dict[str, object], words: str
) -> None:
    resource = error_rate()
    resource["Properties"]["Metrics"][1]["MetricStat"]["Metric"] |= metric
    nothing = np.zeros((1, 1), int)
    with pytest.raises(RehearsalError, match=words):
        recorded(nothing, nothing).first_red("error-rate", Alarm.of(resource))


def test_a_statistic_that_is_not_played_is_refused_by_its_name() -> None:
    resource = error_rate()
    resource["Properties"]["Metrics"][1]["MetricStat"]["Stat"] = "Average"
    nothing = np.zeros((1, 1), int)
    with pytest.raises(RehearsalError, match="Average of ShadowCanary Requests"):
        recorded(nothing, nothing).first_red("error-rate", Alarm.of(resource))


def test_a_period_of_seconds_is_refused() -> None:
    nothing = np.zeros((1, 1), int)
    with pytest.raises(RehearsalError, match="error-rate has a period of 10 s"):
        recorded(nothing, nothing).first_red("error-rate", Alarm.of(error_rate(period=10)))


# Percentiles


@pytest.mark.parametrize(("requests", "within"), [(50, 0.15), (200, 0.05), (2_000, 0.02)])
def test_a_percentile_is_off_by_chance_as_that_of_a_sample_is(
    rng: Rng, requests: int, within: float
) -> None:
    usual = Latencies.around(p50_ms=40, p95_ms=110)
    played = Latency(np.full((4_000, 1), requests), np.zeros((4_000, 1), int), usual)
    samples = rng.lognormal(usual.mean, usual.deviation, (4_000, requests))
    same_quantiles(played, samples, rng, within=within)


@pytest.mark.parametrize("slow", [3, 20, 100])
def test_a_few_slow_requests_move_the_percentile_as_in_a_sample(rng: Rng, slow: int) -> None:
    both = Latencies.around(p50_ms=40, p95_ms=110, slow_times=5, most_ms=300)
    played = Latency(np.full((4_000, 1), 200), np.full((4_000, 1), slow), both)
    samples = rng.lognormal(both.mean, both.deviation, (4_000, 200))
    samples[:, :slow] *= 5
    same_quantiles(played, np.minimum(samples, 300), rng, within=0.12)


def same_quantiles(played: Latency, samples: np.ndarray, rng: Rng, *, within: float) -> None:
    found = played.percentile(0.95, 1, rng)[:, 0]
    drawn = np.percentile(samples, 95, axis=1)
    for level in (10, 50, 90):
        assert np.percentile(found, level) == pytest.approx(
            np.percentile(drawn, level), rel=within
        ), level


def test_a_percentile_of_nothing_is_no_datapoint(rng: Rng) -> None:
    usual = Latencies.around(p50_ms=40, p95_ms=110)
    requests = np.array([[0, 5, 0, 0]])
    points = Latency(requests, 0 * requests, usual).percentile(0.95, 2, rng)
    assert np.isnan(points).tolist() == [[True, False, False, True]]


def test_a_share_is_over_a_bound_as_the_distribution_says() -> None:
    usual = Latencies.around(p50_ms=40, p95_ms=110)
    assert usual.over(110) == pytest.approx(0.05)
    five_times = Latencies.around(p50_ms=40, p95_ms=110, slow_times=5)
    assert five_times.over(200) == pytest.approx(0.5)
