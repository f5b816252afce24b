"""What a handler imports, read without running it: synthesis has neither its layers nor data."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

Files = Mapping[PurePosixPath, Path]
"""What an asset holds: where it stands there, and where it is read."""


def defined(path: Path) -> set[str]:
    """The names that a module defines or imports, anywhere.

    Raises:
        ValueError: it does not parse.
    """
    found = set[str]()
    for node in ast.walk(_parsed(path)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.alias():
                found.add(node.asname or node.name)
    return found


def imported(
    files: Files, entries: Iterable[PurePosixPath]
) -> Iterator[tuple[PurePosixPath, int, str]]:
    """Every import of `entries` and of what they import in turn: file, line and module.

    An import for types alone, or one that the code can do without, is none.

    Raises:
        ValueError: a file does not parse.
    """
    waiting, seen = [*entries], set[PurePosixPath]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for line, module in _imports(_parsed(files[path]), path):
            yield path, line, module
            waiting += [file for file in _run_for(module) if file in files]


def left_out(module: str, files: Files, root: Path) -> Path | None:
    """What of `root` would have to be among `files` for `module`; None where nothing is missing."""
    at = PurePosixPath(*module.split("."))
    for path, needed in ((at.with_suffix(".py"), at.with_suffix(".py")), (at / "__init__.py", at)):
        if (root / path).is_file() and path not in files:
            return root / needed
    is_package = any((root / at).rglob("*.py"))
    return root / at if is_package and not any(at in path.parents for path in files) else None


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} does not parse: {error}") from error


def _imports(tree: ast.AST, path: PurePosixPath) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = path.parts[:-level] if level else ()
                base = ".".join([*above, *([module] if module else [])])
                yield node.lineno, base
                # Each name may be a module too: what is no file is an attribute.
                yield from ((node.lineno, f"{base}.{name.name}") for name in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from _imports(ast.Module(node.orelse, []), path)
            case ast.Try(handlers=handlers) if any(map(_is_for_imports, handlers)):
                pass
            case _:
                yield from _imports(node, path)


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or "Import" in ast.dump(handler.type)


def _run_for(module: str) -> Iterator[PurePosixPath]:
    """The files that Python runs to import `module`."""
    at = PurePosixPath(*module.split("."))
    yield at.with_suffix(".py")
    for package in (at, *at.parents):
        if package.parts:
            yield package / "__init__.py"
