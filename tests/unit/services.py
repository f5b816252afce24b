"""A service of a route of nobody's, its dataset, and the templates of an app that holds one."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template as Synthesized
from constructs import Construct

from shadow_canary import (
    Dataset,
    DatasetCode,
    RouteCode,
    ShadowCanaryService,
    Stage,
    Traffic,
)

Template = dict[str, Any]


def stack_of_nothing(id_: str = "Orders", **options: Any) -> cdk.Stack:
    """A stack, alone in an app that builds no layers."""
    return cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}), id_, **options)


def beside(stack: cdk.Stack, id_: str, **options: Any) -> cdk.Stack:
    """Another stack of the same app."""
    return cdk.Stack(cdk.App.of(stack), id_, **options)


def service(stack: cdk.Stack, lambdas: Path, **options: Any) -> ShadowCanaryService:
    """The service; `options` go before what it has otherwise."""
    usual: dict[str, Any] = {
        "route": "orders",
        "code": RouteCode(lambdas / "routes/orders", root=lambdas),
        "launch": datetime(2030, 1, 7, 9, tzinfo=UTC),
        "ceiling": Stage.LIVE,
        "expected_traffic": Traffic.per_day(1_000_000, users=50_000),
    }
    return ShadowCanaryService(stack, "Service", **{**usual, **options})


def dataset(stack: cdk.Stack, lambdas: Path, **options: Any) -> Dataset:
    """A dataset; `options` go before what it has otherwise."""
    usual: dict[str, Any] = {
        "name": "users",
        "code": DatasetCode(lambdas / "datasets/users", root=lambdas),
    }
    return Dataset(stack, "Dataset", **{**usual, **options})


def with_dataset(
    stack: cdk.Stack, lambdas: Path, users: Dataset, **options: Any
) -> ShadowCanaryService:
    """A service of a route that ships it and has it."""
    packages = [lambdas / "datasets/users"]
    code = RouteCode(lambdas / "routes/orders", root=lambdas, packages=packages)
    return service(stack, lambdas, **{"code": code, "dataset": users, **options})


def warnings(scope: Construct, id_: str) -> list[str]:
    """What synthesis warns of under `id_`."""
    found = (entry for node in scope.node.find_all() for entry in node.node.metadata)
    return [str(entry.data) for entry in found if f"[ack: {id_}]" in str(entry.data)]


class App:
    """The templates of an app, in which references lead from stack to stack.

    A place is the name of a stack and a logical id in it.
    """

    def __init__(self, *stacks: cdk.Stack) -> None:
        self.templates: dict[str, Template] = {
            stack.stack_name: dict(Synthesized.from_stack(stack).to_json()) for stack in stacks
        }

    def all(self, kind: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The properties of every resource of a type, by its place."""
        return {
            (stack, id_): resource.get("Properties", {})
            for stack, template in self.templates.items()
            for id_, resource in template.get("Resources", {}).items()
            if resource["Type"] == kind
        }

    def place(self, stack: str, value: object) -> tuple[str, str]:
        """The resource that `value`, as it stands in `stack`, refers to."""
        match value:
            case {"Ref": str(id_)} | {"Fn::GetAtt": [str(id_), *_]}:
                return stack, id_
            case {"Fn::ImportValue": str(name)}:
                other, _, output = name.partition(":")
                return self.place(other, self.templates[other]["Outputs"][output]["Value"])
        raise AssertionError(f"{json.dumps(value)} in {stack} refers to no resource")
