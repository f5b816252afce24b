"""Names at their limits are no deployment that fails, and nobody else's."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from operations.report import _SUBJECT
from shadow_runtime.contract import Variable
from stacks.platform import Platform
from tests.unit.services import App, Template, service

OFFLINE: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
LONGEST_STACK = "S" * 128
LONGEST_ROUTE = "r" * 40
LIMITS = {
    ("AWS::AppConfig::Application", "Name"): 64,
    ("AWS::AppConfig::ConfigurationProfile", "Name"): 128,
    ("AWS::AppConfig::DeploymentStrategy", "Name"): 64,
    ("AWS::AppConfig::Environment", "Name"): 64,
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): 1024,
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::IAM::Policy", "PolicyName"): 128,
    ("AWS::Lambda::Function", "Description"): 256,
    ("AWS::Lambda::LayerVersion", "Description"): 256,
    ("AWS::Logs::QueryDefinition", "Name"): 255,
    ("AWS::SNS::Topic", "DisplayName"): 100,
    ("AWS::SSM::Parameter", "Name"): 1011,
    ("AWS::Scheduler::Schedule", "Description"): 512,
}
"""Characters, by the services' own API references."""

GENERATED = {
    ("AWS::CodeDeploy::Application", "ApplicationName"),
    ("AWS::CodeDeploy::DeploymentConfig", "DeploymentConfigName"),
    ("AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Lambda::LayerVersion", "LayerName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::Scheduler::Schedule", "Name"),
    ("AWS::SecretsManager::Secret", "Name"),
}
"""CloudFormation names them, within their limits."""

RESOLVED = {"Ref": "S" * 128, "Fn::GetAtt": "9" * 10}
"""The longest that a reference in a name stands for: a nested stack's name, a version's number."""


@pytest.fixture(scope="module")
def longest(lambdas: Path) -> dict[str, Template]:
    """By kind of app: the longest names there are."""
    app = cdk.App(context=OFFLINE)
    alone = cdk.Stack(app, "Alone", stack_name=LONGEST_STACK)
    service(alone, lambdas, route=LONGEST_ROUTE)
    nested = cdk.NestedStack(cdk.Stack(app, "Outer", stack_name="O" * 128), "N" * 128)
    service(nested, lambdas, route=LONGEST_ROUTE)
    staged = cdk.Stack(cdk.Stage(app, "P" * 64), "S" * 63)
    service(staged, lambdas, route=LONGEST_ROUTE)
    platform = Platform(cdk.Stage(app, "Q" * 64), "S" * 63)
    assert len(staged.stack_name) == len(platform.stack_name) == 128
    return {
        "alone": App(alone).templates[LONGEST_STACK],
        "nested": App(nested).templates[nested.stack_name],
        "in a Stage": App(staged).templates[staged.stack_name],
        "the platform": App(platform).templates[platform.stack_name],
    }


APPS = ("alone", "nested", "in a Stage", "the platform")


@pytest.mark.parametrize("app", APPS)
def test_every_name_is_within_its_limit(longest: dict[str, Template], app: str) -> None:
    measured = {
        (resource["Type"], key, id_): longest_of(resource["Properties"][key])
        for id_, resource in longest[app]["Resources"].items()
        for kind, key in LIMITS
        if resource["Type"] == kind and key in resource.get("Properties", {})
    }
    assert measured
    too_long = {of: size for of, size in measured.items() if size > LIMITS[of[:2]]}
    assert not too_long


@pytest.mark.parametrize("app", APPS)
def test_every_other_name_is_cloudformations(longest: dict[str, Template], app: str) -> None:
    given = {
        (resource["Type"], key)
        for resource in longest[app]["Resources"].values()
        for kind, key in GENERATED
        if resource["Type"] == kind and key in resource.get("Properties", {})
    }
    assert not given


def longest_of(name: Any) -> int:
    """Characters of a name, where each reference stands for the longest there is."""
    match name:
        case str():
            return len(name)
        case {"Fn::Join": [str(separator), [*parts]]}:
            return sum(map(longest_of, parts)) + len(separator) * (len(parts) - 1)
    [kind] = name
    return len(RESOLVED[kind])


@pytest.mark.parametrize("app", APPS[:3])
def test_a_dimension_is_within_255_characters_and_known_at_synthesis(
    longest: dict[str, Template], app: str
) -> None:
    values = [
        dimension["Value"]
        for alarm in longest[app]["Resources"].values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
        for metric in alarm["Properties"].get("Metrics", [])
        for dimension in metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
        if dimension["Name"] == "Route"
    ]
    assert values
    assert {len(value) for value in values} == {128 + 1 + 40}


@pytest.mark.parametrize("app", APPS[:3])
def test_what_the_functions_are_told_leaves_a_team_its_3000_bytes(
    longest: dict[str, Template], app: str
) -> None:
    for id_, resource in longest[app]["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            variables.pop(Variable.EXPOSURE_ALARMS, None)  # these have the 3,000 bytes themselves
            told = sum(len(name) + told_of(name, value) for name, value in variables.items())
            assert told < 4_096 - 3_000, id_


def told_of(name: str, value: Any) -> int:
    """Characters of a variable: a reference is one to something that CloudFormation names."""
    match name, value:
        case _, str():
            return len(value)
        case (Variable.TOPIC, _):
            return len("arn:aws-us-gov:sns:ap-southeast-1:123456789012:") + 256
        case (Variable.CANDIDATE | Variable.SHADOW | Variable.VERSION, _):
            return len("arn:aws-us-gov:lambda:ap-southeast-1:123456789012:function::99999") + 64
        case (Variable.FUNCTION, _):
            return 64
        case (Variable.MASKING_KEY, _):
            return len("arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:") + 255
    return len("abcd123")  # an id of AppConfig's


def test_two_long_names_that_begin_alike_are_told_apart(lambdas: Path) -> None:
    given = set[str]()
    for last in "AB":
        app = cdk.App(context=OFFLINE)
        stack = cdk.Stack(app, last, stack_name=f"{'S' * 127}{last}")
        service(stack, lambdas, route=LONGEST_ROUTE)
        [template] = App(stack).templates.values()
        names = {
            f"{resource['Type']} {json.dumps(resource['Properties'][key])}"
            for resource in template["Resources"].values()
            for kind, key in LIMITS
            if resource["Type"] == kind
            and key in ("Name", "AlarmName", "DashboardName")
            and key in resource["Properties"]
        }
        assert names
        assert not names & given
        given |= names


def test_a_subject_of_sns_is_within_100_characters() -> None:
    subject = f"{LONGEST_STACK}/{LONGEST_ROUTE}: users are back on control"[-_SUBJECT:]
    assert len(subject) == 100
    assert subject.endswith("r: users are back on control")


@pytest.mark.parametrize("route", ["r" * 41, "", "Get", "get_user", "1st", "${Token[Route.1]}"])
def test_fails_on_a_route_that_no_resource_could_carry(lambdas: Path, route: str) -> None:
    stack = cdk.Stack(cdk.App(context=OFFLINE), "Orders")
    with pytest.raises(ValueError, match="route names metrics and alarms: up to 40"):
        service(stack, lambdas, route=route)


def stacks_nested_in_one(app: cdk.App) -> list[cdk.Stack]:
    outer = cdk.Stack(app, "Outer")
    return [cdk.NestedStack(outer, id_) for id_ in ("One", "Other")]


def test_fails_on_two_routes_of_a_name_in_one_stack_whose_metrics_would_be_one(
    lambdas: Path,
) -> None:
    one, other = stacks_nested_in_one(cdk.App(context=OFFLINE))
    service(one, lambdas)
    with pytest.raises(ValueError, match="Outer/One/Service and Outer/Other/Service would both"):
        service(other, lambdas)


def test_fails_on_two_stacks_and_routes_that_make_one_name(lambdas: Path) -> None:
    app = cdk.App(context=OFFLINE)
    service(cdk.Stack(app, "Orders"), lambdas, route="get-item")
    with pytest.raises(ValueError, match="would both name their alarms Orders-get-item"):
        service(cdk.Stack(app, "Orders-get"), lambdas, route="item")


@pytest.mark.parametrize("within", ["regions", "Stages", "apps"])
def test_the_same_name_elsewhere_is_nobodys(lambdas: Path, within: str) -> None:
    app = cdk.App(context=OFFLINE)
    for region in ("eu-central-1", "us-east-1"):
        env = cdk.Environment(account="123456789012", region=region)
        scope: Any = {"regions": app, "Stages": None, "apps": cdk.App(context=OFFLINE)}[within]
        scope = scope or cdk.Stage(app, region.title().replace("-", ""))
        options: dict[str, Any] = {"env": env} if within == "regions" else {}
        service(cdk.Stack(scope, region, stack_name="Orders", **options), lambdas)
