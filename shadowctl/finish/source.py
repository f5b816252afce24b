"""A file of a team's own, and changes to parts of it: whatever else stands there stays."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from shadow_runtime.contract import ShadowCanaryError

Part = ast.expr | ast.stmt | ast.keyword | ast.alias

_REST = re.compile(r"[ \t]*(#[^\r\n]*)?(\r\n|\r|\n|\Z)")
_COMMENT = re.compile(r",?[ \t]*(?P<comment>#[^\r\n]*)")
_BLANK = re.compile(r"[ \t]*(\r\n|\r|\n)")


class FinishError(ShadowCanaryError):
    """The route is not finished: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a character of a text to before another one."""

    start: int
    end: int

    def holds(self, other: "Span") -> bool:
        """Whether `other` is a smaller part."""
        inside = self.start <= other.start < self.end and other.end <= self.end
        return inside and self != other


@dataclass(frozen=True, slots=True)
class Change:
    """What is to stand at a place instead."""

    span: Span
    new: str


@dataclass(frozen=True)
class Source:
    """The text of a Python file, and its tree.

    Example:
        >>> source = Source(Path("stack.py"), "a = 1  # one")
        >>> source.changed([source.without(source.tree.body[0])]).text
        ''
    """

    path: Path
    text: str
    tree: ast.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Parses it."""
        try:
            object.__setattr__(self, "tree", ast.parse(self.text))
        except (SyntaxError, ValueError) as error:
            raise FinishError(f"{self.path} does not parse: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """With its line ends as they are.

        Raises:
            FinishError: it is no Python in UTF-8.
        """
        try:
            return cls(path, path.read_bytes().decode())
        except UnicodeDecodeError as error:
            raise FinishError(f"{path} is no UTF-8: {error}") from error

    @cached_property
    def parents(self) -> Mapping[ast.AST, ast.AST]:
        """What each node stands in."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What `node` stands in, the innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that `node` is in."""
        return next(each for each in (node, *self.above(node)) if isinstance(each, ast.stmt))

    @cached_property
    def _lines(self) -> list[int]:
        """Where each begins, and the last ends: as Python counts lines."""
        ends = [found.end() for found in re.finditer(r"\r\n|\r|\n", self.text)]
        return [0, *ends, len(self.text)]

    def _offset(self, line: int, column: int) -> int:
        """Python counts columns in bytes of UTF-8."""
        start = self._lines[line - 1]
        return start + len(self.text[start : self._lines[line]].encode()[:column].decode())

    def span(self, node: Part) -> Span:
        """Where a node stands, from its first to its last character."""
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None and end_column is not None  # noqa: S101, PT018 - it was parsed
        start = self._offset(node.lineno, node.col_offset)
        return Span(start, self._offset(end_line, end_column))

    def of(self, node: Part) -> str:
        """What stands there."""
        span = self.span(node)
        return self.text[span.start : span.end]

    def comments(self, node: Part) -> tuple[list[str], str]:
        """Those in lines of their own above an argument, and the one behind it on its line."""
        above, line = list[str](), node.lineno - 1
        while line and (text := self._line(line).strip()).startswith("#"):
            above.insert(0, text)
            line -= 1
        behind = _COMMENT.match(self.text, self.span(node).end)
        return above, behind["comment"] if behind else ""

    def _line(self, number: int) -> str:
        return self.text[self._lines[number - 1] : self._lines[number]]

    def where(self, node: Part) -> str:
        """File and line, for a person."""
        here = Path.cwd()
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        return f"{path}, line {node.lineno}"

    def indent(self, statement: ast.stmt) -> str:
        """What stands before a statement on its line.

        Raises:
            FinishError: more than white space.
        """
        span = self.span(statement)
        before = self.text[self._lines[statement.lineno - 1] : span.start]
        if before.strip():
            raise FinishError(f"{self.where(statement)}, holds more than one statement")
        return before

    def lines(self, statement: ast.stmt) -> Span:
        """The whole lines that a statement fills.

        Raises:
            FinishError: something else stands on them.
        """
        span = self.span(statement)
        start = span.start - len(self.indent(statement))
        rest = _REST.match(self.text, span.end)
        if rest is None:
            raise FinishError(f"{self.where(statement)}, holds more than one statement")
        return Span(start, rest.end())

    def is_after_blank(self, statement: ast.stmt) -> bool:
        """Whether an empty line stands before it, or nothing."""
        return statement.lineno == 1 or not self._line(statement.lineno - 1).strip()

    def without(self, statement: ast.stmt) -> Change:
        """The deletion of a statement with its lines, and of one of two empty lines around it.

        Raises:
            FinishError: something else stands on them.
        """
        lines = self.lines(statement)
        blank = _BLANK.match(self.text, lines.end) if self.is_after_blank(statement) else None
        return Change(Span(lines.start, blank.end() if blank else lines.end), "")

    def without_parts(self, parts: Sequence[Span], gone: Sequence[int]) -> list[Change]:
        """The deletion of some of the `parts` that commas part, by number; not of all of them."""
        last = max(number for number in range(len(parts)) if number not in gone)
        return [
            Change(Span(parts[number].start, parts[number + 1].start), "")
            if number < last
            else Change(Span(parts[number - 1].end, parts[number].end), "")
            for number in gone
        ]

    def changed(self, changes: Iterable[Change]) -> Self:
        """With these changes; one inside of another is part of that."""
        text, given = self.text, {change.span: change for change in changes}
        for span in sorted(given, key=lambda each: (each.start, each.end), reverse=True):
            if not any(other.holds(span) for other in given):
                new = given[span].new
                new = re.sub(r"\r?\n", "\r\n", new) if "\r\n" in text else new
                text = text[: span.start] + new + text[span.end :]
        return replace(self, text=text)
