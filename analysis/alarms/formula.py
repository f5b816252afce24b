"""Metric math, as far as alarms of this repository use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from analysis.alarms.errors import UnsupportedError
from analysis.alarms.operations import Series
from analysis.alarms.syntax import Reader, Term


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula over series of datapoints: the last axis is time, NaN is a missing one.

    Numbers, names, `+ - * / ^`, comparisons, `AND`, `OR`, and the functions `IF`, `FILL`, `ABS`,
    `CEIL` and `FLOOR` of series, `MAX`, `MIN`, `SUM` and `AVG` of arrays of series.

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
