"""A canary again, with one number changed: how much fails, or how much it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from analysis.simulation.canary import Canary
from analysis.simulation.outcome import Outcome
from analysis.simulation.playing import Report, played

FAILING_PERCENTS = (0.5, 1, 2, 3, 5, 7, 10, 20, 50, 100)
CANARY_PERCENTS = (1, 2, 5, 10, 20, 50)

ROLLOUTS = 2_000
"""Of each point: a chance is then right within about 2 points."""


@dataclass(frozen=True, slots=True)
class Point:
    """The outcome where the number is `at`."""

    at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Curves:
    """Of one canary: by the percentage that fails, and by the percentage that it takes."""

    by_failing: Sequence[Point]
    by_percent: Sequence[Point]

    @staticmethod
    def rollouts() -> int:
        """How many rollouts are played for the curves of one canary."""
        return ROLLOUTS * (len(FAILING_PERCENTS) + len(CANARY_PERCENTS))


def curves(canary: Canary, report: Report | None = None) -> Curves:
    """Plays `canary` at each of the percentages. The alarms stay as they are in the template."""
    fewer = canary.when(replace(canary.scenario, rollouts=ROLLOUTS))

    def points(numbers: Sequence[float], with_: Callable[[float], Canary]) -> list[Point]:
        changed = ((number, with_(number)) for number in numbers)
        return [
            Point(number, Outcome.of(played(other, report), other.scenario))
            for number, other in changed
        ]

    return Curves(
        by_failing=points(
            FAILING_PERCENTS,
            lambda failing: fewer.when(replace(fewer.scenario, failing_percent=failing)),
        ),
        by_percent=points(CANARY_PERCENTS, fewer.at),
    )
