"""What a stack does with its service, and what becomes of it where a plain function stands."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeGuard

from shadowctl.finish.source import Change, FinishError, Source, Span
from shadowctl.finish.statement import Statement

_FOLLOW = ("alias", "candidate")
"""Attributes of the service whose place the function takes; what others are given goes."""

_ANY_CONSTRUCT = ("of", "add_dependency")
"""Methods that take any construct: `Tags.of(service)`."""

_F_STRINGS_HAVE_PLACES = sys.version_info >= (3, 12)


@dataclass(frozen=True)
class Uses:
    """The uses of the service that `statement` makes, of which `function` takes the place.

    Example:
        >>> from pathlib import Path
        >>> source = Source(Path("stack.py"), '''s = ShadowCanaryService(self, "S", route="orders")
        ... s.grant_candidate(table.grant_read_data)
        ... ''')
        >>> uses = Uses(next(Statement.all_of(source)), "function")
        >>> source.changed(uses.changes()).text.splitlines()[1]
        'table.grant_read_data(function)'
    """

    statement: Statement
    function: str

    def changes(self) -> list[Change]:
        """Of the file, so that the function has what alias and candidate had.

        Raises:
            FinishError: something is done with the service that has no like.
        """
        following, going = list[Change](), dict[ast.stmt, list[ast.expr]]()
        touched = dict[ast.stmt, int]()
        for use in self._found():
            statement = self._source.statement(use)
            touched[statement] = touched.get(statement, 0) + 1
            follows = self._follows(use)
            if follows is not None:
                following.append(follows)
            else:
                going.setdefault(statement, []).append(use)
        dropped = set[ast.stmt]()
        for statement, uses in going.items():
            if isinstance(statement, ast.Expr) and touched[statement] == len(uses):
                dropped.add(statement)
            else:
                following += self._without(statement, uses, dropped)
        return [*following, *self._drop(dropped)]

    @property
    def _source(self) -> Source:
        return self.statement.source

    def _found(self) -> Iterator[ast.expr]:
        """Each place where the service is read by its name."""
        target, node = self.statement.target, self.statement.node
        if target is None:
            return
        kinds = ast.ClassDef if isinstance(target, ast.Attribute) else _HAS_NAMES
        scope = next(each for each in self._source.above(node) if isinstance(each, kinds))
        same = [each for each in ast.walk(scope) if _is_same(each, target)]
        given = [each for each in same if isinstance(each.ctx, ast.Store | ast.Del)]
        begin, end = self._source.span(node).end, len(self._source.text)
        if len(given) == 1:
            begin = -1
        else:  # a name that is used again, for the next service: until there
            block = _block(self._source, node)
            others = [self._source.statement(each) for each in given]
            if not all(other in block for other in others):
                raise FinishError(f"{self.statement.where}, calls several things {_text(target)}")
            starts = [self._source.span(other).start for other in others]
            end = min([start for start in starts if start > begin], default=end)
        for each in same:
            at = self._source.span(each).start
            if isinstance(each.ctx, ast.Load) and begin < at < end:
                yield each

    def _follows(self, use: ast.expr) -> Change | None:
        """What stands in the place of a use; None where that goes.

        Raises:
            FinishError: neither is clear.
        """
        source = self._source
        above = source.above(use)
        if not _F_STRINGS_HAVE_PLACES and any(isinstance(e, ast.JoinedStr) for e in above):
            raise FinishError(f"{source.where(use)}, uses {_text(use)} inside of an f-string")
        match parent := source.parents[use]:
            case ast.Attribute(attr=attribute) if attribute in _FOLLOW:
                return Change(source.span(parent), self.function)
            case ast.Attribute(attr="node"):
                return Change(source.span(use), self.function)
            case ast.Attribute(attr="grant_candidate"):
                call = source.parents[parent]
                if isinstance(call, ast.Call) and call.func is parent and len(call.args) == 1:
                    return Change(source.span(call), self._granted(call.args[0]))
            case ast.Attribute():
                return None
            case ast.Call(func=ast.Attribute(attr=method)) if method in _ANY_CONSTRUCT:
                return Change(source.span(use), self.function)
        raise FinishError(f"{source.where(use)}, hands on {_text(use)} as a whole")

    def _granted(self, grant: ast.expr) -> str:
        """What `grant_candidate` did, for the one function."""
        source = self._source
        match grant:
            case ast.Lambda(args=ast.arguments(args=[ast.arg(arg=side)]), body=body):
                at, text = source.span(body).start, source.of(body)
                named = [e for e in ast.walk(body) if isinstance(e, ast.Name) and e.id == side]
                for span in sorted(map(source.span, named), key=lambda e: e.start, reverse=True):
                    text = text[: span.start - at] + self.function + text[span.end - at :]
                return text
            case ast.Name() | ast.Attribute() | ast.Call():
                return f"{source.of(grant)}({self.function})"
        return f"({source.of(grant)})({self.function})"

    def _without(
        self, statement: ast.stmt, uses: Sequence[ast.expr], dropped: set[ast.stmt]
    ) -> Iterator[Change]:
        """The statement without what these uses are; itself is dropped where nothing is left.

        Raises:
            FinishError: something is made of one of them.
        """
        source = self._source
        gone = dict[ast.AST, list[ast.AST]]()
        for use in uses:
            part = _whole(source, use)
            if not _parts(source, source.parents[part]):
                of = _text(source.parents[use])
                raise FinishError(f"{source.where(use)}, makes something of {of}, which goes")
            gone.setdefault(source.parents[part], []).append(part)
        for within, values in gone.items():
            parts = _parts(source, within)
            numbers = [number for number, part in enumerate(parts) if part.value in values]
            spans = [part.span for part in parts]
            if len(numbers) == len(parts):
                if not isinstance(statement, ast.For) or within not in ast.walk(statement.iter):
                    raise FinishError(f"{source.where(statement)}, is left with nothing to do")
                dropped.add(statement)
                return
            changes = source.without_parts(spans, numbers)
            if isinstance(within, ast.Tuple) and len(numbers) == len(parts) - 1:
                changes = self._of_one(spans, numbers, changes)
            yield from changes

    def _of_one(
        self, spans: Sequence[Span], gone: Sequence[int], changes: list[Change]
    ) -> list[Change]:
        """A tuple of one ends with a comma."""
        if _COMMA.match(self._source.text, spans[-1].end):
            return changes
        [kept] = {*range(len(spans))} - {*gone}
        if kept == len(spans) - 1:
            return [*changes, Change(Span(spans[kept].end, spans[kept].end), ",")]
        return [
            replace(change, new=",") if change.span.start == spans[kept].end else change
            for change in changes
        ]

    def _drop(self, dropped: set[ast.stmt]) -> Iterator[Change]:
        """Without these statements, and without blocks that hold nothing else."""
        source = self._source
        waiting = [*dropped]
        while waiting:
            statement = waiting.pop()
            parent = source.parents[statement]
            if not isinstance(parent, _HEADED) or parent in dropped:
                continue
            if dropped.issuperset(_block(source, statement)) and not getattr(parent, "orelse", []):
                dropped.add(parent)
                waiting.append(parent)
        for statement in dropped:
            block = _block(source, statement)
            is_elif = source.of(statement).startswith("elif")
            if statement is block[0] and dropped.issuperset(block) and not is_elif:
                yield Change(source.span(statement), "pass")
            else:
                yield source.without(statement)


class _OnePart(NamedTuple):
    """One of what commas part: an argument, an element, or a pair of a dictionary."""

    value: ast.AST
    span: Span


_HAS_NAMES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
_HEADED = ast.For | ast.If | ast.While | ast.With
_COMMA = re.compile(r"\s*,")


def _parts(source: Source, within: ast.AST) -> list[_OnePart]:
    match within:
        case ast.Call(args=args, keywords=keywords):
            given: list[ast.expr | ast.keyword] = [*args, *keywords]
            found = [_OnePart(each, source.span(each)) for each in given]
        case ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values):
            found = [_OnePart(each, source.span(each)) for each in values]
        case ast.Dict(keys=keys, values=values):
            found = [
                _OnePart(value, Span(source.span(key).start, source.span(value).end))
                for key, value in zip(keys, values, strict=True)
                if key is not None
            ]
        case _:
            found = []
    return sorted(found, key=lambda part: part.span.start)


def _whole(source: Source, use: ast.expr) -> ast.AST:
    """What is read of the service, called or not: an argument, an element."""
    node: ast.AST = use
    while True:
        match parent := source.parents[node]:
            case ast.Attribute() | ast.Subscript(value=ast.AST()) | ast.Starred() | ast.keyword():
                node = parent
            case ast.Call(func=function) if function is node:
                node = parent
            case _:
                return node


def _block(source: Source, statement: ast.stmt) -> list[ast.stmt]:
    """The statements beside one, itself among them."""
    parent = source.parents[statement]
    blocks = [getattr(parent, name, []) for name in ("body", "orelse", "finalbody")]
    return next(block for block in blocks if isinstance(block, list) and statement in block)


def _is_same(node: ast.AST, target: ast.expr) -> TypeGuard[ast.Name | ast.Attribute]:
    return isinstance(node, ast.Name | ast.Attribute) and _text(node) == _text(target)


def _text(node: ast.AST) -> str:
    return ast.unparse(node)


def function_name(statement: Statement) -> str:
    """What the function is called: as the service was, but for the word `service` in it."""
    target, source = statement.target, statement.source
    name = "" if target is None else source.of(target)
    own = name.rpartition(".")[2]
    kinds = ast.ClassDef if isinstance(target, ast.Attribute) else _HAS_NAMES
    scope = next(each for each in source.above(statement.node) if isinstance(each, kinds))
    taken = {
        getattr(each, field, "") for each in ast.walk(scope) for field in ("id", "arg", "name")
    }
    taken |= {_text(each) for each in ast.walk(scope) if isinstance(each, ast.Attribute)}
    renamed = name.removesuffix(own) + own.replace("service", "function")
    return name if renamed in taken else renamed
