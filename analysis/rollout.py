"""A route's rollout, as the template of its stack describes it: how its users meet new code."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analysis.alarms import Alarm
from analysis.metric_math import UnsupportedError
from analysis.rules import AlarmRule
from analysis.strategy import Strategy
from analysis.template import Resource, Stack, text
from analysis.traffic import Shift, Traffic
from judge import Ramp
from shadow_runtime.contract import POLL_INTERVAL, Action, Stage, Variable

_ALARM = "AWS::CloudWatch::Alarm"
_STOPS = "DEPLOYMENT_STOP_ON_ALARM"
_FUNCTION = "AWS::Lambda::Function"
_VARIABLES = ("Environment", "Variables")
_PREDEFINED = re.compile(
    r"CodeDeployDefault\.Lambda(?P<kind>Canary|Linear)(?P<percent>\d+)Percent"
    r"(?:Every)?(?P<minutes>\d+)Minutes?"
)
_ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")

Alarms = Mapping[str, Alarm]
"""By their names in `AlarmRule`, or by logical id where there is none."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What metrics count a deploy by: the route's function, its new version, and the shadow's.

    As the texts that stand in the dimensions of `analysis.alarms.Metric`.
    """

    function: str
    route: str
    shadow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A route on its way from control to candidate.

    `route` is its full name, `<stack>/<route>`, by which it is counted.

    A new version of its code takes over by `shift`, once the hook has asked it (`has_hook`), and
    goes back when one of `code_alarms` is red. The flag takes users to the candidate by `raising`,
    up to `ceiling`; one of `exposure_alarms` takes them back by `lowering`, which each execution
    environment hears within `poll_interval`; `clean_up` ends it all. `operational_alarms` only
    notify people. `rollback_alarms` take users back too, by name: a team's own, of whose metrics
    nothing is known here. With a `ramp` the flag climbs by itself.

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
    operational_alarms: Alarms
    rollback_alarms: tuple[str, ...]
    raising: Strategy
    lowering: Strategy
    candidate_deadline: timedelta
    clean_up: datetime
    ramp: Ramp | None = None
    poll_interval: timedelta = timedelta(seconds=POLL_INTERVAL)

    @property
    def name(self) -> str:
        """Of the route alone."""
        return self.route.rpartition("/")[2]

    @classmethod
    def load(cls, assembly: Path, stack: str, *, traffic: Traffic | None = None) -> Self:
        """The rollout of the route whose stack it is, from a synthesized assembly.

        `traffic` is expected instead of what the template says.

        Raises:
            TemplateError: there is no such stack, or something is missing in it; what, and where.
        """
        return cls.of(Stack.load(assembly, stack), traffic=traffic)

    @classmethod
    def of(cls, stack: Stack, *, traffic: Traffic | None = None) -> Self:
        """The rollout that a stack's template describes.

        Raises:
            TemplateError: something is missing in it; what, and where.
        """
        alias = stack.the("AWS::Lambda::Alias")
        function = stack.the(_FUNCTION, *_VARIABLES, Variable.CANDIDATE_DEADLINE_MS)
        operations = stack.the(_FUNCTION, *_VARIABLES, Variable.RAISE_STRATEGY)
        route = function.need(*_VARIABLES, Variable.ROUTE)
        deployment = _deployment(alias)
        group = stack.resolved(alias, deployment["DeploymentGroupName"], "DeploymentGroupName")
        shadow = stack.referred(function, *_VARIABLES, Variable.SHADOW)
        of_code = _code_alarms(stack, group)
        of_exposure, of_team = _exposure_alarms(stack, operations)
        others = [alarm for alarm in _ours(stack) if alarm not in [*of_code, *of_exposure]]
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
            shift=_shift(stack, group),
            has_hook="BeforeAllowTrafficHook" in deployment,
            code_alarms=_read(of_code),
            exposure_alarms=_read(of_exposure),
            operational_alarms=_read(others),
            rollback_alarms=of_team,
            raising=_strategy(stack, operations, Variable.RAISE_STRATEGY),
            lowering=_strategy(stack, operations, Variable.LOWER_STRATEGY),
            candidate_deadline=timedelta(
                milliseconds=int(function.need(*_VARIABLES, Variable.CANDIDATE_DEADLINE_MS))
            ),
            clean_up=_clean_up(stack, operations),
            ramp=_ramp(operations),
        )


def _deployment(alias: Resource) -> dict[str, Any]:
    policy: dict[str, Any] | None = alias.body.get("UpdatePolicy", {}).get(
        "CodeDeployLambdaAliasUpdate"
    )
    if policy is None:
        raise alias.refused("has no UpdatePolicy.CodeDeployLambdaAliasUpdate: nothing shifts it")
    return policy


def _ramp(operations: Resource) -> Ramp | None:
    declared = operations.get(*_VARIABLES, Variable.RAMP)
    return Ramp.parse(declared) if declared else None


def _traffic(alias: Resource) -> Traffic:
    metadata = alias.metadata(Traffic.METADATA)
    if metadata is None:
        raise alias.refused(
            f"has no Metadata {Traffic.METADATA!r}: give --requests-per-day and --users instead"
        )
    return Traffic.from_metadata(metadata)


def _strategy(stack: Stack, operations: Resource, variable: Variable) -> Strategy:
    """Its own, as it stands in the stack; of a pair that routes share, as the function has it."""
    shared = operations.metadata(Strategy.METADATA)
    named = operations.need(*_VARIABLES, variable)
    if shared and named.get("Ref") not in stack.template["Resources"]:
        return Strategy(**shared[variable])
    return Strategy.of(stack.referred(operations, *_VARIABLES, variable))


def _clean_up(stack: Stack, operations: Resource) -> datetime:
    schedules = stack.all("AWS::Scheduler::Schedule")
    of_it = [s for s in schedules if Action.CLEANUP in text(s.get("Target", "Input"))]
    if len(of_it) != 1:
        raise operations.refused(
            f"has {len(of_it)} schedules, AWS::Scheduler::Schedule, of its clean-up"
        )
    [schedule] = of_it
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


def _code_alarms(stack: Stack, group: Resource) -> list[Resource]:
    """The alarms on which CodeDeploy takes a new version back.

    Raises:
        TemplateError: there are none, or they take nothing back.
    """
    if group.get("AlarmConfiguration", "Enabled") is False:
        raise group.refused("has its alarms switched off (AlarmConfiguration.Enabled)")
    entries = group.need("AlarmConfiguration", "Alarms")
    if _STOPS not in (group.get("AutoRollbackConfiguration", "Events") or ()):
        raise group.refused(f"has no {_STOPS} in AutoRollbackConfiguration.Events")
    names = [entry["Name"] for entry in entries]
    return _named(stack, group, names, "AlarmConfiguration.Alarms")


def _exposure_alarms(stack: Stack, operations: Resource) -> tuple[list[Resource], tuple[str, ...]]:
    """The alarms on which the operations function switches the flag off, and those of a team's own.

    Raises:
        TemplateError: it hears none, or one that never calls its topic.
    """
    subscription = _subscription(stack, operations)
    topic = text(subscription.need("TopicArn"))
    ours, of_team = [], []
    for name in subscription.need("FilterPolicy", "AlarmName"):
        alarm = _alarm_named(_ours(stack), name)
        if alarm is None:
            of_team.append(_words(name))
            continue
        actions = [text(action) for action in alarm.get("AlarmActions") or ()]
        if topic not in actions or alarm.get("ActionsEnabled") is False:
            raise alarm.refused(f"does not call {topic}, where {operations.logical_id} hears it")
        ours.append(alarm)
    if not ours:
        raise subscription.refused("filters by no exposure alarm of this stack")
    return ours, tuple(of_team)


def _ours(stack: Stack) -> list[Resource]:
    """The alarms that hold a rule of this project's."""
    return [alarm for alarm in stack.all(_ALARM) if alarm.metadata(AlarmRule.METADATA)]


def _alarm_named(alarms: Iterable[Resource], name: object) -> Resource | None:
    """The alarm by its name, literal or by reference."""
    wanted = text(name)
    return next(
        (a for a in alarms if wanted in (text(a.get("AlarmName")), text({"Ref": a.logical_id}))),
        None,
    )


def _words(name: object) -> str:
    """A name as a template has it; a reference by the id that it leads to."""
    match name:
        case {"Ref": str(logical_id)}:
            return logical_id
    return text(name)


def _read(resources: Iterable[Resource]) -> dict[str, Alarm]:
    """Alarms that can be evaluated.

    Raises:
        TemplateError: one cannot.
    """
    alarms: dict[str, Alarm] = {}
    for resource in resources:
        try:
            alarm = Alarm.of(resource.body)
        except UnsupportedError as error:
            raise resource.refused(f"cannot be evaluated: {error}") from error
        except KeyError as error:
            raise resource.refused(f"has no {error.args[0]}") from error
        alarms[alarm.rule.name if alarm.rule else resource.logical_id] = alarm
    return alarms


def _subscription(stack: Stack, operations: Resource) -> Resource:
    for subscription in stack.all("AWS::SNS::Subscription"):
        if subscription.get("Endpoint") == {"Fn::GetAtt": [operations.logical_id, "Arn"]}:
            return subscription
    raise operations.refused("has no AWS::SNS::Subscription: no alarm reaches it")


def _named(stack: Stack, resource: Resource, names: Iterable[object], where: str) -> list[Resource]:
    """Alarms by their names, literal or by reference, as `resource` has them `where`."""
    literal = {text(alarm.get("AlarmName")): alarm for alarm in stack.all(_ALARM)}
    return [literal.get(text(n)) or stack.resolved(resource, n, where) for n in names]


def _shift(stack: Stack, group: Resource) -> Shift:
    """The shift of a deployment group.

    Raises:
        TemplateError: it has none that is understood here.
    """
    try:
        return _known_shift(stack, group)
    except ValueError as error:
        raise group.refused(f"has no shift that CodeDeploy takes: {error}") from error


def _known_shift(stack: Stack, group: Resource) -> Shift:
    name = group.need("DeploymentConfigName")
    if name == _ALL_AT_ONCE:
        return Shift.all_at_once()
    predefined = _PREDEFINED.fullmatch(name) if isinstance(name, str) else None
    if predefined:
        make = Shift.canary if predefined["kind"] == "Canary" else Shift.linear
        return make(minutes=int(predefined["minutes"]), percent=int(predefined["percent"]))
    config, routing = stack.referred(group, "DeploymentConfigName"), "TrafficRoutingConfig"
    match config.need(routing, "Type"):
        case "AllAtOnce":
            return Shift.all_at_once()
        case "TimeBasedCanary":
            minutes, percent = (
                config.need(routing, "TimeBasedCanary", name)
                for name in ("CanaryInterval", "CanaryPercentage")
            )
            return Shift.canary(minutes=minutes, percent=percent)
        case "TimeBasedLinear":
            minutes, percent = (
                config.need(routing, "TimeBasedLinear", name)
                for name in ("LinearInterval", "LinearPercentage")
            )
            return Shift.linear(minutes=minutes, percent=percent)
        case other:
            raise config.refused(f"shifts in a way that is not understood here: {other}")
