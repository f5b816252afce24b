"""Requests, as they come by chance."""

import math

import numpy as np
from numpy.typing import NDArray

from analysis.rollout.rollout import Rollout
from analysis.simulation.scenario import Minutes, Scenario

Counts = NDArray[np.int64]
"""One count for each rollout (first axis) and minute."""

_SWING = 0.75
"""Of the mean: the peak is seven times the lowest hour."""

_MEAN_AT = 9
"""The hour at which the day's curve passes its mean, upwards."""


def expected(rollout: Rollout, scenario: Scenario) -> Minutes:
    """Requests to expect in each minute."""
    even = np.full(scenario.minutes, rollout.traffic.per_minute)
    if not scenario.daily_curve:
        return even
    launched = rollout.clean_up.hour + rollout.clean_up.minute / 60
    hours = launched + np.arange(scenario.minutes) / 60
    return even * (1 + _SWING * np.sin(2 * math.pi * (hours - _MEAN_AT) / 24))


def poisson(chance: np.random.Generator, mean: Minutes, rollouts: int) -> Counts:
    """Counts around `mean`, which is that of each minute, or of each rollout and minute."""
    return chance.poisson(mean, size=(rollouts, mean.shape[-1]))


def some_of(chance: np.random.Generator, counts: Counts, share: Minutes | float) -> Counts:
    """How many of `counts` are drawn, each with `share`."""
    if not np.any(share):
        return np.zeros_like(counts)
    return chance.binomial(counts, share)
