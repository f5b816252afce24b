"""What was counted of one version of the candidate, and which version that is."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from judge import Counts, Scores
from operations.metrics import sums
from shadow_runtime.contract import ALIAS, ASKED_AGAIN, Dimension, MetricName, Variant
from shadow_runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

_HOUR_S = 3_600
_A_DAY = timedelta(days=1)

_KEPT = timedelta(days=455)
"""So long does CloudWatch keep the sums of hours:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Metric"""

_KEPT_BY_MINUTE = timedelta(days=14)
"""And the sums of minutes a day longer."""

_By = tuple[tuple[Dimension, str], ...]
"""Dimensions beside the route's and the version's."""

_OF_PAIRS = (
    MetricName.COMPARED,
    MetricName.MISMATCHED,
    MetricName.CANDIDATE_ERRORS,
    MetricName.NOISE,
    MetricName.BOTH_DIFFER,
    MetricName.EMPTY,
    MetricName.REFUSED,
    MetricName.FIRST_SIGHT,
    MetricName.UNSETTLED,
)
_OF_USERS = (
    MetricName.REQUESTS,
    MetricName.FAULTS,
    MetricName.COMPARED,
    MetricName.CONTROL_ERRORS,
)
_ANY: _By = ()
_USERS: _By = ((Dimension.VARIANT, Variant.CANDIDATE),)
_SHARES: dict[float, _By] = {
    share: ((Dimension.ASKED_AGAIN, f"{share:g}"),) for share in (0.0, *ASKED_AGAIN)
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was counted of a version, and the hour in which its counts begin.

    `hourly` are the pairs that were compared, by the hour.
    """

    counts: Counts
    since: datetime
    hourly: Mapping[datetime, float]

    @property
    def begun(self) -> str:
        """The hour, in words."""
        return f"in the hour from {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def pairs_an_hour(self, now: datetime) -> float:
        """Of the last day, or since the counts begin."""
        begun = max(self.since, now - _A_DAY)
        recent = sum(pairs for hour, pairs in self.hourly.items() if hour >= begun)
        return recent / max(1.0, (now - begun) / timedelta(hours=1))

    @property
    def classes(self) -> str:
        """The pairs by what they can prove."""
        counts = self.counts
        return (
            f"{counts.pairs:,} pairs: {counts.content:,} with content, {counts.empty:,} empty, "
            f"{counts.refused:,} refused; {counts.mismatches:,} differ, in {counts.hidden:,} both "
            f"differ, {counts.first_sights:,} differed at first sight alone"
        )


def counted(
    cloudwatch: "CloudWatchClient", route: str, *, version: str, since: datetime | None = None
) -> Found | None:
    """All that was ever counted of a version of the candidate; None before it was asked.

    `since` begins with the hour in which it is; by default with the version's first request.

    It is counted under its own number, so that no other version is in it, and its beginning does
    not move: bounds that hold at all looks hold from a fixed beginning alone.
    """
    now = datetime.now(UTC)
    begin = now - _KEPT if since is None else since.replace(minute=0, second=0, microsecond=0)
    metrics = [*_metrics()]
    totals = dict.fromkeys(metrics, 0.0)
    begun: set[datetime] = set()
    hourly: dict[datetime, float] = defaultdict(float)
    of_version = {Dimension.CANDIDATE_VERSION: version}
    asked = [(name, {**of_version, **dict(by)}) for name, by in metrics]
    for part in sums(cloudwatch, route, asked, period_s=_HOUR_S, since=begin, until=now):
        metric = metrics[part.number]
        totals[metric] += sum(part.values)
        begun |= {*part.begun}
        if metric[0] is MetricName.COMPARED and metric[1] != _USERS:
            for hour, pairs in zip(part.begun, part.values, strict=True):
                hourly[hour] += pairs
    if not begun:
        return None
    rounded = {metric: round(total) for metric, total in totals.items()}
    return Found(_counts(rounded, hours=len(hourly)), min(begun), hourly)


def compared_since(
    cloudwatch: "CloudWatchClient",
    route: str,
    *,
    version: str,
    of_users: bool,
    since: datetime,
    until: datetime,
) -> int:
    """The pairs of a version since a minute of the last two weeks.

    `of_users` are those alone whose users the candidate answered.
    """
    by = [_USERS] if of_users else [*_SHARES.values()]
    of_version = {Dimension.CANDIDATE_VERSION: version}
    asked = [(MetricName.COMPARED, {**of_version, **dict(each)}) for each in by]
    begun = max(since, until - _KEPT_BY_MINUTE)
    found = sums(cloudwatch, route, asked, period_s=60, since=begun, until=until)
    return round(sum(sum(part.values) for part in found))


def _metrics() -> Iterator[tuple[MetricName, _By]]:
    for names, by in (
        (_OF_PAIRS, [*_SHARES.values()]),
        ((MetricName.STOOD_IN,), [_ANY]),
        (_OF_USERS, [_USERS]),
    ):
        yield from ((name, each) for name in names for each in by)


def _counts(found: Mapping[tuple[MetricName, _By], int], *, hours: int) -> Counts:
    def pairs(name: MetricName) -> int:
        return sum(found[name, by] for by in _SHARES.values())

    answered = found[MetricName.REQUESTS, _USERS] - found[MetricName.FAULTS, _USERS]
    checked = found[MetricName.COMPARED, _USERS] + found[MetricName.CONTROL_ERRORS, _USERS]
    asked = found[MetricName.REQUESTS, _USERS]
    # Of a request the two functions tell apart, and the one may be late.
    worse = min(asked, found[MetricName.STOOD_IN, _ANY])
    better = min(asked - worse, found[MetricName.CONTROL_ERRORS, _USERS])
    return Counts(
        compared=tuple(
            Scores(
                found[MetricName.COMPARED, by],
                found[MetricName.MISMATCHED, by] + found[MetricName.CANDIDATE_ERRORS, by],
                found[MetricName.NOISE, by],
                share,
            )
            for share, by in _SHARES.items()
            if found[MetricName.COMPARED, by]
        ),
        hidden=pairs(MetricName.BOTH_DIFFER),
        empty=pairs(MetricName.EMPTY),
        refused=pairs(MetricName.REFUSED),
        first_sights=pairs(MetricName.FIRST_SIGHT),
        unsettled=pairs(MetricName.UNSETTLED),
        hours=hours,
        asked=Scores(asked, worse, better, min(1, checked / answered) if answered > 0 else 0),
    )


def candidate_versions(lambda_: "LambdaClient", function: str) -> list[str]:
    """Those that the versions of a route call, the newest first: two during its code canary."""
    called = set()
    for version in route_versions(lambda_, function):
        found = lambda_.get_function_configuration(FunctionName=f"{function}:{version}")
        called.add(Settings.of(found["Environment"]["Variables"]).candidate_version)
    return sorted(called, key=lambda version: (len(version), version), reverse=True)


def route_versions(lambda_: "LambdaClient", function: str) -> dict[str, float]:
    """The versions of a route that users are on, with their shares."""
    aliases = lambda_.list_aliases(FunctionName=function)["Aliases"]
    [live] = [alias for alias in aliases if alias["Name"] == ALIAS]
    others = live.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return {live["FunctionVersion"]: 1 - sum(others.values()), **others}
