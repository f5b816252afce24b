"""How tests read a template: by type, by role, as text, and as a graph."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

_ATTRIBUTE = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")
_HASH = re.compile(r"[0-9A-F]{8}(?:[0-9a-f]{32})?$")


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one CloudFormation type, by logical id."""
    return {i: r for i, r in template["Resources"].items() if r["Type"] == kind}


def spelled(value: Any) -> Any:
    """`value` with its references as text, by role: `<ServiceRouteRole.Arn>`.

    The role is the logical id without the hash that CDK appends.
    """
    match value:
        case {"Ref": str(logical_id)}:
            return f"<{_HASH.sub('', logical_id)}>"
        case {"Fn::GetAtt": [str(logical_id), str(attribute)]}:
            return f"<{_HASH.sub('', logical_id)}.{attribute}>"
        case {"Fn::FindInMap": [_, _, str(name)]}:
            return f"<{name}>"
        case {"Fn::Join": [str(separator), parts]}:
            return separator.join(map(spelled, parts))
        case dict():
            return {name: spelled(inner) for name, inner in value.items()}
        case list():
            return [spelled(inner) for inner in value]
    return value


def every(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of one type, by role."""
    return {
        _HASH.sub("", logical_id): spelled(resource.get("Properties", {}))
        for logical_id, resource in resources(template, kind).items()
    }


def the(template: Template, kind: str, role: str = "") -> dict[str, Any]:
    """The properties of the resource of a type that has this role, or that is the only one."""
    found = every(template, kind)
    if not role:
        [role] = found
    return found[role]


def function(template: Template, role: str) -> dict[str, Any]:
    """The properties of one of the service's functions, by its role noun."""
    return the(template, "AWS::Lambda::Function", f"Service{role}")


def variables(template: Template, role: str) -> dict[str, Any]:
    """The environment of the function `role`."""
    found: dict[str, Any] = function(template, role)["Environment"]["Variables"]
    return found


def may(template: Template, role: str) -> dict[str, set[str]]:
    """What the role of a function or of a group may do: actions, and where each is allowed."""
    policy = the(template, "AWS::IAM::Policy", f"Service{role}RoleDefaultPolicy")
    allowed: dict[str, set[str]] = defaultdict(set)
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in _several(statement["Action"]):
            allowed[action] |= set(_several(statement["Resource"]))
    return dict(allowed)


def granted(template: Template, role: str) -> dict[str, set[str]]:
    """What the function `role` may do beyond its own log and traces."""
    return {a: on for a, on in may(template, role).items() if not a.startswith(("logs:", "xray:"))}


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def references(value: object) -> Iterator[str]:
    """The logical ids that `value` refers to, by Ref, GetAtt or Sub."""
    match value:
        case {"Ref": str(logical_id)}:
            yield logical_id
        case {"Fn::GetAtt": [str(logical_id), *_]}:
            yield logical_id
        case {"Fn::Sub": text}:
            yield from _ATTRIBUTE.findall(json.dumps(text))
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def edges(template: Template) -> dict[str, set[str]]:
    """What each resource must wait for; CloudFormation's own check leaves out `UpdatePolicy`."""
    known = template["Resources"]
    graph: dict[str, set[str]] = {}
    for logical_id, resource in known.items():
        depends = resource.get("DependsOn", [])
        named = {depends} if isinstance(depends, str) else set(depends)
        referred = references([resource.get("Properties"), resource.get("UpdatePolicy")])
        graph[logical_id] = {i for i in named | set(referred) if i in known}
    return graph


def masked(template: Template) -> Template:
    """The template without what changes with every edit of code: hashes and version ids."""
    text = json.dumps(template)
    text = re.sub(r"[0-9a-f]{64}", "<asset>", text)
    text = re.sub(r"(CurrentVersion\w*?[0-9A-F]{8})[0-9a-f]{32}", r"\1<version>", text)
    unhashed: Template = json.loads(text)
    return unhashed
