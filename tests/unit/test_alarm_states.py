"""Alarms turn as CloudWatch's guide says: datapoints of an evaluation range, and the state."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.alarms import Alarm, ComparisonOperator, State, TreatMissing, ranges, sums
from tests.unit.alarms import error_rate


def rule(
    m: int, n: int, treat_missing: TreatMissing = TreatMissing.NOT_BREACHING, threshold: float = 2
) -> Alarm:
    return replace(
        error_rate(),
        evaluation_periods=n,
        datapoints_to_alarm=m,
        threshold=threshold,
        comparison=ComparisonOperator.GREATER,
        treat_missing=treat_missing,
    )


def state(of: Alarm, pattern: str) -> str:
    """`0` is within the threshold, `X` over it, `-` missing; the newest comes last."""
    values = {"0": 0.0, "X": 9.0, "-": math.nan}
    [number] = of.states(np.array([[values[point] for point in pattern.split()]]))
    return State(number).name


@pytest.mark.parametrize(
    ("m", "pattern", "missing", "breaching", "not_breaching"),
    [
        (3, "0 - X - X", "OK", "OK", "OK"),
        (3, "0 - - - -", "OK", "OK", "OK"),
        (3, "- - - - -", "INSUFFICIENT_DATA", "ALARM", "OK"),
        (3, "0 X X - X", "ALARM", "ALARM", "ALARM"),
        (3, "- - X - -", "ALARM", "ALARM", "OK"),
        (3, "X - - - -", "ALARM", "ALARM", "OK"),
        (3, "- - - - X", "INSUFFICIENT_DATA", "ALARM", "OK"),
        (3, "- - - X -", "INSUFFICIENT_DATA", "ALARM", "OK"),
        (2, "0 - X - X", "ALARM", "ALARM", "ALARM"),
        (2, "0 0 X 0 X", "ALARM", "ALARM", "ALARM"),
        (2, "0 - X - -", "OK", "ALARM", "OK"),
        (2, "- - - - 0", "OK", "ALARM", "OK"),
        (2, "- - - X -", "ALARM", "ALARM", "OK"),
    ],
)
def test_the_tables_of_the_guide(
    m: int, pattern: str, missing: str, breaching: str, not_breaching: str
) -> None:
    assert rule(m, 3).evaluation_range == len(pattern.split())
    found = tuple(state(rule(m, 3, treatment), pattern) for treatment in TreatMissing)
    assert found == (missing, not_breaching, breaching)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("0 0 0 0 X X X", "ALARM"),
        ("0 0 X 0 X 0 X", "ALARM"),
        ("0 0 X X X 0 0", "ALARM"),
        ("0 X X X 0 0 0", "OK"),
        ("0 0 0 0 0 X X", "OK"),
        ("X X X 0 0 0 0", "OK"),
        ("- - X X X - -", "ALARM"),
        ("X - X - X 0 0", "ALARM"),
        ("X - - X X 0 0", "ALARM"),
        ("X X 0 X 0 0 0", "OK"),
        ("- - - - - X X", "OK"),
    ],
)
def test_3_of_5_is_red_from_the_third_and_green_when_two_are_left(
    pattern: str, expected: str
) -> None:
    assert state(rule(3, 5), pattern) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (ComparisonOperator.GREATER, "0 0 1"),
        (ComparisonOperator.GREATER_OR_EQUAL, "0 1 1"),
        (ComparisonOperator.LESS, "1 0 0"),
        (ComparisonOperator.LESS_OR_EQUAL, "1 1 0"),
    ],
)
def test_the_threshold_itself_is_on_the_side_that_the_operator_says(
    comparison: ComparisonOperator, expected: str
) -> None:
    alarm = replace(
        error_rate(),
        evaluation_periods=1,
        datapoints_to_alarm=1,
        threshold=2,
        comparison=comparison,
        treat_missing=TreatMissing.NOT_BREACHING,
    )
    points = np.array([[math.nan, math.nan, value] for value in (1.9, 2.0, 2.1)])
    assert " ".join(map(str, alarm.states(points))) == expected


values = st.sampled_from([0.0, 9.0, math.nan])
rules = st.integers(1, 5).flatmap(
    lambda n: st.builds(rule, st.integers(1, n), st.just(n), st.sampled_from(TreatMissing))
)


@st.composite
def judged(draw: st.DrawFn) -> tuple[Alarm, np.ndarray]:
    """A rule, and some evaluation ranges for it."""
    chosen = draw(rules)
    length = chosen.evaluation_range
    ranges = st.lists(st.lists(values, min_size=length, max_size=length), min_size=1, max_size=6)
    return chosen, np.array(draw(ranges))


@given(judged())
def test_many_ranges_at_once_are_as_one_after_the_other(case: tuple[Alarm, np.ndarray]) -> None:
    alarm, points = case
    assert alarm.states(points).tolist() == [alarm.states(p[None])[0] for p in points]


@given(judged())
def test_not_breaching_is_never_red_without_m_bad_points(case: tuple[Alarm, np.ndarray]) -> None:
    alarm, points = case
    few = (points > alarm.threshold).sum(axis=-1) < alarm.datapoints_to_alarm
    if alarm.treat_missing is TreatMissing.NOT_BREACHING:
        assert not (alarm.states(points)[few] == State.ALARM).any()


@given(judged())
def test_with_all_data_there_the_treatment_of_missing_data_does_not_matter(
    case: tuple[Alarm, np.ndarray],
) -> None:
    alarm, points = case
    n, m = alarm.evaluation_periods, alarm.datapoints_to_alarm
    bad = (np.nan_to_num(points)[:, -n:] > alarm.threshold).sum(axis=-1)
    assert (alarm.states(np.nan_to_num(points)) == np.where(bad >= m, State.ALARM, State.OK)).all()


steps = st.lists(st.integers(0, 9) | st.none(), min_size=1, max_size=8)


@given(steps, st.integers(1, 10))
def test_a_period_slides_from_minute_to_minute(minutes: list[int | None], period: int) -> None:
    series = np.array([math.nan if count is None else count for count in minutes], dtype=float)
    windows = [minutes[max(0, t + 1 - period) : t + 1] for t in range(len(minutes))]
    real = [[count for count in window if count is not None] for window in windows]
    expected = [sum(counts) if counts else math.nan for counts in real]
    np.testing.assert_array_equal(sums(series, period), expected)


def test_a_range_has_the_ends_of_its_periods_and_nothing_before_the_beginning() -> None:
    points = np.arange(5.0)
    found = ranges(points, steps=2, length=3)
    assert found[4].tolist() == [0, 2, 4]
    assert found[1].tolist() == pytest.approx([math.nan, math.nan, 1], nan_ok=True)
    assert ranges(points, steps=7, length=2).shape == (5, 2)
