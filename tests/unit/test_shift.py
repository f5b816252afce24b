"""How a new version takes over, as steps."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy

from analysis.traffic import Shift
from shadow_canary.code_canary import shift_of

TIMED = [codedeploy.TimeBasedCanaryTrafficRouting, codedeploy.TimeBasedLinearTrafficRouting]


def canary(percent: float, minutes: int) -> Shift:
    return shift_of(
        codedeploy.TrafficRouting.time_based_canary(
            percentage=percent, interval=cdk.Duration.minutes(minutes)
        )
    )


def linear(percent: float, minutes: int) -> Shift:
    return shift_of(
        codedeploy.TrafficRouting.time_based_linear(
            percentage=percent, interval=cdk.Duration.minutes(minutes)
        )
    )


def minutes(shift: Shift) -> float:
    return shift.minutes


def test_a_canary_is_one_step() -> None:
    shift = canary(1, 10)
    assert shift.steps == ((10, 1),)
    assert (shift.first_percent, minutes(shift)) == (1, 10)


def test_a_linear_shift_is_watched_until_its_last_step() -> None:
    shift = linear(25, 3)
    assert shift.steps == ((3, 25), (3, 50), (3, 75))
    assert (shift.first_percent, minutes(shift)) == (25, 9)


@pytest.mark.parametrize(("percent", "last"), [(1, 99), (10, 90), (33, 99), (50, 50), (99, 99)])
def test_no_step_of_a_linear_shift_is_all_of_it(percent: int, last: int) -> None:
    steps = linear(percent, 1).steps
    assert steps[-1] == (1, last)
    assert [share for _, share in steps] == [*range(percent, 100, percent)]


def test_all_at_once_nothing_watches() -> None:
    shift = shift_of(codedeploy.TrafficRouting.all_at_once())
    assert shift.steps == ()
    assert (shift.first_percent, minutes(shift)) == (100, 0)


@pytest.mark.parametrize("routing", TIMED)
@pytest.mark.parametrize("percent", [0, -1, 0.5, 1.5, 100, 150])
def test_fails_on_a_percentage_that_codedeploy_would_refuse(routing: Any, percent: float) -> None:
    given = routing(percentage=percent, interval=cdk.Duration.minutes(10))
    with pytest.raises(ValueError, match=rf"from 1 to 99; got percentage={percent:g}"):
        shift_of(given)


def test_fails_on_a_time_that_codedeploy_would_refuse() -> None:
    for instant in (canary, linear):
        with pytest.raises(ValueError, match=r"at least a minute a step.* of 0 minutes"):
            instant(10, 0)
    with pytest.raises(ValueError, match=r"2880 minutes at most .*; got 1 of 2881 minutes"):
        canary(10, 2_881)
    with pytest.raises(ValueError, match=r"2880 minutes at most .*; got 99 of 60 minutes"):
        linear(1, 60)


def test_two_days_are_taken() -> None:
    assert minutes(canary(10, 2_880)) == 2_880
    assert minutes(linear(10, 320)) == 2_880


@pytest.mark.parametrize("routing", TIMED)
@pytest.mark.parametrize("percent", [1, 99, 1.0])
def test_the_least_and_the_most_that_codedeploy_takes_are_taken(
    routing: Any, percent: float
) -> None:
    shift = shift_of(routing(percentage=percent, interval=cdk.Duration.minutes(10)))
    assert shift.first_percent == percent
