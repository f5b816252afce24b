"""Reading the template of a stack, so that what it lacks is refused by name."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from shadow_runtime.contract import ShadowCanaryError

CODE = "shadow-canary:code"
"""Metadata of a route's alias: its `route`; from the app, `folder` and `root` of its code; its
`package`."""

LOCK = "shadow-canary:lock"
"""Metadata of a layer: the lock file that it is built from; a team's with its path from the app,
after `./`."""

_HASH = re.compile(r"[0-9A-F]{8}$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NESTED = ".nested.template."
_SUBSTITUTED = re.compile(r"\$\{(\w+)\}")


class TemplateError(ShadowCanaryError):
    """A template does not say all that is read in it: what is missing, and where."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of `stack`."""

    stack: str
    logical_id: str
    body: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """All of them."""
        properties: Mapping[str, Any] = self.body.get("Properties") or {}
        return properties

    def get(self, *path: str) -> Any:
        """What stands there, below `Properties`; None where nothing does."""
        value: Any = self.properties
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
    """The template of a stack: `name` is the one that it is deployed by, `path` the app's.

    One nested in another has its names, and is told apart by `nested`.

    Example:
        >>> stack = Stack.load(Path("cdk.out"), "GetUser")  # doctest: +SKIP
        >>> stack.the("AWS::Scheduler::Schedule").need("ScheduleExpression")  # doctest: +SKIP
        'at(2030-01-14T09:00:00)'
    """

    name: str
    template: Mapping[str, Any]
    path: str = ""
    nested: str = ""

    @classmethod
    def all_of(cls, assembly: Path) -> list[Self]:
        """Every stack of a synthesized assembly, those in Stages and nested ones included.

        A nested stack is deployed by no name of its own; it has its parent's.
        """
        return [cls._read(*place) for place in _places(assembly)]

    @classmethod
    def load(cls, assembly: Path, route: str) -> Self:
        """What a synthesized assembly holds of a route, and of nothing beside it.

        `route` is the name of its stack, or the stack's path in the app, such as `Prod/GetUser`;
        where a stack holds several routes, the name of one follows: `Users:get-user`.

        Raises:
            TemplateError: the assembly has no such stack, or that has no such route.
        """
        wanted, _, name = route.partition(":")
        places = [*_places(assembly)]
        found = [cls._read(*place) for place in places if wanted in place[:2]]
        if not found:
            known = ", ".join(dict.fromkeys(path for _, path, _ in places))
            known = known or "none; run `cdk synth` first"
            raise TemplateError(f"no stack {wanted!r} in {assembly}; the stacks there: {known}")
        routes = {held: stack for stack in found for held in stack.routes}
        if name and name not in routes:
            held = ", ".join(routes) or "none"
            raise TemplateError(f"no route {name!r} in {wanted}; the routes there: {held}")
        if len(routes) > 1 and not name:
            such = f"{wanted}:{next(iter(routes))}"
            raise TemplateError(f"{wanted} holds {' and '.join(routes)}; name one, such as {such}")
        return routes[name or next(iter(routes))].only(name) if routes else found[0]

    @property
    def routes(self) -> list[str]:
        """The names of the routes in it."""
        return [*self._prefixes]

    @classmethod
    def _read(cls, name: str, path: str, file: Path) -> Self:
        nested = file.name.partition(_NESTED)[0] if _NESTED in file.name else ""
        return cls(name, json.loads(file.read_text()), path, nested)

    @property
    def _prefixes(self) -> dict[str, str]:
        """By route, how the logical ids of its resources begin."""
        return {
            code["route"]: without_hash(alias.logical_id).removesuffix("Alias")
            for alias in self.all("AWS::Lambda::Alias")
            if (code := alias.metadata(CODE)) is not None
        }

    def noun(self, logical_id: str) -> str:
        """What a resource is called in its route, or in the stack where it is no route's alone.

        Example:
            >>> Stack("Api", {}).noun("OrdersTable1A2B3C4D")
            'orders table'
        """
        prefix = next(iter(self._prefixes.values())) if len(self._prefixes) == 1 else ""
        return _CAMEL.sub(" ", without_hash(logical_id).removeprefix(prefix)).lower()

    def only(self, route: str) -> Self:
        """Without what belongs to another route of this stack."""
        own = self._prefixes.get(route)
        others = [prefix for prefix in self._prefixes.values() if prefix != own]

        def owner(logical_id: str) -> str:
            """The longest prefix: that of `GetUserPosts` begins as that of `GetUser` does."""
            return max(
                (p for p in [own or "", *others] if logical_id.startswith(p)), key=len, default=""
            )

        kept = {
            logical_id: body
            for logical_id, body in self.template.get("Resources", {}).items()
            if own is None or owner(logical_id) not in others
        }
        return replace(self, template={**self.template, "Resources": kept})

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


def _places(assembly: Path) -> Iterator[tuple[str, str, Path]]:
    """Name, path and template of each stack; of a folder with templates alone, by their names."""
    manifest = assembly / "manifest.json"
    if not manifest.is_file():
        for file in sorted(assembly.glob("*.template.json")):
            yield file.name.partition(".")[0], file.name.partition(".")[0], file
        return
    for id_, artifact in json.loads(manifest.read_text())["artifacts"].items():
        properties = artifact.get("properties", {})
        match artifact["type"]:
            case "aws:cloudformation:stack":
                # Where a name is given, it stands behind the path: "Prod/GetUser (users)".
                path = artifact.get("displayName", id_).partition(" (")[0]
                for file in _with_nested(assembly / properties["templateFile"]):
                    yield properties.get("stackName", id_), path, file
            case "cdk:cloud-assembly":
                yield from _places(assembly / properties["directoryName"])


def _with_nested(file: Path) -> Iterator[Path]:
    """A stack's template, and those of the stacks nested in it, which are assets of it."""
    yield file
    assets = file.with_name(file.name.replace(".template.", ".assets."))
    if assets.is_file():
        sources = [each["source"] for each in json.loads(assets.read_text())["files"].values()]
        paths = [source.get("path", "") for source in sources]
        yield from (file.with_name(path) for path in paths if _NESTED in path)


def without_hash(logical_id: str) -> str:
    """The ids of the constructs on a resource's path, without the CDK's hash of that path.

    Example:
        >>> without_hash("ServiceCandidateF57D1532")
        'ServiceCandidate'
    """
    return _HASH.sub("", logical_id)


def text(value: Any) -> str:
    """A value as text: itself, or its JSON in one line where only AWS will know it."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def words(value: Any) -> str:
    """A value as text, where what only AWS will know has its name.

    Example:
        >>> words({"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "Bucket"}, "/*"]]})
        'arn:aws:s3:::${Bucket}/*'
    """
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::GetAtt": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(between), [*parts]]}:
            return between.join(map(words, parts))
        case {"Fn::Sub": [str(pattern), Mapping() as names]}:
            return _SUBSTITUTED.sub(
                lambda found: words(names[found[1]]) if found[1] in names else found[0], pattern
            )
        case {"Fn::Sub": str(pattern)}:
            return pattern
        case Mapping() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            return f"${{{text(value).translate(_ROUND)}}}"
    return text(value)


_ROUND = str.maketrans("{}", "()")
