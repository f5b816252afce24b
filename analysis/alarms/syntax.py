"""From the text of a formula to what computes it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from analysis.alarms.errors import UnsupportedError
from analysis.alarms.operations import FUNCTIONS, OPERATORS, REPEAT, Function, Series

_NUMBER = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_TOKEN = re.compile(rf"{_NUMBER.pattern}|\w+|&&|\|\||[<>=!]=|\S", re.ASCII)
_ALIASES = {"&&": "AND", "||": "OR"}

_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_BINDING = {"OR": 1, "AND": 2, **dict.fromkeys(_COMPARISONS, 3), "+": 4, "-": 4, "*": 5, "/": 5}
_NEGATION = 6
_BINDING["^"] = 7

_OPERAND = "(series|number)"
_TAKES = {
    "IF": f"series, {_OPERAND}(, {_OPERAND})?",
    "FILL": "series, (number|REPEAT)",
    **dict.fromkeys(("ABS", "CEIL", "FLOOR"), "series"),
    **dict.fromkeys(("MAX", "MIN", "SUM", "AVG"), "array of series"),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a formula: the kind of its value, the names in it, and how it is computed."""

    kind: str
    names: frozenset[str]
    value: Callable[[Mapping[str, Series]], Any]


class Reader:
    """Reads one formula, from left to right.

    Example:
        >>> Reader("100 * faults").whole().kind
        'series'
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(m.start(), _ALIASES.get(m[0], m[0])) for m in _TOKEN.finditer(text)]
        self._tokens.append((len(text), ""))
        self._at = 0

    def whole(self) -> Term:
        """The formula.

        Raises:
            UnsupportedError: it is none, or uses what is not understood here.
        """
        term = self._expression()
        if self._next:
            raise self._refused("an operator is expected", self._at)
        return term

    @property
    def _next(self) -> str:
        return self._tokens[self._at][1]

    def _take(self) -> str:
        token = self._next
        self._at += bool(token)
        return token

    def _expect(self, token: str) -> None:
        if self._next != token:
            raise self._refused(f"'{token}' is expected", self._at)
        self._take()

    def _expression(self, above: int = 0) -> Term:
        """An operand and the operators that follow, as far as they bind more than `above`."""
        left = self._operand()
        while (binding := _BINDING.get(self._next, 0)) > above:
            at, operator = self._at, self._take()
            right = self._expression(binding - 1 if operator == "^" else binding)
            takes = f"{_OPERAND}, {_OPERAND}"
            left = self._applied(at, OPERATORS[operator], takes, left, right)
        return left

    def _operand(self) -> Term:
        at, word = self._at, self._take()
        if word == "-":
            return self._applied(at, np.negative, _OPERAND, self._expression(_NEGATION))
        if word == "(":
            inside = self._expression()
            self._expect(")")
            return inside
        if word == "[":
            return self._array(at)
        if _NUMBER.fullmatch(word):
            number = np.array(float(word))
            return Term("number", frozenset(), lambda _: number)
        if self._next == "(":
            return self._call(at, word)
        if word == "REPEAT":
            return Term(word, frozenset(), lambda _: REPEAT)
        if word[:1].islower():
            return Term("series", frozenset({word}), itemgetter(word))
        raise self._refused("a number, a name or a function is expected", at)

    def _call(self, at: int, name: str) -> Term:
        if name not in FUNCTIONS:
            raise self._refused(f"only {', '.join(FUNCTIONS)} are understood here", at)
        self._expect("(")
        return self._applied(at, FUNCTIONS[name], _TAKES[name], *self._list(")"))

    def _array(self, at: int) -> Term:
        items = self._list("]")
        if any(item.kind != "series" for item in items):
            raise self._refused("an array holds series only", at)
        return Term("array of series", _names(items), lambda s: [item.value(s) for item in items])

    def _list(self, end: str) -> list[Term]:
        items = [self._expression()]
        while self._next == ",":
            self._take()
            items.append(self._expression())
        self._expect(end)
        return items

    def _applied(self, at: int, function: Function, takes: str, *terms: Term) -> Term:
        given = ", ".join(term.kind for term in terms)
        if not re.fullmatch(takes, given):
            raise self._refused(f"it takes {takes}, not {given}", at)
        names = _names(terms)
        kind = "series" if names else "number"
        return Term(kind, names, lambda s: function(*(term.value(s) for term in terms)))

    def _refused(self, why: str, at: int) -> UnsupportedError:
        position, token = self._tokens[at]
        found = f"'{token}'" if token else "the end"
        return UnsupportedError(f"{found} at {position} of '{self._text}': {why}")


def _names(terms: Iterable[Term]) -> frozenset[str]:
    return frozenset().union(*(term.names for term in terms))
