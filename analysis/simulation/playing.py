"""Many rollouts of a canary, a handful at a time."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from analysis.simulation.canary import Canary
from analysis.simulation.runs import Runs

Report = Callable[[int], None]
"""Hears how many more rollouts have been played."""

_CELLS = 30_000
"""Rollouts times minutes in one piece: what a processor's cache holds of a few arrays."""


def played(canary: Canary, report: Report | None = None) -> Runs:
    """What becomes of all the scenario's rollouts: the same on any number of processors.

    Raises:
        RehearsalError: an alarm looks at something that is not played.
    """
    rollouts = canary.scenario.rollouts
    most = max(1, _CELLS // canary.minutes)
    sizes = [min(most, rollouts - start) for start in range(0, rollouts, most)]
    seeds = np.random.SeedSequence(canary.scenario.seed).spawn(len(sizes))
    parts = []
    # NumPy works outside of the interpreter's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        streams = (np.random.Generator(np.random.SFC64(each)) for each in seeds)
        for part in pool.map(canary.play, sizes, streams):
            parts.append(part)
            if report:
                report(part.guard.size)
    return Runs.joined(parts)
