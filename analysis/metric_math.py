"""Metric math, as far as alarms of this repository use it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shadow_runtime.contract import ShadowCanaryError


class UnsupportedError(ShadowCanaryError):
    """What stands in an alarm or a formula and is not understood here: by name, and where."""


Series = NDArray[np.float64]
"""Datapoints whose last axis is time; NaN is a missing one. A number has no axis."""

REPEAT = None
"""As what `FILL` puts in: the newest datapoint before."""


def _paired(operator: np.ufunc) -> Callable[[Series, Series], Series]:
    """Between two series, a missing operand counts as 0 where the other has a datapoint."""

    def operation(left: Series, right: Series) -> Series:
        gone = np.isnan(left), np.isnan(right)
        missing = np.logical_and(*gone) if left.ndim and right.ndim else np.logical_or(*gone)
        result = operator(_or_zero(left), _or_zero(right))
        # CloudWatch keeps no infinity: a division by zero drops the datapoint.
        return np.where(missing | ~np.isfinite(result), np.nan, result)

    return operation


def _if(condition: Series, then: Series, otherwise: Series | float = np.nan) -> Series:
    chosen = np.where(condition != 0, _or_zero(then), otherwise)
    return np.where(np.isnan(condition), np.nan, chosen)


def _fill(series: Series, filler: Series | None) -> Series:
    missing = np.isnan(series)
    if filler is REPEAT:
        places = np.where(missing, 0, np.arange(series.shape[-1]))
        return np.take_along_axis(series, np.maximum.accumulate(places, axis=-1), axis=-1)
    # A series without any datapoint has no times at which one could be put in.
    empty = missing.all(axis=-1, keepdims=True)
    return np.where(missing & ~empty, filler, series)


def _sum(array: Sequence[Series]) -> Series:
    stacked = np.stack(np.broadcast_arrays(*array))
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def _average(array: Sequence[Series]) -> Series:
    """A missing datapoint counts as 0."""
    return _sum(array) / len(array)


def _time_series(number: Series) -> Series:
    """The number at each time, whatever is missing elsewhere."""
    return np.reshape(number, 1)


def _or_zero(series: Series) -> Series:
    return np.where(np.isnan(series), 0.0, series)


Function = Callable[..., Any]

OPERATORS: Mapping[str, Function] = {
    "+": _paired(np.add),
    "-": _paired(np.subtract),
    "*": _paired(np.multiply),
    "/": _paired(np.divide),
    "^": _paired(np.power),
    "<": _paired(np.less),
    "<=": _paired(np.less_equal),
    ">": _paired(np.greater),
    ">=": _paired(np.greater_equal),
    "==": _paired(np.equal),
    "!=": _paired(np.not_equal),
    "AND": _paired(np.logical_and),
    "OR": _paired(np.logical_or),
}

FUNCTIONS: Mapping[str, Function] = {
    "IF": _if,
    "FILL": _fill,
    "ABS": np.abs,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "MAX": lambda array: np.fmax.reduce(np.broadcast_arrays(*array)),
    "MIN": lambda array: np.fmin.reduce(np.broadcast_arrays(*array)),
    "SUM": _sum,
    "AVG": _average,
    "TIME_SERIES": _time_series,
}


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
    "TIME_SERIES": "number",
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
        applied = self._applied(at, FUNCTIONS[name], _TAKES[name], *self._list(")"))
        return replace(applied, kind="series") if name == "TIME_SERIES" else applied

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
        kind = "number" if all(term.kind == "number" for term in terms) else "series"
        return Term(kind, _names(terms), lambda s: function(*(term.value(s) for term in terms)))

    def _refused(self, why: str, at: int) -> UnsupportedError:
        position, token = self._tokens[at]
        found = f"'{token}'" if token else "the end"
        return UnsupportedError(f"{found} at {position} of '{self._text}': {why}")


def _names(terms: Iterable[Term]) -> frozenset[str]:
    return frozenset().union(*(term.names for term in terms))


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula over series of datapoints: the last axis is time, NaN is a missing one.

    Numbers, names, `+ - * / ^`, comparisons, `AND`, `OR`, and the functions `IF`, `FILL`, `ABS`,
    `CEIL` and `FLOOR` of series, `MAX`, `MIN`, `SUM` and `AVG` of arrays of series, `TIME_SERIES`
    of a number.

    Example:
        >>> formula = Formula.parse("IF(requests >= 10, 100 * faults / requests, 0)")
        >>> formula.evaluate({"requests": np.array([50, 9]), "faults": np.array([1, 9])})
        array([2., 0.])
    """

    text: str
    _term: Term = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The formula that `text` is.

        Raises:
            UnsupportedError: it is none, or uses what is not understood here; with the position.
        """
        term = Reader(text).whole()
        if term.kind != "series":
            raise UnsupportedError(f"'{text}' gives no series: it is of kind {term.kind}")
        return cls(text, term)

    @property
    def names(self) -> frozenset[str]:
        """The ids of the metrics that it uses."""
        return self._term.names

    def evaluate(self, series: Mapping[str, Series]) -> Series:
        """Its datapoints; all series have one shape, or shapes that NumPy broadcasts.

        Raises:
            KeyError: a name has no series.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result: Series = self._term.value(series)
            return result
