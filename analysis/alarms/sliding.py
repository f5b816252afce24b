"""Windows that slide: CloudWatch looks each minute at the periods up to then.

A series is an array whose last axis is time, in steps such as minutes; NaN is a missing datapoint.
"""

import numpy as np

from analysis.alarms.operations import Series


def sums(series: Series, steps: int) -> Series:
    """At each step the sum of a period of `steps` up to and with it.

    Example:
        >>> sums(np.array([1, np.nan, np.nan, 4]), 2)
        array([ 1.,  1., nan,  4.])
    """
    if steps == 1:
        return series
    real = ~np.isnan(series)
    total = _last(np.where(real, series, 0.0), steps)
    return np.where(_last(real.astype(float), steps) > 0, total, np.nan)


def ranges(points: Series, steps: int, length: int) -> Series:
    """At each step the points of the last `length` periods of `steps`, oldest first, in a new axis.

    Example:
        >>> ranges(np.array([1.0, 2.0, 3.0]), steps=1, length=2)
        array([[nan,  1.],
               [ 1.,  2.],
               [ 2.,  3.]])
    """
    stacked = np.stack([_before(points, steps * back) for back in reversed(range(length))])
    return np.moveaxis(stacked, 0, -1)  # laid out by range: several times faster to evaluate


def _last(series: Series, steps: int) -> Series:
    """Exact for whole numbers, as counts are."""
    total = np.cumsum(series, axis=-1)
    total[..., steps:] -= total[..., :-steps].copy()
    return total


def _before(points: Series, steps: int) -> Series:
    """What stood `steps` earlier; missing before the beginning."""
    earlier = np.full_like(points, np.nan)
    earlier[..., steps:] = points[..., : max(0, points.shape[-1] - steps)]
    return earlier
