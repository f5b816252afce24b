"""Whatever an organization asks of all its stacks: a boundary, tags, another partition."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from tests.checkout import ROOT
from tests.unit.services import App, Template, service

OFFLINE: dict[str, Any] = {"aws:cdk:bundling-stacks": []}
TAGGED = {
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::AppConfig::DeploymentStrategy",
    "AWS::AppConfig::Environment",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
}


def synthesized(
    lambdas: Path,
    then: Callable[[cdk.App, cdk.Stack], object] = lambda app, stack: None,
    *,
    context: dict[str, Any] | None = None,
    **options: Any,
) -> Template:
    app = cdk.App(context={**OFFLINE, **(context or {})})
    stack = cdk.Stack(app, "Orders", **options)
    service(stack, lambdas, encryption_key=kms.Key(stack, "Key"))
    then(app, stack)
    return App(stack).templates["Orders"]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    found = template["Resources"].items()
    return {id_: each.get("Properties", {}) for id_, each in found if each["Type"] == kind}


def test_a_permissions_boundary_of_the_app_is_on_every_role(lambdas: Path) -> None:
    arn = "arn:aws:iam::123456789012:policy/boundary"

    def bounded(app: cdk.App, stack: cdk.Stack) -> None:
        boundary = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", arn)
        iam.PermissionsBoundary.of(app).apply(boundary)

    roles = of_type(synthesized(lambdas, bounded), "AWS::IAM::Role")
    assert len(roles) > 8
    assert {role.get("PermissionsBoundary") for role in roles.values()} == {arn}


def tagged(app: cdk.App, _: cdk.Stack) -> None:
    cdk.Tags.of(app).add("team", "orders")


@pytest.mark.parametrize("flags", [True, False])
def test_a_tag_of_the_app_reaches_what_takes_one_and_publishes_no_version(
    lambdas: Path, flags: bool
) -> None:
    context = flags_of_the_cdk() if flags else {}
    before = synthesized(lambdas, context=context)
    after = synthesized(lambdas, tagged, context=context)
    for kind in TAGGED:
        for id_, properties in of_type(after, kind).items():
            assert {"Key": "team", "Value": "orders"} in properties.get("Tags", []), id_
    assert of_type(after, "AWS::Lambda::Version") == of_type(before, "AWS::Lambda::Version")


def test_a_tag_of_the_app_does_not_deploy_the_seed_over_the_position(lambdas: Path) -> None:
    seeds = [
        of_type(synthesized(lambdas, then), "AWS::AppConfig::Deployment")
        for then in (tagged, lambda app, stack: None)
    ]
    assert seeds[0] == seeds[1] != {}


REGIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


@pytest.mark.parametrize("partition", REGIONS)
def test_arns_principals_and_links_are_of_the_partition(lambdas: Path, partition: str) -> None:
    region = REGIONS[partition]
    env = cdk.Environment(account="123456789012", region=region)
    text = json.dumps(synthesized(lambdas, context=flags_of_the_cdk(), env=env))
    assert {*re.findall(r"arn:(aws[a-z-]*):", text)} == {partition}
    assert f'"logs.{region}.", {{"Ref": "AWS::URLSuffix"}}' in text
    assert f"https://{region}." in text
    assert {*re.findall(r'"Fn::FindInMap": \["[^"]*Consoles[^"]*", (.*?), "Host"\]', text)} == {
        f'"{partition}"'
    }


def test_an_unknown_partition_is_left_to_the_deployment(lambdas: Path) -> None:
    text = json.dumps(synthesized(lambdas, context=flags_of_the_cdk()))
    assert re.findall(r"arn:aws[a-z-]*:", text) == []
    assert '"logs.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}' in text


def flags_of_the_cdk() -> dict[str, Any]:
    """As a new app is made with them."""
    found: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return found
