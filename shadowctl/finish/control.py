"""What of an app depends on `control.py`, so that it can go."""

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

from shadowctl.finish.source import Change, FinishError, Source, Span
from shadowctl.finish.statement import sources, tests

_Import = ast.Import | ast.ImportFrom


@dataclass(slots=True)
class Afterwards:
    """The text of each file that changes, None for one that goes; and what is left to people.

    Example:
        >>> Afterwards().left
        []
    """

    files: dict[Path, str | None] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Control:
    """The control of a route: its file, and the name by which it is imported from `root`.

    Example:
        >>> Control(Path("src/orders/control.py"), "orders.control", Path("src"))  # doctest: +SKIP
    """

    path: Path
    module: str
    root: Path

    def removed(self, app: Path) -> Afterwards:
        """The app without it.

        A file that imports data from it has the data itself afterwards. A file in which each test
        uses it compares the two sides, of which there is one, and goes.

        Raises:
            FinishError: the rest of the route's folder needs more of it.
        """
        done = Afterwards({self.path: None})
        for path in tests(app, self.root):
            for source, imports in self._importing(path):
                if _is_of_both_sides(source, [*map(self._bound, imports)]):
                    done.files[path] = None
                else:
                    done.left.append(f"{source.where(imports[0])}, tests control too: see what of")
        own = Source.read(self.path)
        for path in sources(app, self.root):
            for source, imports in self._importing(path):
                changes = [self._with_data(source, node, own) for node in imports]
                if all(changes):
                    done.files[path] = source.changed(chain(*changes)).text
                elif path.is_relative_to(self.path.parent):
                    raise FinishError(
                        f"{source.where(imports[0])}, needs what is in {self.path}: move that first"
                    )
                else:
                    done.left.append(f"{source.where(imports[0])}, imports control: take that out")
        return done

    def _importing(self, path: Path) -> Iterator[tuple[Source, list[_Import]]]:
        """The file with its imports of control, where it has any."""
        if path != self.path and self.path.stem in path.read_text(errors="replace"):
            source = Source.read(path)
            imports = [
                node
                for node in ast.walk(source.tree)
                if isinstance(node, _Import) and self._is_of_it(source, node)
            ]
            if imports:
                yield source, imports

    def _is_of_it(self, source: Source, node: _Import) -> bool:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            return self.module in names
        package, _, name = self.module.rpartition(".")
        origin = self._origin(source, node)
        return origin == self.module or (origin == package and name in names)

    def _origin(self, source: Source, node: ast.ImportFrom) -> str:
        """The module that an import is from, by its whole name."""
        if not node.level:
            return node.module or ""
        if not source.path.is_relative_to(self.root):
            return ""
        at = PurePosixPath(source.path.relative_to(self.root).as_posix())
        return ".".join([*at.parts[: -node.level], *([node.module] if node.module else [])])

    def _bound(self, node: _Import) -> str:
        """Names under which control is known there, as a pattern."""
        name = self.module.rpartition(".")[2]
        whole = [alias for alias in node.names if alias.name in (name, self.module)]
        return "|".join(re.escape(alias.asname or alias.name) for alias in whole or node.names)

    def _with_data(self, source: Source, node: _Import, own: Source) -> list[Change]:
        """The data that an import is for in its place; nothing where it is for something else."""
        data = {
            target.id: value
            for statement in own.tree.body
            for target, value in _given(statement)
            if isinstance(target, ast.Name) and value is not None and _is_data(value)
        }
        is_at_top = node in source.tree.body and isinstance(node, ast.ImportFrom)
        if not is_at_top or not all(alias.name in data for alias in node.names):
            return []
        last = [each for each in source.tree.body if isinstance(each, _Import)][-1]
        texts = [f"{a.asname or a.name} = {own.of(data[a.name])}\n" for a in node.names]
        text = "".join(texts)
        if node is last:
            above = "" if source.is_after_blank(node) else "\n"
            return [Change(source.lines(node), above + text)]
        end = source.lines(last).end
        return [source.without(node), Change(Span(end, end), f"\n{text}")]


def _given(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    match statement:
        case ast.Assign(targets=[target], value=value):
            yield target, value
        case ast.AnnAssign(target=target, value=value):
            yield target, value


def _is_data(value: ast.expr) -> bool:
    """Whether it needs no other name of its module."""
    return all(hasattr(builtins, node.id) for node in ast.walk(value) if isinstance(node, ast.Name))


def _is_of_both_sides(source: Source, names: list[str]) -> bool:
    """Whether each test there uses one of the names."""
    found = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]
    pattern = re.compile(rf"\b({'|'.join(names)})\b")
    return bool(found) and all(pattern.search(ast.unparse(node)) for node in found)
