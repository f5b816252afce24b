"""A declared ramp: what makes no sense is refused, what may surprise is warned of, and whoever
moves or guards the flag knows it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import judge
from shadow_canary import Ramp, ShadowCanaryService, Stage, Traffic
from shadow_canary.ramp import RAMP_BEFORE_ALARMS, RAMP_OVER_CEILING
from shadow_runtime.contract import Variable
from tests.unit.services import App, service, stack_of_nothing, warnings

DAY = cdk.Duration.hours(24)
STEPS = (1, 5, 25, 100)


def made(lambdas: Path, **options: Any) -> tuple[ShadowCanaryService, cdk.Stack]:
    stack = stack_of_nothing()
    return service(stack, lambdas, **options), stack


def test_the_steps_are_stages_and_the_last_one_is_everybody() -> None:
    ramp = Ramp.steps(*STEPS, dwell=DAY)
    assert [*map(str, ramp.stages)] == ["canary(1%)", "canary(5%)", "canary(25%)", "live"]
    assert (ramp.dwell, ramp.minimum_pairs) == (timedelta(days=1), 100)


@pytest.mark.parametrize(
    ("dwell", "words"),
    [
        (cdk.Duration.minutes(0), "dwell is a time, such as a day; got 0:00:00"),
        (cdk.Duration.minutes(4), "five minutes or more, .* nobody looks more often; got 0:04:00"),
        (cdk.Duration.millis(1), "five minutes or more"),
        (cdk.Duration.hours(cdk.Token.as_number({"Ref": "Hours"})), "dwell must be known at synth"),
        (timedelta(days=1), r"dwell is a Duration, such as Duration.seconds\(10\); got datetime"),
        ("a day", "dwell is a Duration"),
    ],
    ids=["none", "short", "a blink", "a token", "a timedelta", "text"],
)
def test_fails_on_a_dwell_that_is_none(dwell: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Ramp.steps(1, 5, dwell=dwell)


@pytest.mark.parametrize("steps", [(), (5, 1), (0,), (101,), ("5",)], ids=str)
def test_fails_on_steps_that_do_not_climb(steps: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="a ramp"):
        Ramp.steps(*steps, dwell=DAY)


def test_fails_on_a_ramp_that_the_clean_up_would_end(lambdas: Path) -> None:
    ramp = Ramp.steps(*STEPS, dwell=cdk.Duration.days(2))
    with pytest.raises(ValueError, match=r"take 8 days, .* retire_after=Duration.days\(9\)"):
        made(lambdas, ramp=ramp)
    made(lambdas, ramp=ramp, retire_after=cdk.Duration.days(8))


def test_fails_on_what_is_no_ramp(lambdas: Path) -> None:
    with pytest.raises(ValueError, match=r"ramp is a Ramp, such as Ramp.steps\(1, 5, 25, 100, dwe"):
        made(lambdas, ramp=[1, 5, 25, 100])


def test_steps_over_the_ceiling_are_warned_of_and_others_are_not(lambdas: Path) -> None:
    ramp = Ramp.steps(*STEPS, dwell=DAY)
    _, stack = made(lambdas, ramp=ramp, ceiling=Stage.canary(percent=5))
    [said] = warnings(stack, RAMP_OVER_CEILING)
    assert said.startswith("the ramp's steps canary(25%), live are over the ceiling, canary(5%)")
    _, stack = made(lambdas, ramp=ramp, ceiling=Stage.LIVE)
    assert warnings(stack, RAMP_OVER_CEILING) == []


def test_a_dwell_that_the_alarms_look_beyond_is_warned_of(lambdas: Path) -> None:
    few = Traffic.per_day(20_000, users=1_000)
    for hours, said in ((23, ["the ramp dwells 23:00:00 at a stage"]), (24, [])):
        ramp = Ramp.steps(5, 100, dwell=cdk.Duration.hours(hours))
        _, stack = made(lambdas, ramp=ramp, expected_traffic=few)
        assert [each.partition(", and")[0] for each in warnings(stack, RAMP_BEFORE_ALARMS)] == said


def test_a_schedule_asks_every_five_minutes_and_operations_knows_the_ramp(lambdas: Path) -> None:
    ramp = Ramp.steps(*STEPS, dwell=DAY, minimum_pairs=7, mismatch_percent=0.5, fault_percent=2)
    made_service, stack = made(lambdas, ramp=ramp)
    app = App(stack)
    [schedule] = [
        each
        for each in app.all("AWS::Scheduler::Schedule").values()
        if each["Target"]["Input"] == '{"action":"ramp"}'
    ]
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert made_service.ramp is ramp
    of_operations, of_validator = (judge.Ramp.parse(held) for held in known(app))
    assert of_operations == of_validator
    assert of_operations == judge.Ramp(
        percents=STEPS,
        dwell=timedelta(days=1),
        minimum_pairs=7,
        mismatch_percent=0.5,
        fault_percent=2,
    )


def test_without_a_ramp_nobody_asks_and_nobody_knows_one(lambdas: Path) -> None:
    app = App(made(lambdas)[1])
    asked = [each["Target"]["Input"] for each in app.all("AWS::Scheduler::Schedule").values()]
    assert '{"action":"check"}' in asked
    assert '{"action":"ramp"}' not in asked
    assert known(app) == ["", ""]


def known(app: App) -> list[str]:
    """What functions know of a ramp."""
    functions = app.all("AWS::Lambda::Function").values()
    variables = [each.get("Environment", {}).get("Variables", {}) for each in functions]
    return [each[Variable.RAMP] for each in variables if Variable.RAMP in each]
