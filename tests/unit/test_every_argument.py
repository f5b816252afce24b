"""Every argument of the public constructs reaches the template: what is ignored is noticed."""

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from shadow_canary import (
    Dataset,
    DatasetCode,
    Ramp,
    RouteCode,
    ShadowCanaryService,
    Stage,
    Traffic,
    Window,
)
from shadow_canary.flag import FlagStrategies
from stacks.platform import Platform
from tests.unit.services import App, Template, beside, dataset, service, stack_of_nothing

OTHER = Window(period=timedelta(minutes=7), minimum_requests=77)
ARN = "arn:aws:lambda:eu-central-1:123456789012:layer:team:1"

Value = Callable[[cdk.Stack, Path], Any]

OF_SERVICE: dict[str, Any] = {
    "route": "others",
    "launch": datetime(2031, 1, 7, 9, tzinfo=UTC),
    "ceiling": Stage.SHADOW,
    "expected_traffic": Traffic.per_day(1_000, users=50),
    "ramp": Ramp.steps(1, 100, dwell=cdk.Duration.hours(24)),
    "retire_after": cdk.Duration.days(9),
    "timeout": cdk.Duration.seconds(20),
    "candidate_deadline": cdk.Duration.seconds(3),
    "memory_size": 768,
    "candidate_memory_size": 2048,
    "provisioned_concurrent_executions": 3,
    "shadow_reserved_concurrent_executions": 7,
    "shift": codedeploy.TimeBasedCanaryTrafficRouting(
        percentage=9, interval=cdk.Duration.minutes(11)
    ),
    "error_rate_percent": 7,
    "mismatch_percent": 7,
    "latency_ratio": 7,
    "latency_floor": cdk.Duration.millis(700),
    "latency_bound": cdk.Duration.seconds(1),
    "code_window": OTHER,
    "exposure_window": OTHER,
    "dashboard": False,
    "log_retention": logs.RetentionDays.ONE_DAY,
    "environment": {"TABLE": "orders"},
    "runtime": lambda_.Runtime.PYTHON_3_12,
    "architecture": lambda_.Architecture.X86_64,
    "removal_policy": cdk.RemovalPolicy.RETAIN,
    "production": False,
}
MADE_FOR_SERVICE: dict[str, Value] = {
    "dataset": lambda stack, lambdas: dataset(beside(stack, "Users"), lambdas),
    "code": lambda _, lambdas: RouteCode(lambdas / "routes/orders", root=lambdas / "routes"),
    "notifications": lambda stack, _: sns.Topic(stack, "Mine"),
    "strategies": lambda stack, _: FlagStrategies(stack, "Strategies"),
    "layers": lambda stack, _: [lambda_.LayerVersion.from_layer_version_arn(stack, "Team", ARN)],
    "vpc": lambda stack, _: ec2.Vpc(stack, "Vpc"),
    "encryption_key": lambda stack, _: kms.Key(stack, "Key"),
}
OF_DATASET: dict[str, Any] = {
    name: OF_SERVICE[name]
    for name in ("environment", "runtime", "architecture", "log_retention", "memory_size")
} | {"name": "others", "removal_policy": cdk.RemovalPolicy.DESTROY}
MADE_FOR_DATASET: dict[str, Value] = {
    name: MADE_FOR_SERVICE[name] for name in ("notifications", "layers", "vpc", "encryption_key")
} | {"code": lambda _, lambdas: DatasetCode(lambdas / "datasets/users", root=lambdas / "datasets")}
HELD_ELSEWHERE = {"requirements", "vpc_subnets", "security_groups", "route_in_vpc"}
"""They need another argument, or a file: `test_team_code`, `test_dataset`."""

OF_PLATFORM: dict[str, dict[str, Any]] = {
    "issuer": {"issuer": "https://login.example.com/", "audience": ["users"]},
    "audience": {"issuer": "https://login.example.com/", "audience": ["others"]},
    "candidate_secret": {"candidate_secret": "mine"},
    "shadow_secret": {"shadow_secret": "mine"},
    "rate_limit": {"rate_limit": 7},
    "burst_limit": {"burst_limit": 7},
}


def arguments(construct: type) -> set[str]:
    return {*inspect.signature(vars(construct)["__init__"]).parameters} - {"self", "scope", "id_"}


@pytest.fixture(scope="module")
def usual(lambdas: Path) -> Template:
    return synthesized(lambdas, lambda _: {})


def synthesized(lambdas: Path, options: Callable[[cdk.Stack], dict[str, Any]]) -> Template:
    stack = stack_of_nothing()
    packages = [lambdas / "datasets/users"]
    code = RouteCode(lambdas / "routes/orders", root=lambdas, packages=packages)
    service(stack, lambdas, **{"code": code, **options(stack)})
    return App(stack).templates["Orders"]


def test_no_argument_of_the_service_is_left_out_here() -> None:
    assert {*OF_SERVICE, *MADE_FOR_SERVICE} | HELD_ELSEWHERE == arguments(ShadowCanaryService)


def test_equal_arguments_make_equal_services(lambdas: Path, usual: Template) -> None:
    assert of_service(synthesized(lambdas, lambda _: {})) == of_service(usual)


@pytest.mark.parametrize("name", [*OF_SERVICE, *MADE_FOR_SERVICE])
def test_an_argument_of_the_service_changes_what_the_service_makes(
    lambdas: Path, usual: Template, name: str
) -> None:
    def given(stack: cdk.Stack) -> dict[str, Any]:
        if name in OF_SERVICE:
            return {name: OF_SERVICE[name]}
        return {name: MADE_FOR_SERVICE[name](stack, lambdas)}

    assert of_service(synthesized(lambdas, given)) != of_service(usual)


def test_no_argument_of_a_dataset_is_left_out_here() -> None:
    elsewhere = HELD_ELSEWHERE - {"route_in_vpc"}
    assert {*OF_DATASET, *MADE_FOR_DATASET} | elsewhere == arguments(Dataset)


@pytest.mark.parametrize("name", [*OF_DATASET, *MADE_FOR_DATASET])
def test_an_argument_of_a_dataset_changes_what_it_makes(lambdas: Path, name: str) -> None:
    def made(**options: Value) -> dict[str, Any]:
        stack = stack_of_nothing()
        dataset(stack, lambdas, **{n: value(stack, lambdas) for n, value in options.items()})
        found = App(stack).templates["Orders"]["Resources"].items()
        return {i: resource for i, resource in found if i.startswith("Dataset")}

    given = MADE_FOR_DATASET.get(name, lambda _stack, _lambdas: OF_DATASET[name])
    assert made() == made() != made(**{name: given})


def of_service(template: Template) -> dict[str, Any]:
    """What is the service's own, and not what it was given."""
    found = template["Resources"].items()
    return {i: resource for i, resource in found if i.startswith("Service")}


def test_sizes_and_times_stand_where_they_belong(lambdas: Path) -> None:
    options = ("timeout", "memory_size", "candidate_memory_size", "log_retention", "retire_after")
    template = synthesized(lambdas, lambda _: {name: OF_SERVICE[name] for name in options})
    resources = template["Resources"]
    functions = {
        i: r["Properties"] for i, r in resources.items() if r["Type"] == "AWS::Lambda::Function"
    }

    def of(role: str, name: str) -> Any:
        [found] = [f for i, f in functions.items() if i[:-8] == f"Service{role}"]
        return found[name]

    assert of("Route", "Timeout") == 20
    assert of("Route", "MemorySize") == 768
    assert of("Candidate", "MemorySize") == of("Shadow", "MemorySize") == 2048
    [schedule] = [
        r["Properties"]["ScheduleExpression"]
        for r in resources.values()
        if r["Type"] == "AWS::Scheduler::Schedule"
        and r["Properties"]["ScheduleExpression"].startswith("at(")
    ]
    assert schedule == "at(2030-01-16T09:00:00)"
    kept = {
        r["Properties"]["RetentionInDays"]
        for r in resources.values()
        if r["Type"] == "AWS::Logs::LogGroup"
    }
    assert kept == {1}  # of all functions, the hook included


def test_no_argument_of_the_platform_is_left_out_here() -> None:
    assert {*OF_PLATFORM} == arguments(Platform)


@pytest.mark.parametrize("name", OF_PLATFORM)
def test_an_argument_of_the_platform_changes_its_template(name: str) -> None:
    usual = {"issuer": "https://login.example.com/", "audience": ["users"]}
    before = usual if name == "audience" else {}
    assert platform(OF_PLATFORM[name]) != platform(before)


def platform(options: dict[str, Any]) -> str:
    stack = Platform(cdk.App(), "Platform", **options)
    return json.dumps(App(stack).templates["Platform"])
