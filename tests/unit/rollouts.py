"""A route's stack as CDK writes it, as far as its rollout is read from it."""

import copy
from typing import Any

from analysis.rollout import Rollout
from analysis.rules import Window
from analysis.template import Stack
from analysis.traffic import Traffic
from tests.unit.alarms import CANDIDATE, OURS, ROUTE, entry, resource, rule

Template = dict[str, Any]

STACK = "GetUser"


def rollout(*, traffic: Traffic | None = None, **instead: Any) -> Rollout:
    """The stack's rollout."""
    return Rollout.of(Stack(STACK, template(**instead)), traffic=traffic)


def template(**instead: Any) -> Template:
    """The stack; `instead` puts a value, or with None nothing, at `LogicalId__Member__Member`."""
    made: Template = copy.deepcopy({"Resources": _RESOURCES})
    for path, value in instead.items():
        *parents, last = path.split("__")
        place = made["Resources"]
        for name in parents:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return made


def code_alarm(bad: str = "errors", *, period: int = 600, **instead: Any) -> dict[str, Any]:
    """Over 2 % of the new version's invocations are `bad`; a single period decides."""
    ours = {"Route": "get-user", "Version": VERSION}
    return resource(
        f"IF(invocations >= 0 AND {bad} >= 2, "
        f"100 * ({bad}) / IF(invocations > 10, invocations, 10), 0)",
        entry("invocations", "AWS/Lambda", "Invocations", EXECUTED, "Sum", period),
        entry("errors", "AWS/Lambda", "Errors", EXECUTED, "Sum", period),
        entry("failed", OURS, "Failed", ours, "Sum", period),
        **{
            "AlarmName": {"Fn::Join": ["-", ["GetUser-get-user-code-error-rate", VERSION]]},
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            **instead,
        },
    )


def error_rate(*, period: int = 60, **instead: Any) -> dict[str, Any]:
    """Over 2 % of the candidate's requests are faults; 3 of 5 periods decide."""
    watching = resource(
        "IF(requests >= 0 AND faults >= 2, 100 * faults / IF(requests > 10, requests, 10), 0)",
        entry("requests", OURS, "Requests", CANDIDATE, "Sum", period),
        entry("faults", OURS, "Faults", CANDIDATE, "Sum", period),
        **instead,
    )
    return watching | {"Metadata": rule("candidate-error-rate")}


def rate_of(what: str, window: Window) -> dict[str, Any]:
    """As the construct writes it: over 2 % of the `what` failed, by the window's minimums."""
    alarm, bad, namespace, dimensions = _RATES[what]
    names = {what: what.capitalize(), "bad": bad}
    period, least = 60 * window.minutes, window.minimum_requests
    watching = resource(
        f"IF({what} >= 0 AND bad >= {window.minimum_failures}, "
        f"100 * bad / IF({what} > {least}, {what}, {least}), 0)",
        *(entry(i, namespace, name, dimensions, "Sum", period) for i, name in names.items()),
        EvaluationPeriods=window.evaluation_periods,
        DatapointsToAlarm=window.datapoints_to_alarm,
    )
    return watching | {"Metadata": rule(alarm)}


def _function(**variables: Any) -> dict[str, Any]:
    return _of(
        "AWS::Lambda::Function", Environment={"Variables": _named("SHADOW_CANARY_", variables)}
    )


def _named(prefix: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in variables.items()}


def _of(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _strategy(minutes: int, growth: int) -> dict[str, Any]:
    return _of(
        "AWS::AppConfig::DeploymentStrategy",
        DeploymentDurationInMinutes=minutes,
        GrowthFactor=growth,
        GrowthType="LINEAR",
    )


VERSION = {"Fn::GetAtt": ["RouteVersion", "Version"]}
EXECUTED = {
    "FunctionName": {"Ref": "Route"},
    "Resource": {"Fn::Join": ["", [{"Ref": "Route"}, ":live"]]},
    "ExecutedVersion": VERSION,
}

_RATES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "invocations": ("code-error-rate", "Errors", "AWS/Lambda", EXECUTED),
    "requests": ("candidate-error-rate", "Faults", OURS, CANDIDATE),
    "compared": ("candidate-mismatch-rate", "Wrong", OURS, {**ROUTE, "Exposed": "true"}),
}

_RESOURCES: dict[str, Any] = {
    "Alias": {
        **_of("AWS::Lambda::Alias", FunctionName={"Ref": "Route"}, FunctionVersion=VERSION),
        "UpdatePolicy": {
            "CodeDeployLambdaAliasUpdate": {
                "ApplicationName": {"Ref": "Application"},
                "BeforeAllowTrafficHook": {"Ref": "Hook"},
                "DeploymentGroupName": {"Ref": "Group"},
            }
        },
        "Metadata": {
            "shadow-canary:expected-traffic": {"requests_per_day": 1_440_000, "users": 50_000}
        },
    },
    "Route": _function(
        ROUTE="get-user",
        CEILING="canary(2%)",
        CANDIDATE_DEADLINE_MS="2000",
        SHADOW={"Ref": "ShadowVersion"},
    ),
    "RouteVersion": _of("AWS::Lambda::Version"),
    "ShadowVersion": _of("AWS::Lambda::Version"),
    "Operations": _function(
        ROUTE="get-user",
        CEILING="canary(2%)",
        RAISE_STRATEGY={"Ref": "Raise"},
        LOWER_STRATEGY={"Ref": "Lower"},
    ),
    "Raise": _strategy(10, 10),
    "Lower": _strategy(0, 100),
    "Shift": _of(
        "AWS::CodeDeploy::DeploymentConfig",
        TrafficRoutingConfig={
            "Type": "TimeBasedCanary",
            "TimeBasedCanary": {"CanaryInterval": 10, "CanaryPercentage": 1},
        },
    ),
    "Group": _of(
        "AWS::CodeDeploy::DeploymentGroup",
        AlarmConfiguration={"Alarms": [{"Name": {"Ref": "CodeAlarm"}}], "Enabled": True},
        AutoRollbackConfiguration={"Enabled": True, "Events": ["DEPLOYMENT_STOP_ON_ALARM"]},
        DeploymentConfigName={"Ref": "Shift"},
    ),
    "CodeAlarm": code_alarm() | {"Metadata": rule("code-error-rate")},
    "ErrorRate": error_rate(),
    "FlagAge": {
        **resource(
            "age",
            entry("age", OURS, "FlagAge", ROUTE, "Maximum", 300),
            AlarmName="GetUser-get-user-flag-age",
        ),
        "Metadata": rule("flag-age", kind="level", threshold=300),
    },
    "Subscription": _of(
        "AWS::SNS::Subscription",
        Endpoint={"Fn::GetAtt": ["Operations", "Arn"]},
        FilterPolicy={"NewStateValue": ["ALARM"], "AlarmName": [{"Ref": "ErrorRate"}]},
        TopicArn={"Ref": "Topic"},
    ),
    "CleanUp": _of(
        "AWS::Scheduler::Schedule",
        ScheduleExpression="at(2030-01-14T09:00:00)",
        ScheduleExpressionTimezone="Etc/UTC",
        Target={"Arn": {"Fn::GetAtt": ["Operations", "Arn"]}, "Input": '{"action": "cleanup"}'},
    ),
    "Check": _of(
        "AWS::Scheduler::Schedule",
        ScheduleExpression="rate(5 minutes)",
        Target={"Arn": {"Fn::GetAtt": ["Operations", "Arn"]}, "Input": '{"action": "check"}'},
    ),
}
