"""Every statement of the templates, and what can be taken out of it: an action, a resource."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.template import Resource, Stack, without_hash

_OURS = re.compile(r"arn:\{AWS::Partition\}:[a-z0-9-]+:(\{AWS::Region\})?:(\{AWS::AccountId\})?:")


_OF_AWS = ":iam::aws:policy/"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy that a stack makes, as people read it.

    `holder` says whose policy it is, `principal` whom a resource's own policy names; `policy` is
    the logical id of what it stands in. `kind` is `identity`, `resource`, `trust`, or `managed`,
    which is one of AWS's own policies, by its name.
    """

    stack: str
    policy: str
    holder: str
    kind: str
    effect: str
    principal: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What is taken out of a statement: an `action`, or a `resource` where there are several."""

    statement: Statement
    action: str = ""
    resource: str = ""

    @property
    def holder(self) -> str:
        """Whose it is."""
        return self.statement.holder

    @property
    def text(self) -> str:
        """As the table names it."""
        of = self.statement
        if self.resource:
            others = f" and {len(of.actions) - 1} more" if len(of.actions) > 1 else ""
            return f"`{self.resource}`, for `{of.actions[0]}`{others}"
        effect = "" if of.effect == "Allow" else f"{of.effect} "
        on = f" on `{of.resources[0]}`" if len(of.resources) == 1 else ""
        whom = f" by `{of.principal}`" if of.principal else ""
        condition = f" if `{of.condition}`" if of.condition else ""
        return f"{effect}`{self.action}`{on}{whom}{condition}"


def statements(assembly: Path) -> list[Statement]:
    """All of them, in the order of the templates."""
    return [
        statement
        for stack in Stack.all_of(assembly)
        for logical_id, body in stack.template.get("Resources", {}).items()
        for statement in _of(Resource(stack.name, logical_id, body))
    ]


def grants(assembly: Path) -> list[Grant]:
    """All that can be taken out, by holder."""
    found = [grant for statement in statements(assembly) for grant in _parts(statement)]
    return sorted(found, key=lambda grant: (grant.statement.stack, grant.holder))


def _parts(statement: Statement) -> Iterator[Grant]:
    yield from (Grant(statement, action=action) for action in statement.actions)
    if len(statement.resources) > 1:
        yield from (Grant(statement, resource=resource) for resource in statement.resources)


def _of(resource: Resource) -> Iterator[Statement]:
    for kind, document in _documents(resource):
        for found in document["Statement"]:
            yield Statement(
                stack=resource.stack,
                policy=resource.logical_id,
                holder=_holder(resource),
                kind=kind,
                effect=found["Effect"],
                principal=_principal(found.get("Principal", "")),
                actions=tuple(_several(found["Action"])),
                resources=tuple(_named(each) for each in _several(found.get("Resource", []))),
                condition=_condition(found.get("Condition", {})),
            )
    for arn in map(_named, resource.get("ManagedPolicyArns") or []):
        if _OF_AWS in arn:
            yield Statement(
                stack=resource.stack,
                policy=resource.logical_id,
                holder=without_hash(resource.logical_id),
                kind="managed",
                effect="Allow",
                principal="",
                actions=(f"policy {arn.partition(_OF_AWS)[2]}",),
                resources=(),
                condition="",
            )
    if resource.body["Type"] == "AWS::Lambda::Permission":
        sources = {
            f"aws:{name}": _named(resource.get(name))
            for name in ("SourceArn", "SourceAccount")
            if resource.get(name)
        }
        yield Statement(
            stack=resource.stack,
            policy=resource.logical_id,
            holder=f"who may call {_named(resource.need('FunctionName'))}",
            kind="resource",
            effect="Allow",
            principal=_named(resource.need("Principal")),
            actions=(resource.need("Action"),),
            resources=(),
            condition=", ".join(f"{key} is {value}" for key, value in sources.items()),
        )


def _documents(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Policy documents, with what their kind is: of an identity, of a resource, or of trust."""
    if isinstance(document := resource.get("PolicyDocument"), Mapping):
        is_own = resource.body["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        yield "identity" if is_own else "resource", document
    for name in ("ResourcePolicy", "KeyPolicy"):
        if isinstance(document := resource.get(name), Mapping):
            yield "resource", document
    if resource.body["Type"] == "AWS::IAM::Role":
        yield "trust", resource.need("AssumeRolePolicyDocument")
        for inline in resource.get("Policies") or []:
            yield "identity", inline["PolicyDocument"]


def _holder(resource: Resource) -> str:
    name = without_hash(resource.logical_id)
    match resource.body["Type"]:
        case "AWS::IAM::Role":
            return f"who may be {name}"
        case "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy":
            return name.removesuffix("DefaultPolicy")
    return f"policy of {name.removesuffix('Policy')}"


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _principal(value: Any) -> str:
    match value:
        case {"Service": service}:
            return _named(service)
        case {"AWS": account}:
            return _named(account)
    return _named(value)


def _condition(value: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{operator} {key} {_named(wanted)}"
        for operator, keys in value.items()
        for key, wanted in keys.items()
    )


def _named(value: Any) -> str:
    """An intrinsic function by what it refers to, less what every ARN of ours begins with."""
    match value:
        case str():
            text = value
        case {"Ref": name}:
            text = f"{{{name if name.startswith('AWS::') else without_hash(name)}}}"
        case {"Fn::GetAtt": [name, _]}:
            text = f"{{{without_hash(name)}}}"
        case {"Fn::Join": ["", parts]}:
            text = "".join(_named(part) for part in parts)
        case _:
            text = str(value)
    return _OURS.sub("", text)


NO_RESOURCE = {
    "cloudwatch:DescribeAlarms": "list_amazoncloudwatch",  # composite alarms, to who sees all
    "cloudwatch:GetMetricData": "list_amazoncloudwatch",
    "cloudwatch:ListAlarmMuteRules": "list_amazoncloudwatch",
    "sns:GetSubscriptionAttributes": "list_amazonsns",
    "xray:PutTelemetryRecords": "list_awsx-ray",
    "xray:PutTraceSegments": "list_awsx-ray",
}
"""Actions for which AWS knows no resource, and the page that says so, below
https://docs.aws.amazon.com/service-authorization/latest/reference/"""

NUMBERED = {
    r"\{\w+\}:\*": "versions and aliases of one function",
    r".+/deployment/\*": "deployments of one environment",
    r".+/hostedconfigurationversion/\*": "versions of one profile",
    r".+/configuration/\*": "of one environment: what its one profile says",
    r"application/\{\w+\}/(environment|configurationprofile)/\*": "a route's own application",
    r"alarm:\*": "alarms that are asked for by name are judged as all of them",
}
"""What may end with a wildcard, and what that stands for."""


PAIRS = ("kms:GenerateDataKey*", "kms:ReEncrypt*")
"""Of a key: with its plaintext and without, from and to. AWS documents each as one."""


def is_wide(statement: Statement) -> bool:
    """Whether an identity may do more than AWS makes one ask for."""
    if statement.kind != "identity":
        return False
    for resource in statement.resources:
        if resource == "*" and not {*statement.actions} <= NO_RESOURCE.keys():
            return True
        if (
            resource != "*"
            and "*" in resource
            and not any(re.fullmatch(pattern, resource) for pattern in NUMBERED)
        ):
            return True
    return any("*" in action and action not in PAIRS for action in statement.actions)
