"""Who answered the users of a route lately: whether anybody still needs its control."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from operations.metrics import Metric, sums
from shadow_runtime.contract import Dimension, MetricName, Variant

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

QUIET = timedelta(hours=48)
"""So long must control have answered nobody before it may go: users who come every day have come
twice."""

_PERIOD_S = 300


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests in the 48 hours before `until`, by who answered; UTC.

    Control's are those of users on the candidate too, for whom it stood in.

    Example:
        >>> Answers(control=0, candidate=4_000, until=datetime(2030, 1, 14)).are_quiet
        True
    """

    control: int
    candidate: int
    until: datetime

    @classmethod
    def read(cls, cloudwatch: "CloudWatchClient", route: str, *, until: datetime) -> Self:
        """Those of `route`, as its metrics name it.

        Raises:
            botocore.exceptions.ClientError: one may not look, and so cannot tell.
        """
        asked: list[Metric] = [(MetricName.REQUESTS, {Dimension.VARIANT: each}) for each in Variant]
        totals = [0.0 for _ in asked]
        found = sums(cloudwatch, route, asked, period_s=_PERIOD_S, since=until - QUIET, until=until)
        for part in found:
            totals[part.number] += sum(part.values)
        of = dict(zip(Variant, map(round, totals), strict=True))
        return cls(control=of[Variant.CONTROL], candidate=of[Variant.CANDIDATE], until=until)

    @property
    def are_quiet(self) -> bool:
        """Whether it is seen that control answers nobody: where nobody asked, nothing is."""
        return self.control == 0 and self.candidate > 0

    @property
    def objection(self) -> str:
        """Why control may not go; empty where it may."""
        if self.control:
            return (
                f"control answered {self.control:,} requests in the 48 hours before "
                f"{self.until:%Y-%m-%d %H:%M} UTC, the candidate {self.candidate:,}: wait until it "
                f"answers none. `{MetricName.UNREAD}` counts those of environments without a flag"
            )
        if not self.candidate:
            return (
                f"nobody asked in the 48 hours before {self.until:%Y-%m-%d %H:%M} UTC, so that "
                "nothing shows that control is not needed: wait for requests"
            )
        return ""
