"""A rollout is read from a template whole, or not at all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.rollout import Rollout, Versions
from analysis.strategy import Strategy
from analysis.template import Stack, TemplateError
from analysis.traffic import Shift, Traffic
from shadow_runtime.contract import Stage
from tests.unit.rollouts import STACK, VERSION, rollout, template


def test_a_rollout_is_all_that_the_stack_says_of_it() -> None:
    read = rollout()
    assert (read.stack, read.route, read.ceiling) == (STACK, "get-user", Stage.canary(percent=2))
    assert read.traffic == Traffic(1_440_000, 50_000)
    assert read.traffic.per_minute == 1_000
    assert read.shift.steps == ((10, 1),)
    assert read.has_hook
    assert (read.raising, read.lowering) == (Strategy(10, 10, 0), Strategy(0, 100, 0))
    assert read.candidate_deadline == timedelta(seconds=2)
    assert read.poll_interval == timedelta(seconds=15)
    assert read.clean_up == datetime(2030, 1, 14, 9, tzinfo=UTC)
    assert read.versions == Versions(
        function='{"Ref": "Route"}',
        route='{"Fn::GetAtt": ["RouteVersion", "Version"]}',
        shadow='{"Fn::GetAtt": ["ShadowVersion", "Version"]}',
    )


def test_alarms_that_act_are_told_from_alarms_that_only_tell() -> None:
    read = rollout()
    assert {name: alarm.period for name, alarm in read.code_alarms.items()} == {
        "code-error-rate": 600
    }
    assert list(read.exposure_alarms) == ["candidate-error-rate"]
    assert list(read.operational_alarms) == ["flag-age"]


def test_an_alarm_is_called_as_its_rule_says_whatever_its_name_is_put_together_from() -> None:
    name = {"Fn::Join": ["", ["GetUser-get-user-code-", VERSION]]}
    assert list(rollout(CodeAlarm__Properties__AlarmName=name).code_alarms) == ["code-error-rate"]
    assert list(rollout(CodeAlarm__Metadata=None).code_alarms) == ["CodeAlarm"]


def test_an_alarm_is_found_by_its_literal_name_too() -> None:
    named = {"NewStateValue": ["ALARM"], "AlarmName": ["GetUser-get-user-candidate-error-rate"]}
    read = rollout(Subscription__Properties__FilterPolicy=named)
    assert list(read.exposure_alarms) == ["candidate-error-rate"]


def test_alarms_of_the_teams_own_are_named_and_not_read() -> None:
    heard = [{"Ref": "ErrorRate"}, {"Ref": "Both"}, "checkout-errors"]
    read = rollout(
        Both={"Type": "AWS::CloudWatch::CompositeAlarm"},
        Others={"Type": "AWS::CloudWatch::Alarm", "Properties": {}},
        Subscription__Properties__FilterPolicy__AlarmName=heard,
    )
    assert list(read.exposure_alarms) == ["candidate-error-rate"]
    assert read.rollback_alarms == ("Both", "checkout-errors")
    assert list(read.operational_alarms) == ["flag-age"]


def test_traffic_that_is_given_counts_instead_of_the_templates() -> None:
    given = Traffic(1_000, 50)
    assert rollout(traffic=given, Alias__Metadata=None).traffic == given


def test_a_date_means_what_its_time_zone_makes_of_it() -> None:
    read = rollout(CleanUp__Properties__ScheduleExpressionTimezone="Europe/Berlin")
    assert read.clean_up.astimezone(UTC) == datetime(2030, 1, 14, 8, tzinfo=UTC)


PROPERTIES = "Properties"
VARIABLES = "Properties__Environment__Variables__SHADOW_CANARY_"

MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "no alias": ({"Alias": None}, "no AWS::Lambda::Alias"),
    "nothing shifts": ({"Alias__UpdatePolicy": None}, "Alias has no UpdatePolicy"),
    "no traffic": ({"Alias__Metadata": None}, "Alias has no Metadata.*--requests-per-day"),
    "no route": ({"Route": None}, "no AWS::Lambda::Function.*CANDIDATE_DEADLINE_MS"),
    "no ceiling": ({f"Route__{VARIABLES}CEILING": None}, "Route has no .*_CEILING"),
    "no shadow": ({"ShadowVersion": None}, "Route has as .*_SHADOW no resource of this stack"),
    "no operations": ({"Operations": None}, "no AWS::Lambda::Function.*RAISE_STRATEGY"),
    "no strategy": ({"Lower": None}, "Operations has as .*LOWER_STRATEGY no resource"),
    "no growth": ({f"Raise__{PROPERTIES}__GrowthFactor": None}, "Raise has no GrowthFactor"),
    "growth": ({f"Raise__{PROPERTIES}__GrowthType": "EXPONENTIAL"}, "Raise grows.*EXPONENTIAL"),
    "no group": ({"Group": None}, "Alias has as DeploymentGroupName no resource"),
    "no shift": ({"Shift": None}, "Group has as DeploymentConfigName no resource"),
    "no alarms": (
        {f"Group__{PROPERTIES}__AlarmConfiguration": None},
        "Group has no AlarmConfiguration.Alarms",
    ),
    "alarms off": (
        {f"Group__{PROPERTIES}__AlarmConfiguration__Enabled": False},
        "Group has its alarms switched off",
    ),
    "no way back": (
        {f"Group__{PROPERTIES}__AutoRollbackConfiguration": None},
        "Group has no DEPLOYMENT_STOP_ON_ALARM",
    ),
    "no alarm": ({"CodeAlarm": None}, "Group has as AlarmConfiguration.Alarms no resource"),
    "no threshold": ({f"ErrorRate__{PROPERTIES}__Threshold": None}, "ErrorRate has no Threshold"),
    "a strange formula": (
        {f"ErrorRate__{PROPERTIES}__Metrics": [{"Id": "e", "Expression": "RATE(e)"}]},
        "ErrorRate cannot be evaluated",
    ),
    "nobody hears": ({"Subscription": None}, "Operations has no AWS::SNS::Subscription"),
    "nobody calls": (
        {f"ErrorRate__{PROPERTIES}__AlarmActions": [{"Ref": "OtherTopic"}]},
        "ErrorRate does not call .*Topic.*, where Operations hears it",
    ),
    "actions off": (
        {f"ErrorRate__{PROPERTIES}__ActionsEnabled": False},
        "ErrorRate does not call",
    ),
    "no exposure alarm": (
        {"ErrorRate__Metadata": None},
        "Subscription filters by no exposure alarm of this stack",
    ),
    "no clean-up": ({"CleanUp": None}, "Operations has 0 schedules, AWS::Scheduler::Schedule"),
    "no date": (
        {f"CleanUp__{PROPERTIES}__ScheduleExpression": "rate(1 day)"},
        r"CleanUp is no date.*rate\(1 day\)",
    ),
    "no such zone": (
        {f"CleanUp__{PROPERTIES}__ScheduleExpressionTimezone": "Mars/Olympus"},
        "CleanUp is at no date.*Mars",
    ),
    "another's clean-up": (
        {f"CleanUp__{PROPERTIES}__Target__Arn": {"Ref": "Route"}},
        "CleanUp calls Route, not Operations",
    ),
}


@pytest.mark.parametrize("why", MISSING)
def test_what_is_missing_is_named(why: str) -> None:
    instead, words = MISSING[why]
    with pytest.raises(TemplateError, match=f"^{STACK}: {words}"):
        rollout(**instead)


def test_two_routes_in_one_stack_are_refused_by_their_names() -> None:
    made = template()
    made["Resources"]["OtherAlias"] = made["Resources"]["Alias"]
    with pytest.raises(TemplateError, match="more than one AWS::Lambda::Alias: Alias, OtherAlias"):
        Rollout.of(Stack(STACK, made))


def test_a_stack_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / f"{STACK}.template.json").write_text(json.dumps(template()))
    assert Rollout.load(tmp_path, STACK).stack == STACK
    with pytest.raises(
        TemplateError, match=r"no stack 'GetUsers' in .*; the stacks there: GetUser"
    ):
        Rollout.load(tmp_path, "GetUsers")


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("CodeDeployDefault.LambdaAllAtOnce", Shift(())),
        ("CodeDeployDefault.LambdaCanary10Percent5Minutes", Shift(((5, 10),))),
        (
            "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
            Shift(tuple((1, percent) for percent in range(10, 100, 10))),
        ),
    ],
)
def test_the_shifts_that_aws_names_are_known(name: str, shift: Shift) -> None:
    assert rollout(Group__Properties__DeploymentConfigName=name).shift == shift


@pytest.mark.parametrize(
    ("routing", "shift"),
    [
        ({"Type": "AllAtOnce"}, Shift(())),
        (
            {
                "Type": "TimeBasedLinear",
                "TimeBasedLinear": {"LinearInterval": 3, "LinearPercentage": 40},
            },
            Shift(((3, 40), (3, 80))),
        ),
    ],
)
def test_a_shift_of_ones_own_is_known_by_its_steps(routing: dict[str, Any], shift: Shift) -> None:
    assert rollout(Shift__Properties__TrafficRoutingConfig=routing).shift == shift


def test_a_shift_in_an_unknown_way_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Shift shifts in a way .*: TimeBasedWave"):
        rollout(Shift__Properties__TrafficRoutingConfig={"Type": "TimeBasedWave"})


@pytest.mark.parametrize(
    ("strategy", "minutes", "percent"),
    [
        (Strategy(10, 10, 0), 0, 10),
        (Strategy(10, 10, 0), 0.99, 10),
        (Strategy(10, 10, 0), 1, 20),
        (Strategy(10, 10, 0), 9, 100),
        (Strategy(1, 50, 0), 0.4, 50),
        (Strategy(1, 50, 0), 0.5, 100),
        (Strategy(0, 100, 0), 0, 100),
        (Strategy(20, 30, 5), 60, 100),
    ],
)
def test_a_strategy_grows_in_even_steps(strategy: Strategy, minutes: float, percent: float) -> None:
    assert strategy.percent_after(minutes) == percent


@pytest.mark.parametrize(
    ("strategy", "minutes"),
    [(Strategy(0, 100, 0), 0), (Strategy(10, 10, 0), 4.5), (Strategy(1, 50, 0), 0.25)],
)
def test_an_environment_waits_for_a_position_as_long_as_the_steps_last(
    strategy: Strategy, minutes: float
) -> None:
    assert strategy.mean_minutes == pytest.approx(minutes)
    seconds = range(int(60 * strategy.minutes))
    waiting = sum(100 - strategy.percent_after(second / 60) for second in seconds) / 6_000
    assert strategy.mean_minutes == pytest.approx(waiting)


@pytest.mark.parametrize(
    ("shift", "words", "higher"),
    [
        (Shift(()), "all invocations at once", ()),
        (
            Shift.canary(minutes=10, percent=1),
            "1 % of invocations for 10 minutes, then all",
            ((10, 40),),
        ),
        (
            Shift.linear(minutes=2, percent=10),
            "10 % more of the invocations every 2 minutes",
            ((2, 40), (2, 80)),
        ),
    ],
)
def test_a_shift_is_said_in_words_and_made_higher(
    shift: Shift, words: str, higher: tuple[tuple[int, int], ...]
) -> None:
    assert shift.description == words
    assert shift.at(40).steps == higher
