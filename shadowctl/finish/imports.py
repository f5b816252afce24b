"""The imports of a file after a change to it: what nobody uses goes, what is needed comes."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shadowctl.finish.source import Change, Source, Span

_WIDTH = 88
"""Characters of an import in one line: every formatter takes so many."""


class Needed(NamedTuple):
    """A name of a module, and what it is called here where nothing calls it otherwise."""

    module: str
    name: str
    called: str


def called(source: Source, needed: Needed) -> str:
    """How a file calls what it needs: as it imports it already, or as it will."""
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == needed.module:
            for alias in node.names:
                if alias.name == needed.name:
                    return alias.asname or alias.name
    for alias in (
        each for node in source.tree.body if isinstance(node, ast.Import) for each in node.names
    ):
        if alias.name == f"{needed.module}.{needed.name}":
            return alias.asname or alias.name
        if alias.name == needed.module and needed.name[0].isupper():  # no module, but a part of it
            return f"{alias.asname or alias.name}.{needed.name}"
    return needed.called


def adjusted(source: Source, before: Source, needed: Sequence[Needed]) -> Source:
    """`source` without imports that it used `before` alone, and with those that it uses now."""
    used = _used(source.tree)
    missing = [each for each in needed if each.called in used and not _imports(source, each)]
    source = source.changed(_unused(source, before))
    for each in missing:
        source = _with(source, each)
    return source


def _imports(source: Source, needed: Needed) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == needed.module
        and any(alias.name == needed.name for alias in node.names)
        for node in source.tree.body
    )


def _used(tree: ast.AST) -> set[str]:
    """The names that are read, in quoted annotations too."""
    found = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name):
                found.add(name)
            case ast.Constant(value=str(text)) if text.isidentifier():
                found.add(text)
    return found


def _unused(source: Source, before: Source) -> Iterator[Change]:
    gone = _used(before.tree) - _used(source.tree)
    for node in source.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        dropped = [number for number, name in enumerate(names) if name in gone]
        if len(dropped) == len(names):
            yield source.without(node)
        elif dropped:
            yield from source.without_parts([*map(source.span, node.names)], dropped)


def _with(source: Source, needed: Needed) -> Source:
    """With one more import, where it would stand if the imports were sorted."""
    wanted = ast.alias(needed.name, None if needed.called == needed.name else needed.called)
    line = ast.ImportFrom(needed.module, [wanted], 0)
    imports = [node for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    same = [
        node
        for node in imports
        if isinstance(node, ast.ImportFrom) and node.module == needed.module
    ]
    plain = [node for node in same if not any(alias.asname for alias in node.names)]
    if plain and wanted.asname is None:
        return source.changed([Change(source.span(plain[0]), _statement(plain[0], wanted))])
    package = needed.module.partition(".")[0]
    beside = [node for node in imports if _module(node).partition(".")[0] == package]
    before = [node for node in beside if _key(node) < _key(line)]
    if beside and not before:
        at = source.span(beside[0]).start
    else:
        at = source.lines((before or imports)[-1]).end
    return source.changed([Change(Span(at, at), f"{ast.unparse(line)}\n")])


def _statement(node: ast.ImportFrom, more: ast.alias) -> str:
    names = sorted({*(alias.name for alias in node.names), more.name})
    line = f"from {node.module} import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return line
    return f"from {node.module} import (\n    {f',{chr(10)}    '.join(names)},\n)"


def _module(node: ast.Import | ast.ImportFrom) -> str:
    return node.names[0].name if isinstance(node, ast.Import) else node.module or ""


def _key(node: ast.Import | ast.ImportFrom) -> tuple[int, str, str]:
    """As imports are sorted: whole modules first, then by module and name."""
    return isinstance(node, ast.ImportFrom), _module(node), ast.unparse(node.names[0])
