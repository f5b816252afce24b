"""Which guard acts first, and what was done until then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.alarms.alarm import Alarm
from analysis.simulation.recorded import Recorded


@dataclass(frozen=True, slots=True)
class First:
    """For each rollout, which alarm was red first, and when: minutes from the start."""

    guard: NDArray[np.int8]
    red_at: NDArray[np.float64]


def first(alarms: Mapping[str, Alarm], recorded: Recorded, *, delay: int, until: float) -> First:
    """The first alarm that can be seen red by `until`, `delay` minutes after its data's minute."""
    red_at = np.stack([recorded.first_red(name, alarm) for name, alarm in alarms.items()])
    red_at += 1 + delay
    red_at[red_at > until] = np.inf
    earliest = red_at.min(axis=0)
    guard = np.where(np.isinf(earliest), -1, red_at.argmin(axis=0))
    return First(guard.astype(np.int8), earliest)


def until(counts: NDArray[np.number], minutes: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each rollout the sum of its counts before `minutes`, which may end within one."""
    whole = np.zeros((counts.shape[0], counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=whole[:, 1:])
    at = np.minimum(minutes, counts.shape[1])
    low = at.astype(int)
    high = np.minimum(low + 1, counts.shape[1])
    rows = np.arange(counts.shape[0])
    total: NDArray[np.float64] = whole[rows, low] * (low + 1 - at) + whole[rows, high] * (at - low)
    return total
