"""Everything that a template says about how a route's users meet new code."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analysis.rollout import guards
from analysis.rollout.guards import Alarms
from analysis.rollout.shift import shift_of
from analysis.rollout.stack import Resource, Stack, text
from analysis.rollout.strategy import Strategy
from analysis.traffic import Shift, Traffic
from shadow_runtime.contract import POLL_INTERVAL, Stage, Variable

_FUNCTION = "AWS::Lambda::Function"
_VARIABLES = ("Environment", "Variables")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


@dataclass(frozen=True, slots=True)
class Versions:
    """What metrics count a deploy by: the route's function, its new version, and the shadow's.

    As the texts that stand in the dimensions of `analysis.alarms.alarm.Metric`.
    """

    function: str
    route: str
    shadow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A route on its way from control to candidate.

    A new version of its code takes over by `shift`, once the hook has asked it (`has_hook`), and
    goes back when one of `code_alarms` is red. The flag takes users to the candidate by `raising`,
    up to `ceiling`; one of `exposure_alarms` takes them back by `lowering`, which each execution
    environment hears within `poll_interval`; `clean_up` ends it all. `notices` only tell people.

    Example:
        >>> Rollout.load(Path("cdk.out"), "GetUser").shift  # doctest: +SKIP
        Shift(steps=((10, 1),))
    """

    stack: str
    route: str
    ceiling: Stage
    traffic: Traffic
    versions: Versions
    shift: Shift
    has_hook: bool
    code_alarms: Alarms
    exposure_alarms: Alarms
    notices: Alarms
    raising: Strategy
    lowering: Strategy
    candidate_deadline: timedelta
    clean_up: datetime
    poll_interval: timedelta = timedelta(seconds=POLL_INTERVAL)

    @classmethod
    def load(cls, assembly: Path, stack: str, *, traffic: Traffic | None = None) -> Self:
        """The rollout of the route whose stack it is, from a synthesized assembly.

        `traffic` is expected instead of what the template says.

        Raises:
            RolloutError: there is no such stack, or something is missing in it; what, and where.
        """
        return cls.of(Stack.load(assembly, stack), traffic=traffic)

    @classmethod
    def of(cls, stack: Stack, *, traffic: Traffic | None = None) -> Self:
        """The rollout that a stack's template describes.

        Raises:
            RolloutError: something is missing in it; what, and where.
        """
        alias = stack.the("AWS::Lambda::Alias")
        function = stack.the(_FUNCTION, *_VARIABLES, Variable.CANDIDATE_DEADLINE_MS)
        operations = stack.the(_FUNCTION, *_VARIABLES, Variable.RAISE_STRATEGY)
        route = function.need(*_VARIABLES, Variable.ROUTE)
        deployment = _deployment(alias)
        group = stack.resolved(alias, deployment["DeploymentGroupName"], "DeploymentGroupName")
        shadow = stack.referred(function, *_VARIABLES, Variable.SHADOW)
        of_code = guards.of_code(stack, group)
        of_exposure = guards.of_exposure(stack, operations)
        others = guards.others(stack, [*of_code, *of_exposure])
        return cls(
            stack=stack.name,
            route=route,
            ceiling=Stage.parse(function.need(*_VARIABLES, Variable.CEILING)),
            traffic=traffic or _traffic(alias),
            versions=Versions(
                function=text(alias.need("FunctionName")),
                route=text(alias.need("FunctionVersion")),
                shadow=text({"Fn::GetAtt": [shadow.logical_id, "Version"]}),
            ),
            shift=shift_of(stack, group),
            has_hook="BeforeAllowTrafficHook" in deployment,
            code_alarms=guards.read(of_code, route=route),
            exposure_alarms=guards.read(of_exposure, route=route),
            notices=guards.read(others, route=route),
            raising=_strategy(stack, operations, Variable.RAISE_STRATEGY),
            lowering=_strategy(stack, operations, Variable.LOWER_STRATEGY),
            candidate_deadline=timedelta(
                milliseconds=int(function.need(*_VARIABLES, Variable.CANDIDATE_DEADLINE_MS))
            ),
            clean_up=_clean_up(stack, operations),
        )


def _deployment(alias: Resource) -> dict[str, Any]:
    policy: dict[str, Any] | None = alias.body.get("UpdatePolicy", {}).get(
        "CodeDeployLambdaAliasUpdate"
    )
    if policy is None:
        raise alias.refused("has no UpdatePolicy.CodeDeployLambdaAliasUpdate: nothing shifts it")
    return policy


def _traffic(alias: Resource) -> Traffic:
    metadata = alias.body.get("Metadata", {}).get(Traffic.METADATA)
    if metadata is None:
        raise alias.refused(
            f"has no Metadata {Traffic.METADATA!r}: give --requests-per-day and --users instead"
        )
    return Traffic.from_metadata(metadata)


def _strategy(stack: Stack, operations: Resource, variable: Variable) -> Strategy:
    return Strategy.of(stack.referred(operations, *_VARIABLES, variable))


def _clean_up(stack: Stack, operations: Resource) -> datetime:
    schedule = stack.the("AWS::Scheduler::Schedule")
    target = stack.referred(schedule, "Target", "Arn")
    if target != operations:
        raise schedule.refused(f"calls {target.logical_id}, not {operations.logical_id}")
    expression = schedule.need("ScheduleExpression")
    when = _AT.fullmatch(expression)
    if when is None:
        raise schedule.refused(f"is no date, at(…), but {expression}")
    zone = schedule.get("ScheduleExpressionTimezone") or "UTC"
    try:
        return datetime.fromisoformat(when[1]).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise schedule.refused(f"is at no date: {error}") from error
