"""What one side is given, and the shadow, which runs either side, would lack."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import jsii
from aws_cdk import Annotations, CfnParameter, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IValidation

from shadow_canary.findings import logical_id
from shadow_canary.functions import LeastPrivilegeFunction

ONE_SIDED_GRANT = "shadow-canary:one-sided-grant"
PARAMETER_IN_VERSION = "shadow-canary:parameter-in-version"
"""The ids of warnings at synthesis, to acknowledge them."""


@jsii.implements(IValidation)
class AlikeSides:
    """Refuses a variable or a layer that `sides` have and `shadow` lacks, and warns of a grant.

    Each copy would fail there, in silence. What the service itself gave them so far is none. Nor is
    less of a grant on the same resource: a shadow should not write. Warns of a variable that only a
    deployment knows, too: a published version keeps it.

    Example:
        >>> service.node.add_validation(
        ...     AlikeSides(service.shadow, [service.function, service.candidate]))  # doctest: +SKIP
    """

    def __init__(
        self, shadow: LeastPrivilegeFunction, sides: Sequence[LeastPrivilegeFunction]
    ) -> None:
        self._shadow = shadow
        grants = _Grants(shadow)
        self._sides = sides
        self._own = {side: grants.of(side) for side in (shadow, *sides)}

    def validate(self) -> list[str]:
        """One error for each thing that is lacking; the warnings are annotations."""
        held, layers, grants = self._shadow.variables, _layers(self._shadow), _Grants(self._shadow)
        errors = list[str]()
        for side in self._sides:
            errors += [
                f"{side.node.path} has the variable {name}, and the shadow, which runs it on "
                "copies, has not, or another value; give it to the service: environment="
                for name, value in side.variables.items()
                if held.get(name) != value
            ]
            errors += [
                f"{side.node.path} has a layer that the shadow, which runs it on copies, lacks; "
                "give it to the service: layers="
                for layer in _layers(side)
                if layer not in layers
            ]
            for name in grants.unknown(side.variables):
                Annotations.of(side).add_warning_v2(
                    PARAMETER_IN_VERSION,
                    f"{side.node.path} is told {name} by a parameter of CloudFormation: another "
                    "value of it publishes no version, and users stay on the old one. Give the "
                    "parameter's name instead, and read it at run time",
                )
            given, copies_given = (
                grants.of(each) - self._own[each] for each in (side, self._shadow)
            )
            for service, resource in _lacking(given, copies_given):
                Annotations.of(side).add_warning_v2(
                    ONE_SIDED_GRANT,
                    f"{side.node.path} is granted {service} on {resource}, and the shadow, which "
                    "runs it on copies, is not: each copy would fail. Grant it to both, with "
                    "service.grant_control or service.grant_candidate",
                )
        return errors


def _layers(function: lambda_.Function) -> list[object]:
    return Stack.of(function).resolve(_resource(function).layers) or []


class _Grants:
    """What the functions of a stack reach and are told, as it is now."""

    def __init__(self, function: lambda_.Function) -> None:
        self._stack = Stack.of(function)
        kinds = (iam.CfnPolicy, iam.CfnManagedPolicy, ec2.CfnSecurityGroupIngress)
        nodes = self._stack.node.find_all()
        self._nodes = [node for node in nodes if isinstance(node, kinds)]
        self._parameters = [n.logical_id for n in nodes if isinstance(n, CfnParameter)]

    def unknown(self, variables: Mapping[str, str]) -> list[str]:
        """Those of `variables` that hold a parameter's value."""
        references = [json.dumps({"Ref": self._stack.resolve(id_)}) for id_ in self._parameters]
        values = {name: json.dumps(self._stack.resolve(v)) for name, v in variables.items()}
        return [n for n, value in values.items() if any(each in value for each in references)]

    def of(self, function: LeastPrivilegeFunction) -> set[tuple[str, str]]:
        """Services, and on what of each: by the policies of its role, and by its network."""
        resolve, role = self._stack.resolve, function.execution_role
        groups = (resolve(_resource(function).vpc_config) or {}).get("securityGroupIds", [])
        attached = resolve(cast("iam.CfnRole", role.node.default_child).managed_policy_arns) or []
        # By what they are now: a reference into a nested stack is another one once it is known.
        own = resolve(function.own_policies)
        found = {("a managed policy", _spelled(arn)) for arn in attached if arn not in own}
        for node in self._nodes:
            if isinstance(node, ec2.CfnSecurityGroupIngress):
                if resolve(node.source_security_group_id) in groups:
                    found.add(("a way in", _spelled(resolve(node.group_id))))
            elif {"Ref": logical_id(role)} in (resolve(node.roles) or []):
                found |= {*_allowed(resolve(node.policy_document))}
        return found


_OF_ONES_OWN = {"a managed policy", "secretsmanager", "ssm"}
"""Each side may have its own: of a role of the database that cannot write, the shadow's."""


def _lacking(
    given: set[tuple[str, str]], to_shadow: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """What the shadow has nothing like."""
    for service in sorted({service for service, _ in given}):
        here, there = ({on for s, on in of if s == service} for of in (given, to_shadow))
        instead = len(there - here) if service in _OF_ONES_OWN else 0
        yield from ((service, resource) for resource in sorted(here - there)[instead:])


def _allowed(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for statement in document["Statement"]:
        for action in _several(statement.get("Action", [])):
            for resource in _several(statement.get("Resource", [])):
                yield action.partition(":")[0], _spelled(resource)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _spelled(value: Any) -> str:
    """A reference as cdk-nag spells it, such as `<Table.Arn>`."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(map(_spelled, parts))
    return json.dumps(value)


def _resource(function: lambda_.Function) -> lambda_.CfnFunction:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)  # noqa: S101 - tells mypy what the L2 makes
    return resource
