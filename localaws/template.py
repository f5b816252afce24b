"""Reading and changing a CloudFormation template."""

import json
from collections.abc import Callable, Iterable
from typing import Any

Template = dict[str, Any]


def of(template: Template, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The resources whose type starts with `kind`, with their logical ids."""
    return [(i, r) for i, r in template["Resources"].items() if r["Type"].startswith(kind)]


def statements(resource: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The statements of a policy; None for any other resource."""
    document = resource.get("Properties", {}).get("PolicyDocument", {})
    found: list[dict[str, Any]] | None = document.get("Statement")
    return found


def keep_statements(resource: dict[str, Any], kept: Callable[[dict[str, Any]], bool]) -> int:
    """Drops the statements of a policy that are not `kept`, and counts them."""
    before = statements(resource) or []
    after = [statement for statement in before if kept(statement)]
    if len(after) < len(before):
        resource["Properties"]["PolicyDocument"]["Statement"] = after
    return len(before) - len(after)


def rewrite(template: Template, change: Callable[[Any], Any]) -> int:
    """Puts `change(value)` in the place of every value, and counts those that are others."""
    changes = 0

    def walk(value: Any) -> Any:
        nonlocal changes
        changed = change(value)
        changes += changed is not value
        match changed:
            case dict():
                return {key: walk(inner) for key, inner in changed.items()}
            case list():
                return [walk(inner) for inner in changed]
        return changed

    template |= walk(template)
    return changes


def mentions(value: object, logical_ids: Iterable[str]) -> bool:
    """Whether `value` refers to one of `logical_ids`, in any of CloudFormation's ways."""
    text = json.dumps(value)
    return any(
        reference in text
        for i in logical_ids
        for reference in (f'{{"Ref": "{i}"}}', f'{{"Fn::GetAtt": ["{i}",', f"${{{i}}}", f"${{{i}.")
    )
