"""The statement that makes a route, in the sources of a team's app."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shadowctl.finish.source import FinishError, Source

_SERVICE = "ShadowCanaryService"
_TESTS = ("test_*.py", "*_test.py", "conftest.py")
_NO_SOURCES = frozenset({"node_modules", "__pycache__", "cdk.out", "site-packages"})


@dataclass(frozen=True)
class Statement:
    """Where `source` makes a service: `node` is the statement, `call` the service in it.

    Example:
        >>> source = Source(Path("stack.py"), 's = ShadowCanaryService(self, "S", route="orders")')
        >>> [found] = Statement.all_of(source)
        >>> found.route, found.name
        ('orders', 's')
    """

    source: Source
    node: ast.stmt
    call: ast.Call

    @classmethod
    def all_of(cls, source: Source) -> "Iterator[Statement]":
        """Every service that a file makes."""
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and is_named(source, node.func, _SERVICE):
                yield cls(source, source.statement(node), node)

    @cached_property
    def arguments(self) -> dict[str, ast.expr]:
        """By keyword; the scope and the id too."""
        given = dict(zip(("scope", "id_"), self.call.args, strict=False))
        return given | {each.arg: each.value for each in self.call.keywords if each.arg}

    @property
    def route(self) -> str:
        """The route's name where it is written down; `""` where something else decides it."""
        value = self.arguments.get("route")
        if isinstance(value, ast.Name):
            value = assigned(self.source, value.id)
        return str(value.value) if isinstance(value, ast.Constant) else ""

    @property
    def target(self) -> ast.expr | None:
        """What the service is called there; None where it has no name.

        Raises:
            FinishError: it is part of something larger.
        """
        match self.node:
            case ast.Assign(targets=[target], value=self.call):
                return target
            case ast.AnnAssign(target=target, value=self.call):
                return target
            case ast.Expr(value=self.call):
                return None
        raise FinishError(f"{self.where}, makes the service inside of another expression")

    @property
    def name(self) -> str:
        """The text of that; `""` where there is none."""
        target = self.target
        return "" if target is None else self.source.of(target)

    @property
    def where(self) -> str:
        """File and line, for a person."""
        return self.source.where(self.node)


def find(app: Path, route: str) -> Statement:
    """The one statement in the app's folder that makes `route`.

    Raises:
        FinishError: there is none that says so, or there are several.
    """
    made = [
        statement
        for path in sources(app)
        if _SERVICE in path.read_text(errors="replace")
        for statement in Statement.all_of(Source.read(path))
    ]
    found = [statement for statement in made if statement.route == route]
    if len(found) == 1:
        return found[0]
    if found:
        places = " and ".join(each.where for each in found)
        raise FinishError(f"{places} make a route {route!r}, so that it is not clear which")
    others = " and ".join(each.where for each in made if not each.route)
    hint = f"; {others}, may make it" if others else ""
    raise FinishError(f"no {_SERVICE}(…, route={route!r}) in {app}{hint}")


def sources(*folders: Path) -> Iterator[Path]:
    """The Python files below them that are no tests; other people's packages are none of them."""
    yield from (path for path in _files(*folders) if not _is_test(path))


def tests(*folders: Path) -> Iterator[Path]:
    """The Python files below them that are tests."""
    yield from filter(_is_test, _files(*folders))


def _is_test(path: Path) -> bool:
    return any(path.match(name) for name in _TESTS)


def _files(*folders: Path) -> Iterator[Path]:
    for above in folders:
        if any(above.is_relative_to(other) for other in folders if other != above):
            continue
        for folder, within, names in os.walk(above):
            within[:] = sorted(name for name in within if not _is_foreign(Path(folder, name)))
            yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _is_foreign(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _NO_SOURCES:
        return True
    return (folder / "pyvenv.cfg").exists()


def is_named(source: Source, node: ast.expr, name: str) -> bool:
    """Whether `node` is that name of shadow_canary's, as the file imports it."""
    match node:
        case ast.Attribute(attr=attribute):
            return attribute == name
        case ast.Name(id=called):
            return called in {
                alias.asname or alias.name
                for statement in ast.walk(source.tree)
                if isinstance(statement, ast.ImportFrom)
                for alias in statement.names
                if alias.name == name
            } | {name}
    return False


def assigned(source: Source, name: str) -> ast.expr | None:
    """What a name is given, where one statement of the file gives it something."""
    found = [
        node.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id == name for each in node.targets)
    ]
    return found[0] if len(found) == 1 else None


def idle_parameters(statement: Statement, after: str) -> Iterator[str]:
    """What the function around the statement takes, and reads no more in the text `after`.

    Example:
        >>> text = "def make(stack, users): ShadowCanaryService(stack, 'S', dataset=users)"
        >>> [found] = Statement.all_of(Source(Path("stack.py"), text))
        >>> [*idle_parameters(found, "def make(stack, users): Function(stack)")]
        ['stack.py, line 1, takes users, which nothing there reads any more']
    """
    before, changed = statement.source, Source(statement.source.path, after)
    around = [each for each in before.above(statement.node) if isinstance(each, _DEFINITIONS)]
    names = [each.name for each in reversed(around)]
    for node in ast.walk(changed.tree):
        above = [each for each in changed.above(node) if isinstance(each, _DEFINITIONS)]
        is_same = [each.name for each in reversed(above)] == names
        if not isinstance(node, ast.arg) or not is_same:
            continue
        if node.arg in _read(around[0]) - _read(above[0]):
            where = changed.where(above[0])
            yield f"{where}, takes {node.arg}, which nothing there reads any more"


_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _read(node: ast.AST) -> set[str]:
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }
