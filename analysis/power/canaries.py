"""What the alarms of the two canaries see at least: of some invocations, or of some users."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from analysis.power.counts import parts_held
from analysis.power.rate_alarm import MinuteRuns, Parts, RateAlarm
from analysis.rules import VISIBLE_AFTER
from analysis.traffic import Shift, Traffic
from judge import pairs_needed

A_DAY = timedelta(days=1)
"""In which the data-source canary should see a failure."""


def watched(minutes: MinuteRuns) -> MinuteRuns:
    """Without the last ones, whose datapoints come too late for the alarm.

    Example:
        >>> watched([(5, 1.0), (5, 2.0)])
        [(5, 1.0), (3, 2.0)]
    """
    left = sum(count for count, _ in minutes) - VISIBLE_AFTER // timedelta(minutes=1)
    seen = []
    for count, requests in minutes:
        seen.append((max(0, min(count, left)), requests))
        left -= count
    return seen


def code_at_least(
    traffic: Traffic, shift: Shift, alarm: RateAlarm, *, failing_percent: float
) -> float:
    """The chance, or less, that a code canary goes back before the new version has all.

    All at once nothing is seen, since CodeDeploy watches no version that has all.

    Args:
        traffic: of the route.
        shift: how the new version takes over; it takes a share of the invocations.
        alarm: on its error rate.
        failing_percent: of the new version's requests.

    Raises:
        ValueError: a percentage that is not from 0 to 100.
    """
    on_new = [(count, traffic.per_minute * percent / 100) for count, percent in shift.steps]
    return alarm.at_least(alarm.periods(watched(on_new)), Parts.of(failing_percent))


@dataclass(frozen=True, slots=True)
class ExposureRates:
    """The two alarms that see a candidate fail.

    `errors` is on the requests of the users that it has, `mismatches` on the copies of all others:
    a copy that the candidate fails is a mismatch, and there are more of them.
    """

    errors: RateAlarm
    mismatches: RateAlarm

    def at_least(
        self,
        traffic: Traffic,
        percent: float,
        *,
        failing_percent: float,
        within: timedelta = A_DAY,
    ) -> float:
        """The chance, or less, that one of them is red `within` a time from the first request.

        How many users the canary of `percent` holds is chance; each of them has the same part of
        the traffic.

        Raises:
            ValueError: a percentage that is not from 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a canary takes from 0 to 100 percent; got {percent!r}")
        minutes = watched([(within // timedelta(minutes=1), traffic.per_minute)])
        of_users, of_copies = (each.periods(minutes) for each in (self.errors, self.mismatches))
        unseen = 0.0
        for chance, part in parts_held(traffic.users, percent):
            asked, copied = (Parts.of(failing_percent, part=some) for some in (part, 1 - part))
            beside = Parts(asked.good + copied.good, copied.bad)
            unseen += (
                chance
                * (1 - self.errors.at_least(of_users, asked))
                * (1 - self.mismatches.at_least(of_copies, beside))
            )
        return 1 - unseen


@dataclass(frozen=True, slots=True)
class ShadowEvidence:
    """The pairs without mismatch after which the judge says PASS, and the days that they take.

    Example:
        >>> evidence = ShadowEvidence.of(Traffic.per_day(1_000, users=50), tolerance_percent=0.1)
        >>> f"{evidence.pairs:,} pairs in {evidence.days:.1f} days"
        '3,503 pairs in 3.5 days'
    """

    pairs: int
    days: float

    @classmethod
    def of(
        cls, traffic: Traffic, *, tolerance_percent: float = 0.1, shadow_percent: float = 100
    ) -> Self:
        """For a mismatch under `tolerance_percent`, with `shadow_percent` of requests copied.

        Raises:
            ValueError: a tolerance that is no percentage, or nothing copied.
        """
        if not 0 < shadow_percent <= 100:
            raise ValueError(
                f"shadow_percent is over 0 and at most 100 percent; got {shadow_percent!r}"
            )
        pairs = pairs_needed(tolerance_percent)
        return cls(pairs, pairs / (traffic.requests_per_day * shadow_percent / 100))
