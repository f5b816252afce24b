"""A rehearsal: both canaries, with the failure and without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from analysis.rollout.rollout import Rollout
from analysis.simulation.canary import Canary
from analysis.simulation.code_canary import CodeCanary
from analysis.simulation.exposure import Exposure
from analysis.simulation.outcome import Outcome
from analysis.simulation.playing import Report, played
from analysis.simulation.scenario import Scenario
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One canary: what came of the failure, and how often it went back without one."""

    canary: Canary
    outcome: Outcome
    false_rollbacks: float

    @classmethod
    def of(cls, canary: Canary, report: Report | None = None) -> Self:
        """Plays it, with the failure and without it.

        Raises:
            RehearsalError: an alarm looks at something that is not played.
        """
        calm = played(canary.when(canary.scenario.healthy), report)
        return cls(
            canary,
            Outcome.of(played(canary, report), canary.scenario),
            float((calm.guard >= 0).mean()),
        )


def canaries(rollout: Rollout, scenario: Scenario) -> Sequence[Canary]:
    """Those of a rollout: none of users below the ceiling `canary`, where they meet nothing new."""
    code, exposure = CodeCanary(rollout, scenario), Exposure(rollout, scenario)
    return [code, exposure] if rollout.ceiling > Stage.SHADOW else [code]
