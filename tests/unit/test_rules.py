"""An alarm's rule stands in the template, and says what its power is computed from."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.power import RateAlarm
from analysis.rules import AlarmAction, AlarmKind, AlarmRule, Window
from tests.unit.alarms import rule

RULE = AlarmRule.from_metadata(rule("code-error-rate")[AlarmRule.METADATA])

windows = st.integers(1, 5).flatmap(
    lambda n: st.builds(
        Window,
        period=st.integers(1, 1_440).map(lambda minutes: timedelta(minutes=minutes)),
        evaluation_periods=st.just(n),
        datapoints_to_alarm=st.integers(1, n),
        minimum_requests=st.integers(1, 100),
        minimum_failures=st.integers(1, 10),
    )
)


@given(windows, st.sampled_from(AlarmKind), st.sampled_from(AlarmAction), st.floats(0, 1_000))
def test_a_rule_is_read_back_as_it_was_written(
    window: Window, kind: AlarmKind, action: AlarmAction, threshold: float
) -> None:
    written = replace(RULE, window=window, kind=kind, action=action, threshold=threshold)
    assert AlarmRule.from_metadata(written.to_metadata()) == written


def test_the_power_of_an_alarm_is_that_of_its_own_numbers() -> None:
    alarm = RateAlarm.of(RULE)
    assert alarm.threshold_percent == 2
    assert (alarm.window.minimum_requests, alarm.window.minimum_failures) == (10, 2)
    periods = alarm.window.minutes, alarm.window.evaluation_periods
    assert (*periods, alarm.window.datapoints_to_alarm) == (1, 5, 3)


@pytest.mark.parametrize("kind", [kind for kind in AlarmKind if kind is not AlarmKind.RATE])
def test_the_power_of_anything_but_a_rate_is_not_made_up(kind: AlarmKind) -> None:
    with pytest.raises(ValueError, match="code-error-rate is no rate"):
        RateAlarm.of(replace(RULE, kind=kind))
