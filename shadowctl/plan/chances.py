"""The chances that a route's alarms take a failure back: of its code, and of its candidate."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from analysis.alarms import Alarm
from analysis.format import chance
from analysis.power import ExposureRates, RateAlarm
from analysis.power.played import PLAYS, Failure, Seen, code_seen, exposure_seen
from analysis.rollout import Alarms, Rollout
from analysis.rules import AlarmKind, AlarmName, AlarmRule
from analysis.template import TemplateError

A_DAY = 1_440
"""Minutes in which a failing candidate should be seen."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Of one rollout, with the flag at its ceiling.

    Example:
        >>> rollout = Rollout.load(Path("cdk.out"), "GetUser")  # doctest: +SKIP
        >>> Chances.of(rollout).of_users(Failure(5)).either  # doctest: +SKIP
        1.0
    """

    rollout: Rollout
    code: RateAlarm
    users: ExposureRates

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        """Those of a rollout.

        Raises:
            TemplateError: an alarm whose power is not known.
        """
        return cls(
            rollout,
            _rate_alarm(rollout.code_alarms, AlarmName.CODE_ERROR_RATE),
            ExposureRates(
                _rate_alarm(rollout.exposure_alarms, AlarmName.CANDIDATE_ERROR_RATE),
                _rate_alarm(rollout.exposure_alarms, AlarmName.CANDIDATE_MISMATCH_RATE),
            ),
        )

    def of_code(self, failure: Failure) -> float:
        """That a new version goes back before it has all."""
        return code_seen(self.rollout.traffic, self.rollout.shift, self.code, failure)

    def of_users(self, failure: Failure, *, minutes: int = A_DAY) -> Seen:
        """That users go back within so many minutes."""
        rollout = self.rollout
        knowing = np.array([rollout.raising.percent_after(each) / 100 for each in range(A_DAY)])
        return exposure_seen(
            rollout.traffic.per_minute * knowing,
            rollout.traffic,
            rollout.ceiling.candidate_percent,
            self.users,
            failure,
            minutes=minutes,
        )


def seen_by(share: float) -> str:
    """A chance of which no number of plays says 0 or 1."""
    return chance(min(max(share, 0.1 / PLAYS), 1 - 0.1 / PLAYS))


def _rate_alarm(alarms: Alarms, name: AlarmName) -> RateAlarm:
    match alarms.get(name):
        case Alarm(rule=AlarmRule(kind=AlarmKind.RATE) as rule):
            return RateAlarm.of(rule)
    raise TemplateError(f"no alarm {name} of a rate: what it sees cannot be computed")
