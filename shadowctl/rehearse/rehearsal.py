"""A rehearsal: both canaries, with the failure and without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shadow_runtime.contract import Stage
from shadowctl.rehearse.canary import Canary
from shadowctl.rehearse.code_canary import CodeCanary
from shadowctl.rehearse.exposure import Exposure
from shadowctl.rehearse.outcome import Outcome
from shadowctl.rehearse.playing import Report, played
from shadowctl.rehearse.scenario import Scenario
from shadowctl.rollout.rollout import Rollout


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
