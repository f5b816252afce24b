"""How tests read a template: by type, by role, and as a graph."""

import json
import re
from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

_ATTRIBUTE = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one CloudFormation type, by logical id."""
    return {i: r for i, r in template["Resources"].items() if r["Type"] == kind}


def the(template: Template, kind: str, named: str = "") -> dict[str, Any]:
    """The properties of the one resource of a type whose logical id holds `named`."""
    found = [r for i, r in resources(template, kind).items() if named in i]
    assert len(found) == 1, f"{len(found)} resources {kind} named {named!r}"
    properties: dict[str, Any] = found[0].get("Properties", {})
    return properties


def function(template: Template, role: str) -> dict[str, Any]:
    """The properties of one of the four functions, by its role noun."""
    return the(template, "AWS::Lambda::Function", f"Service{role}")


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    """What the function `role` may do."""
    policy = the(template, "AWS::IAM::Policy", f"Service{role}RoleDefaultPolicy")
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


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
