"""What a rehearsal says of one canary, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from analysis.simulation.runs import Numbers, Runs
from analysis.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Shares are from 0 to 1; numbers of requests and users are means of all rollouts.

    Attributes:
        rolled_back: the chance to go back before the end.
        by: the part of all rollouts that each guard took back.
        minutes_p50: from the start of the failure until everybody was back, of those that went
            back; None where none did.
        minutes_p95: the same for the slowest of 20.
        errors: requests whose user saw an error.
        errors_p95: the same in the worst of 20 rollouts.
        users: users who saw one or more.
        fallbacks: requests that control answered for a candidate that failed.
        wrong: wrong answers that were served.
        by_minute: the part of all rollouts that each guard had taken back, after each minute.
    """

    rolled_back: float
    by: Mapping[str, float]
    minutes_p50: float | None
    minutes_p95: float | None
    errors: float
    errors_p95: float
    users: float
    fallbacks: float
    wrong: float
    by_minute: Mapping[str, list[float]]

    @classmethod
    def of(cls, runs: Runs, scenario: Scenario) -> Self:
        """The outcome of `runs`."""
        back = runs.back_at[runs.guard >= 0]
        taken = np.maximum(back - scenario.failure_starts, 0)
        by = {name: runs.guard == place for place, name in enumerate(runs.guards)}
        return cls(
            rolled_back=float((runs.guard >= 0).mean()),
            by={name: float(which.mean()) for name, which in by.items()},
            minutes_p50=_percentile(taken, 50),
            minutes_p95=_percentile(taken, 95),
            errors=float(runs.errors.mean()),
            errors_p95=_percentile(runs.errors, 95) or 0.0,
            users=float(runs.users.mean()),
            fallbacks=float(runs.fallbacks.mean()),
            wrong=float(runs.wrong.mean()),
            by_minute={
                name: _until_each(runs.back_at[which], scenario.minutes, runs.guard.size)
                for name, which in by.items()
            },
        )


def _percentile(numbers: Numbers, percent: float) -> float | None:
    return float(np.percentile(numbers, percent)) if numbers.size else None


def _until_each(back_at: Numbers, minutes: int, rollouts: int) -> list[float]:
    by_then = np.searchsorted(np.sort(back_at), np.arange(minutes + 1), side="right")
    shares: list[float] = (by_then / rollouts).tolist()
    return shares
