"""Every alarm of the sample, over ten bad minutes after which nobody asks for anything."""

import numpy as np
import pytest

from analysis.alarms import Alarm, Metric, State, ranges, sums
from tests.reading import Template

START, END = 60, 70
"""The minutes of the incident; then comes a night without a request."""

WHOLE = {"Requests", "Compared", "Invocations"}
"""What the others are a part of."""


def each_minute(metric: Metric) -> np.ndarray:
    """Datapoints of a metric: 50 requests a minute; all of the incident's are bad, and slow."""
    minutes = np.full(600, np.nan)
    is_control = ("Variant", "control") in metric.dimensions
    minutes[:START] = 50 if metric.name in WHOLE else np.nan
    minutes[START:END] = 50 if metric.name in WHOLE else 9_000
    if metric.name == "Latency" and is_control:
        minutes[:END] = 20
    return minutes


def points(metric: Metric, minutes: int) -> np.ndarray:
    """Sums, or the largest, of a period that slides from minute to minute."""
    each = each_minute(metric)
    if metric.statistic == "Sum":
        return sums(each, minutes)
    padded = np.concatenate([np.full(minutes - 1, np.nan), each])
    seen = np.lib.stride_tricks.sliding_window_view(padded, minutes)
    largest: np.ndarray = np.fmax.reduce(seen, axis=-1)
    return largest


def red(alarm: Alarm) -> list[int]:
    """The minutes at whose end it is red."""
    minutes = alarm.period // 60
    series = {id_: points(metric, minutes) for id_, metric in alarm.metrics.items()}
    values = alarm.formula.evaluate(series)
    states = alarm.states(ranges(values, minutes, alarm.evaluation_range))
    return [int(at) for at in np.flatnonzero(states == State.ALARM)]


def test_each_alarm_is_red_once_and_ok_again_when_its_window_has_passed(
    get_user: Template,
) -> None:
    alarms = Alarm.all_of(get_user)
    assert len(alarms) == 10
    for logical_id, alarm in alarms.items():
        if any(metric.namespace == "AWS/SQS" for metric in alarm.metrics.values()):
            continue  # a letter rests for days, and SQS counts it each minute
        if alarm.rule is not None and alarm.rule.name == "shadow-dead":
            continue  # a shadow that compares was never dead
        found = red(alarm)
        assert found, logical_id
        assert found == [*range(found[0], found[-1] + 1)], f"{logical_id} is red more than once"
        window = alarm.evaluation_periods * alarm.period // 60
        assert START <= found[0] < END + 1, logical_id
        assert found[-1] < END + window, logical_id


@pytest.mark.parametrize("metric", ["AsyncEventsDropped", "Errors"])
def test_a_metric_of_lambda_that_is_never_there_hides_no_failure(
    get_user: Template, metric: str
) -> None:
    for logical_id, alarm in Alarm.all_of(get_user).items():
        if not any(measured.name == metric for measured in alarm.metrics.values()):
            continue
        minutes = alarm.period // 60
        nothing = np.full(600, np.nan)
        series = {
            id_: nothing if measured.name == metric else points(measured, minutes)
            for id_, measured in alarm.metrics.items()
        }
        values = alarm.formula.evaluate(series)
        states = alarm.states(ranges(values, minutes, alarm.evaluation_range))
        assert (states == State.ALARM).any(), logical_id
