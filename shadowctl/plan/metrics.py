"""The custom metrics of a route. Each is paid for, so each kind of them is listed here.

A kind is a name and what it is counted by beside the route.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from shadow_runtime.contract import Dimension, MetricName, Stage, Variant

By: TypeAlias = tuple[Dimension, str] | Dimension | None
"""A dimension with its one value, a dimension with one value at a time, or none."""

Kinds: TypeAlias = Mapping[Stage, Mapping[By, tuple[MetricName, ...]]]
"""By the stage from which on they are written."""

_CANARY = Stage.canary(percent=0.01)
_CONTROL = (Dimension.VARIANT, Variant.CONTROL)
_CANDIDATE = (Dimension.VARIANT, Variant.CANDIDATE)
_EXPOSED = (Dimension.EXPOSED, "true")

_OF_A_SIDE = (MetricName.REQUESTS, MetricName.FAULTS, MetricName.LATENCY)
_OF_PAIRS = (MetricName.COMPARED, MetricName.MISMATCHED, MetricName.CANDIDATE_ERRORS)

OF_ROUTE: Kinds = {
    Stage.OFF: {
        None: (MetricName.FLAG_AGE, MetricName.STAGE, MetricName.CANDIDATE_PERCENT),
        _CONTROL: _OF_A_SIDE,
        Dimension.VERSION: (MetricName.FAULTS,),
    },
    _CANARY: {
        None: (MetricName.FALLBACKS, MetricName.TIMEOUTS, MetricName.SHORT_CIRCUITED),
        _CANDIDATE: _OF_A_SIDE,
        Dimension.VERSION: (MetricName.FALLBACKS,),
    },
}
OF_SHADOW: Kinds = {
    Stage.SHADOW: {
        None: (
            *_OF_PAIRS,
            *(MetricName.SHADOW_LAG, MetricName.SHADOW_LATENCY),
            *(MetricName.COPIES_DROPPED, MetricName.TEE_SKIPPED, MetricName.TEE_FAILED),
            *(MetricName.NOISE_COMPARED, MetricName.NOISE),
        ),
    },
    _CANARY: {
        _EXPOSED: _OF_PAIRS,
        Dimension.VERSION: _OF_PAIRS,
        _CANDIDATE: (MetricName.COMPARED, MetricName.MISMATCHED),
    },
}


def written(kinds: Kinds, ceiling: Stage) -> Iterator[tuple[MetricName, By]]:
    """Those of `kinds` that may be written up to `ceiling`."""
    for stage, by in kinds.items():
        if stage <= ceiling:
            yield from ((name, dimension) for dimension, names in by.items() for name in names)
