"""Whether the candidate has the share of the users that was asked for, by the requests there were.

Nobody counts users, and requests alone would cry wolf: a canary takes users, and a few of them make
most of the requests. Where a fifth of the users make four fifths, as in a lognormal distribution,
the square of a user's requests is 17 times that of the mean on average: n users tell as much as
n / 17 equal ones. A share that is off by over five standard deviations of those, and by one of the
busiest users more, is no chance: in 20,000 simulated launches each of 1 to 50 %, with equal and
with unequal users, none was (`tests/unit/test_sample_ratio.py`). Where chance alone may take half
of what was asked for, nothing is said: of 10 % asked for, with fewer than 32,200 users.

Users who have not come yet cannot be told apart: after six hours a quarter of a day's are.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from operations.flag import HostedFlag
from operations.metrics import Metric, sums
from shadow_runtime.contract import Dimension, MetricName, Stage, Variant

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_DISPERSION = 17
_DEVIATIONS = 5
_BUSIEST = 500
"""Times the mean's requests, of the busiest of 300,000 such users; a tester may make as many."""

_UNASSIGNED_PERCENT = 10
_FEW = 100

_A_DAY, _MINUTE_S = timedelta(days=1), 60
_KEPT = timedelta(days=14)
"""Sums of a minute are kept a day longer:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Metric"""

_SPREAD = timedelta(minutes=2)
"""After a deployment, until every environment has polled the flag, in whole minutes."""

_NOT_DRAWN = (MetricName.FALLBACKS, MetricName.UNKEYED, MetricName.WRITES)
"""Requests that control answered, and that tell nothing about whom it was drawn for."""

_COUNTED = (*_NOT_DRAWN, MetricName.UNREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """Requests since the flag moved, by who answered, and the share that was asked for.

    Attributes:
        asked_percent: of the users, for the candidate.
        since: when everybody had the flag; UTC.
        users: of an ordinary day, as many of them as can have come.
        testers: whom the flag names.
        candidate: requests of users on the candidate, those that control answered in its place too.
        control: of users on control.
        unkeyed: requests without a user: control answered, and they are in no share.
        writes: requests that may change data: control answered, and they are in no share.
        unread: of `control`, those in an environment that had no flag.

    Example:
        >>> tenth = SampleRatio(
        ...     asked_percent=10, since=datetime(2030, 1, 9), users=50_000, testers=0,
        ...     candidate=50_000, control=950_000, unkeyed=0, writes=0, unread=0)
        >>> tenth.share_percent, round(tenth.chance_percent, 1)
        (5.0, 3.8)
        >>> tenth.objection[:42]
        'the candidate has 5 % of the requests sinc'
    """

    asked_percent: float
    since: datetime
    users: float
    testers: int
    candidate: int
    control: int
    unkeyed: int
    writes: int
    unread: int

    @classmethod
    def read(
        cls,
        cloudwatch: "CloudWatchClient",
        flag: HostedFlag,
        *,
        route: str,
        ceiling: Stage,
        users: int,
        now: datetime,
    ) -> Self | None:
        """Up to `now`; None where no share of the users is asked for, or not of everybody yet.

        Args:
            cloudwatch: a client.
            flag: of the route.
            route: as its metrics name it.
            ceiling: how far the flag may go.
            users: of an ordinary day.
            now: with its time zone.

        Raises:
            botocore.exceptions.ClientError: one may not look, and so cannot tell.
        """
        deployed = flag.deployed()
        stage = min(deployed.position.stage, ceiling)
        if not Stage.SHADOW < stage < Stage.LIVE:
            return None
        completed = flag.completed(deployed.number)
        if completed is None:
            return None
        since = max(completed + _SPREAD, now - _KEPT)
        if since >= now:
            return None
        of = _sums(cloudwatch, route, since, now)
        return cls(
            asked_percent=stage.candidate_percent,
            since=since,
            users=users * min(1.0, (now - since) / _A_DAY),
            testers=len({*deployed.position.candidate_users, *deployed.position.control_users}),
            candidate=of[Variant.CANDIDATE],
            control=max(0, of[Variant.CONTROL] - sum(of[name] for name in _NOT_DRAWN)),
            unkeyed=of[MetricName.UNKEYED],
            writes=of[MetricName.WRITES],
            unread=of[MetricName.UNREAD],
        )

    @property
    def share_percent(self) -> float:
        """Of the requests of users, those of the candidate's."""
        return 100 * self.candidate / max(1, self.candidate + self.control)

    @property
    def chance_percent(self) -> float:
        """Points by which chance may move the share."""
        requests, part = self.candidate + self.control, self.asked_percent / 100
        seen = max(1.0, min(self.users, requests))
        deviation = math.sqrt(part * (1 - part) * _DISPERSION / seen)
        return 100 * (_DEVIATIONS * deviation + (1 + self.testers) * _BUSIEST / seen)

    @property
    def objection(self) -> str:
        """Why nobody more may be moved to the candidate; empty where nothing can be said."""
        off = abs(self.share_percent - self.asked_percent)
        if off <= self.chance_percent or self.chance_percent > self.asked_percent / 2:
            return ""
        return (
            f"the candidate has {self.share_percent:.3g} % of the requests since "
            f"{self.since:%Y-%m-%d %H:%M} UTC, and {self.asked_percent:g} % of the users were "
            f"asked for: chance may explain {self.chance_percent:.2g} points. Look at what `user=` "
            f"says, at `{MetricName.UNREAD}` and at `{MetricName.FLAG_AGE}`, and move the flag to "
            "shadow until you know why"
        )

    @property
    def notice(self) -> str:
        """That the canary is smaller than asked for; empty where it is not."""
        undrawn = self.unkeyed + self.writes
        requests, unassigned = self.candidate + self.control + undrawn, undrawn + self.unread
        if requests < _FEW or 100 * unassigned <= _UNASSIGNED_PERCENT * requests:
            return ""
        return (
            f"{100 * min(1, unassigned / requests):.3g} % of the requests since "
            f"{self.since:%Y-%m-%d %H:%M} UTC had no user (`{MetricName.UNKEYED}` "
            f"{self.unkeyed:,}), may change data (`{MetricName.WRITES}` {self.writes:,}) or had no "
            f"flag (`{MetricName.UNREAD}` {self.unread:,}): control answers them, and the canary "
            "is smaller than asked for"
        )


def _sums(
    cloudwatch: "CloudWatchClient", route: str, since: datetime, now: datetime
) -> dict[str, int]:
    asked: dict[str, Metric] = {
        **{each: (MetricName.REQUESTS, {Dimension.VARIANT: each}) for each in Variant},
        **{name: (name, {}) for name in _COUNTED},
    }
    names, totals = [*asked], dict.fromkeys(asked, 0.0)
    found = sums(cloudwatch, route, [*asked.values()], period_s=_MINUTE_S, since=since, until=now)
    for part in found:
        totals[names[part.number]] += sum(part.values)
    return {name: round(total) for name, total in totals.items()}
