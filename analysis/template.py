"""Reading the template of a stack, so that what it lacks is refused by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from shadow_runtime.contract import ShadowCanaryError

CODE = "shadow-canary:code"
"""Metadata of a route's alias: `folder` and `root` of its code, from the app, and its `package`."""

LOCK = "shadow-canary:lock"
"""Metadata of a layer: the lock file that it is built from."""


class TemplateError(ShadowCanaryError):
    """A template does not say all that is read in it: what is missing, and where."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of `stack`."""

    stack: str
    logical_id: str
    body: Mapping[str, Any]

    def get(self, *path: str) -> Any:
        """What stands there, below `Properties`; None where nothing does."""
        value: Any = self.body.get("Properties")
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def need(self, *path: str) -> Any:
        """What stands there, below `Properties`.

        Raises:
            TemplateError: nothing does.
        """
        value = self.get(*path)
        if value is None:
            raise self.refused(f"has no {'.'.join(path)}")
        return value

    def metadata(self, key: str) -> Any:
        """What stands beside it under `key`; None where nothing does."""
        return self.body.get("Metadata", {}).get(key)

    def refused(self, why: str) -> TemplateError:
        """An error that says which resource, and `why`."""
        return TemplateError(f"{self.stack}: {self.logical_id} {why}")


@dataclass(frozen=True, slots=True)
class Stack:
    """The template of a stack.

    Example:
        >>> stack = Stack.load(Path("cdk.out"), "GetUser")  # doctest: +SKIP
        >>> stack.the("AWS::Scheduler::Schedule").need("ScheduleExpression")  # doctest: +SKIP
        'at(2030-01-14T09:00:00)'
    """

    name: str
    template: Mapping[str, Any]

    @classmethod
    def all_of(cls, assembly: Path) -> list[Self]:
        """Every stack of a synthesized assembly, under the name that it is deployed by."""
        artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
        return [
            cls(
                artifact["properties"].get("stackName", artifact_id),
                json.loads((assembly / artifact["properties"]["templateFile"]).read_text()),
            )
            for artifact_id, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
        ]

    @classmethod
    def load(cls, assembly: Path, name: str) -> Self:
        """The stack `name` of a synthesized assembly.

        Raises:
            TemplateError: the assembly has no such stack.
        """
        path = assembly / f"{name}.template.json"
        if not path.is_file():
            found = sorted(other.name.split(".")[0] for other in assembly.glob("*.template.json"))
            known = ", ".join(found) or "none; run `make synth` first"
            raise TemplateError(f"no stack {name!r} in {assembly}; the stacks there: {known}")
        return cls(name, json.loads(path.read_text()))

    def all(self, kind: str) -> list[Resource]:
        """The resources of one CloudFormation type."""
        resources = self.template.get("Resources", {}).items()
        return [Resource(self.name, i, body) for i, body in resources if body["Type"] == kind]

    def the(self, kind: str, *path: str) -> Resource:
        """The one resource of a type that has something at `path`, below `Properties`.

        Raises:
            TemplateError: there is none, or more than one.
        """
        found = [resource for resource in self.all(kind) if not path or resource.get(*path)]
        if len(found) != 1:
            wanted = f"{kind} with {'.'.join(path)}" if path else kind
            ids = ", ".join(resource.logical_id for resource in found)
            raise TemplateError(
                f"{self.name}: {f'more than one {wanted}: {ids}' if found else f'no {wanted}'}"
            )
        return found[0]

    def referred(self, resource: Resource, *path: str) -> Resource:
        """The resource to which `resource` refers at `path`, by Ref or GetAtt.

        Raises:
            TemplateError: it does not, or to none of this stack.
        """
        return self.resolved(resource, resource.need(*path), ".".join(path))

    def resolved(self, resource: Resource, value: object, what: str) -> Resource:
        """The resource that `value`, which `resource` has as its `what`, refers to.

        Raises:
            TemplateError: none of this stack.
        """
        match value:
            case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
                body = self.template["Resources"].get(logical_id)
            case _:
                body = None
        if body is None:
            raise resource.refused(f"has as {what} no resource of this stack: {text(value)}")
        return Resource(self.name, logical_id, body)


def text(value: Any) -> str:
    """A value as text: itself, or its JSON in one line where only AWS will know it."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
