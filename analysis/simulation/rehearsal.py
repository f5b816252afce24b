"""A rehearsal: both canaries, many times, with a failure and without it."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from analysis.rollout import Rollout
from analysis.simulation.canaries import (
    Samples,
    SimulatedCanary,
    SimulatedCodeCanary,
    SimulatedExposure,
)
from analysis.simulation.ramp import RampSummary
from analysis.simulation.scenario import Scenario
from analysis.users import Numbers
from shadow_runtime.contract import Stage

OnSimulated = Callable[[int], None]
"""Hears how many more rollouts have been played."""

_CELLS = 30_000
"""Rollouts times minutes in one piece: what a processor's cache holds of a few arrays."""


def simulate(canary: SimulatedCanary, report: OnSimulated | None = None) -> Samples:
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
        for part in pool.map(canary.sample, sizes, streams):
            parts.append(part)
            if report:
                report(part.guard.size)
    return Samples.joined(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Shares are from 0 to 1; numbers of requests and users are means of all rollouts.

    Attributes:
        rolled_back: the chance to go back before the end.
        by: the part of all rollouts that each guard took back.
        minutes_p50: from the start of the failure until everybody was back, of those that went
            back; None where none did.
        minutes_p95: the same for the slowest of 20.
        errors: requests whose user saw an error.
        errors_p95: the same in the worst of 20 rollouts.
        users: users harmed: who saw an error, waited for a candidate that failed, or got a wrong
            answer.
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
    def of(cls, runs: Samples, scenario: Scenario) -> Self:
        """The summary of `runs`."""
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


@dataclass(frozen=True, slots=True)
class RehearsedCanary:
    """One canary: what came of the failure, and how often it went back without one."""

    canary: SimulatedCanary
    summary: Summary
    false_rollbacks: float

    @classmethod
    def of(cls, canary: SimulatedCanary, report: OnSimulated | None = None) -> Self:
        """Plays it, with the failure and without it.

        Raises:
            RehearsalError: an alarm looks at something that is not played.
        """
        calm = simulate(canary.when(canary.scenario.healthy), report)
        return cls(
            canary,
            Summary.of(simulate(canary, report), canary.scenario),
            float((calm.guard >= 0).mean()),
        )


def canaries(rollout: Rollout, scenario: Scenario) -> Sequence[SimulatedCanary]:
    """Those of a rollout: none of users below the ceiling `canary`, where they meet nothing new."""
    code, exposure = SimulatedCodeCanary(rollout, scenario), SimulatedExposure(rollout, scenario)
    return [code, exposure] if rollout.ceiling > Stage.SHADOW else [code]


FAILING_PERCENTS = (0.5, 1, 2, 3, 5, 7, 10, 20, 50, 100)
CANARY_PERCENTS = (1, 2, 5, 10, 20, 50)

ROLLOUTS = 2_000
"""Of each point: a chance is then right within about 2 points."""


@dataclass(frozen=True, slots=True)
class Point:
    """The summary where the number is `at`."""

    at: float
    summary: Summary


@dataclass(frozen=True, slots=True)
class Curves:
    """Of one canary: by the percentage that fails, and by the percentage that it takes."""

    by_failing: Sequence[Point]
    by_percent: Sequence[Point]

    @staticmethod
    def rollouts() -> int:
        """How many rollouts are played for the curves of one canary."""
        return ROLLOUTS * (len(FAILING_PERCENTS) + len(CANARY_PERCENTS))


def curves(canary: SimulatedCanary, report: OnSimulated | None = None) -> Curves:
    """Plays `canary` at each of the percentages. The alarms stay as they are in the template."""
    fewer = canary.when(replace(canary.scenario, rollouts=ROLLOUTS))

    def points(numbers: Sequence[float], with_: Callable[[float], SimulatedCanary]) -> list[Point]:
        changed = ((number, with_(number)) for number in numbers)
        return [
            Point(number, Summary.of(simulate(other, report), other.scenario))
            for number, other in changed
        ]

    return Curves(
        by_failing=points(
            FAILING_PERCENTS,
            lambda failing: fewer.when(replace(fewer.scenario, failing_percent=failing)),
        ),
        by_percent=points(CANARY_PERCENTS, fewer.at),
    )


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of rehearsing the rollout of `source`, such as `this branch`.

    With its curves, where they are asked for, and its ramp, where it has one.
    """

    source: str
    rollout: Rollout
    canaries: Sequence[RehearsedCanary]
    curves: Sequence[Curves] = ()
    ramp: Sequence[RampSummary] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines: names as in `Summary`."""
        return {
            "source": self.source,
            "route": self.rollout.route,
            "traffic": asdict(self.rollout.traffic),
            "clean_up": self.rollout.clean_up.isoformat(),
            "canaries": [
                {
                    "canary": each.canary.title,
                    "setting": each.canary.setting,
                    **asdict(each.summary),
                    "false_rollbacks": each.false_rollbacks,
                }
                for each in self.canaries
            ],
            "ramp": [asdict(each) for each in self.ramp],
        }


def beside(rehearsals: Sequence[Rehearsal]) -> list[tuple[int, Rehearsal, RehearsedCanary]]:
    """Each canary of each rehearsal, with its place: the same one of all of them side by side.

    An rehearsal may lack one: where its ceiling is below the canary, no user meets the candidate.
    """
    most = max(len(rehearsal.canaries) for rehearsal in rehearsals)
    return [
        (place, rehearsal, rehearsal.canaries[place])
        for place in range(most)
        for rehearsal in rehearsals
        if place < len(rehearsal.canaries)
    ]
