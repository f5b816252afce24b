"""What a rule of review says, and what it looks at: a resource before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from analysis.template import Resource, Stack


class Kind(StrEnum):
    """What a finding is about, the gravest first."""

    PUBLIC = "public"
    IAM = "IAM"
    DATA = "data"
    ALARM = "alarm"
    DEPLOY = "deploy"
    CLEAN_UP = "clean-up"
    SCHEDULE = "schedule"
    FLAG = "flag"
    CREDENTIALS = "secret"
    NETWORK = "network"
    PROTECTION = "protection"

    @property
    def place(self) -> int:
        """Among all kinds."""
        return [*Kind].index(self)


ODD = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a template raises where it has another shape than CloudFormation's."""


def members(value: Any) -> list[Any]:
    """Those of a list; a value that is no list, as one that only AWS will know, is one."""
    return value if isinstance(value, list) else [] if value is None else [value]


@dataclass(frozen=True, slots=True)
class Finding:
    """A change that somebody answerable for security should see; `said` is Markdown.

    `is_expected` is what comes with every new resource and opens nothing wide.
    """

    kind: Kind
    said: str
    is_expected: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One resource, before and after; None where there is none of that type."""

    logical_id: str
    before: Resource | None
    after: Resource | None

    @property
    def type(self) -> str:
        """By CloudFormation's name."""
        return str(next(filter(None, (self.after, self.before))).body["Type"])

    def moved(self, *path: str) -> tuple[Any, Any] | None:
        """What stands at `path` before and after, where that is not the same."""
        values = tuple(side.get(*path) if side else None for side in (self.before, self.after))
        return (values[0], values[1]) if values[0] != values[1] else None


@dataclass(frozen=True, slots=True)
class Pair:
    """One stack, before and after, comparable; None where there is none."""

    before: Stack | None
    after: Stack | None

    @property
    def path(self) -> str:
        """As the app has it, and the stack in it that is nested."""
        either = next(filter(None, (self.after, self.before)))
        return f"{either.path or either.name}{f', nested {either.nested}' if either.nested else ''}"

    def changes(self) -> Iterator[Change]:
        """Each resource that is not the same on both sides; of another type it is another one."""
        old, new = (_resources(each) for each in (self.before, self.after))
        for logical_id in dict.fromkeys([*old, *new]):
            before, after = old.get(logical_id), new.get(logical_id)
            if before and after and before.body["Type"] != after.body["Type"]:
                yield Change(logical_id, before, None)
                yield Change(logical_id, None, after)
            elif (before and before.body) != (after and after.body):
                yield Change(logical_id, before, after)


def _resources(stack: Stack | None) -> Mapping[str, Resource]:
    held = stack.template.get("Resources", {}) if stack else {}
    return {i: Resource(stack.name, i, body) for i, body in held.items()} if stack else {}
