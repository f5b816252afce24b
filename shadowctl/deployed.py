"""The routes that an account holds, found by what their stacks say of themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from operations.settings import OperationsSettings
from shadow_runtime.contract import ShadowCanaryError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class RouteError(ShadowCanaryError):
    """There is no such route, or it may not go there: what was asked for, and what to do."""


@dataclass(frozen=True, slots=True)
class DeployedRoute:
    """A route in a stack; the function that moves it, by its ARN, and that one's settings."""

    stack: str
    function: str
    settings: OperationsSettings

    @property
    def name(self) -> str:
        """The route's own, as its stack's file says it."""
        return self.settings.route.rpartition("/")[2]


def find_route(route: str, aws: boto3.Session) -> DeployedRoute:
    """The route of a stack's name, or of its path in the app, such as `Prod/GetUser`.

    Where a stack holds several routes, the name of one follows: `Users:get-user`.

    Raises:
        RouteError: no such stack here, none with a ShadowCanaryService, or several.
    """
    wanted, _, name = route.partition(":")
    stack = wanted.replace("/", "-")  # the CDK names a stack in a Stage so
    try:
        described = aws.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if error.response["Error"]["Code"] != _NO_STACK:
            raise
        raise RouteError(
            f"no stack {stack!r} in {aws.region_name}: `shadowctl routes` names those with a "
            "route; another region is AWS_REGION, the embedded AWS --local"
        ) from error
    found = {held.name: held for held in _routes(described["Stacks"][0], aws)}
    if not found:
        raise RouteError(f"stack {stack!r} holds no ShadowCanaryService; name a route's stack")
    if name and name not in found:
        raise RouteError(f"no route {name!r} in {stack}; the routes there: {', '.join(found)}")
    if len(found) > 1 and not name:
        such = f"{wanted}:{next(iter(found))}"
        raise RouteError(f"{stack} holds {' and '.join(found)}; name one, such as {such}")
    return found[name or next(iter(found))]


def every(aws: boto3.Session) -> Iterator[DeployedRoute]:
    """All routes of the account in this region, by stack."""
    lambda_ = aws.client("lambda")
    return (each.read(lambda_) for each in every_held(aws))


def every_held(aws: boto3.Session) -> "Iterator[Held]":
    """The same, none of them looked at yet."""
    for stack, key, value in outputs(aws):
        if _OF_A_ROUTE in key:
            yield Held(stack, value)


def outputs(aws: boto3.Session) -> Iterator[tuple[str, str, str]]:
    """Every output of the account in this region: its outermost stack, key and value."""
    pages = aws.client("cloudformation").get_paginator("describe_stacks").paginate()
    for page in pages:
        for stack in page["Stacks"]:
            outermost = stack.get("RootId", f"stack/{stack['StackName']}").split("/")[1]
            for output in stack.get("Outputs", []):
                yield outermost, output["OutputKey"], output["OutputValue"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a stack says of a route that it holds: the name of the function that moves it."""

    stack: str
    function: str

    def read(self, lambda_: "LambdaClient") -> DeployedRoute:
        """The route, by what that function knows.

        Raises:
            RouteError: it knows less than this release asks it for.
        """
        function = lambda_.get_function_configuration(FunctionName=self.function)
        try:
            settings = OperationsSettings.of(function["Environment"]["Variables"])
        except (KeyError, ValueError) as error:
            raise RouteError(
                f"{self.stack} is of another release ({self.function}: {error}): deploy it with "
                "this one, or disable its flag in AppConfig's console, which is off"
            ) from error
        return DeployedRoute(self.stack, function["FunctionArn"], settings)


def _routes(stack: Any, aws: boto3.Session) -> Iterator[DeployedRoute]:
    """Those of a described stack and of the stacks nested in it, under its name."""
    name, cloudformation = stack["StackName"], aws.client("cloudformation")
    held = [*_held(stack, name)]
    for _, kind, id_ in stack_resources(aws, name):
        if kind == _NESTED:
            nested = cloudformation.describe_stacks(StackName=id_)["Stacks"][0]
            held += _held(nested, name)
    lambda_ = aws.client("lambda")
    return (each.read(lambda_) for each in held)


def _held(described: Any, stack: str) -> Iterator[Held]:
    for output in described.get("Outputs", []):
        if _OF_A_ROUTE in output["OutputKey"]:
            yield Held(stack, output["OutputValue"])


_OF_A_ROUTE = "OperationsName"
_NO_STACK = "ValidationError"
_NESTED = "AWS::CloudFormation::Stack"


def stack_resources(aws: boto3.Session, stack: str) -> list[tuple[str, str, str]]:
    """Logical id, type and physical id of each resource of a deployed stack, and of nested ones."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources")
    found = [
        (one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack)
        for one in page["StackResourceSummaries"]
    ]
    nested = [name for _, kind, name in found if kind == _NESTED]
    return [*found, *(inner for name in nested for inner in stack_resources(aws, name))]
