"""The values of the last while, by metric: raw, because a percentile cannot be put together."""

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from analysis.alarms import Metric
from localaws.emf import Key, Measured

_NONE = np.empty((2, 0))


class Recent:
    """Values of some metrics, forgotten after `seconds`.

    Example:
        >>> recent = Recent({key}, seconds=120)  # doctest: +SKIP
        >>> recent.points(metric, np.array([0.0, 60.0, 120.0]))  # doctest: +SKIP
        array([nan,  3.])
    """

    def __init__(self, keys: Iterable[Key], *, seconds: float) -> None:
        self._seconds = seconds
        self._kept = dict.fromkeys(keys, _NONE)

    def add(self, measured: Iterable[Measured], *, now: float) -> None:
        """Keeps what is new, and forgets what is too old; `now` is in seconds since the epoch."""
        new: dict[Key, list[tuple[float, float]]] = {key: [] for key in self._kept}
        for one in measured:
            if one.key in new:
                new[one.key] += [(one.at, value) for value in one.values]
        for key, pairs in new.items():
            kept = self._kept[key]
            young = kept[:, kept[0] >= now - self._seconds]
            self._kept[key] = np.concatenate([young, np.array(pairs).reshape(-1, 2).T], axis=1)

    def points(self, metric: Metric, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """The metric's statistic from each of `edges` to the next; NaN where nothing was."""
        times, values = self._kept[key_of(metric)]
        within = [
            values[(times >= start) & (times < end)] for start, end in itertools.pairwise(edges)
        ]
        return np.array([_statistic(metric.statistic, some) for some in within])


def key_of(metric: Metric) -> Key:
    """The metric, whatever its statistic."""
    return metric.namespace, metric.name, metric.dimensions


def _statistic(name: str, values: NDArray[np.float64]) -> float:
    if not values.size:
        return np.nan
    match name:
        case "Sum":
            return float(values.sum())
        case "Average":
            return float(values.mean())
        case "Minimum":
            return float(values.min())
        case "Maximum":
            return float(values.max())
        case "SampleCount":
            return float(values.size)
    return float(np.percentile(values, float(name.removeprefix("p"))))
