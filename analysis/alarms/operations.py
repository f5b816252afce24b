"""What the operators and functions of metric math do.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
}
