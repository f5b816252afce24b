"""Where a route is, whether its alarms can act, and what its metrics prove."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from judge import Counts, Tolerances, judge
from operations.guards import Guards, objections
from shadow_runtime.contract import NAMESPACE, Dimension, MetricName, Variant
from shadowctl.route import Route

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef as Query

_HOUR_S = 3_600

_BY_ROUTE = (
    MetricName.COMPARED,
    MetricName.MISMATCHED,
    MetricName.CANDIDATE_ERRORS,
    MetricName.EMPTY,
    MetricName.REFUSED,
    MetricName.FIRST_SIGHT,
    MetricName.UNSETTLED,
    MetricName.NOISE_COMPARED,
    MetricName.NOISE,
)


def status(
    route: Route, cloudwatch: "CloudWatchClient", *, hours: int, tolerances: Tolerances
) -> Iterator[str]:
    """One line each: the stage, whether its guards can act, what the last `hours` prove."""
    yield route.where()
    yield from guarded(route.guards())
    since = datetime.now(UTC) - timedelta(hours=hours)
    yield from judge(counted(cloudwatch, route.name, since=since), tolerances).message.splitlines()


def guarded(guards: Guards) -> Iterator[str]:
    """What keeps people from being moved to the candidate, or that nothing of the alarms does."""
    found = objections(guards)
    yield from found
    if not found:
        yield f"none of the {len(guards.names)} exposure alarms is in ALARM, and each can act"
    if guards.muted_by is None:
        yield "CloudWatch knows no mute rules here, so that none mutes an alarm"


def counted(cloudwatch: "CloudWatchClient", route: str, *, since: datetime) -> Counts:
    """What the functions of `route` have counted since then.

    The judge takes one true rate: begin after the last release of the candidate.
    """
    sums: dict[str, float] = {}
    hours = set()
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[*_queries(route)], StartTime=since, EndTime=datetime.now(UTC)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            sums[result["Id"]] = sums.get(result["Id"], 0) + sum(result["Values"])
            if result["Id"] == _id(MetricName.COMPARED, None):
                hours |= {*result["Timestamps"]}

    def of(name: MetricName, variant: Variant | None = None) -> int:
        return round(sums.get(_id(name, variant), 0))

    return Counts(
        pairs=of(MetricName.COMPARED),
        mismatches=of(MetricName.MISMATCHED) + of(MetricName.CANDIDATE_ERRORS),
        empty=of(MetricName.EMPTY),
        refused=of(MetricName.REFUSED),
        first_sights=of(MetricName.FIRST_SIGHT),
        unsettled=of(MetricName.UNSETTLED),
        hours=len(hours),
        noise_pairs=of(MetricName.NOISE_COMPARED),
        noise=of(MetricName.NOISE),
        candidate_requests=of(MetricName.REQUESTS, Variant.CANDIDATE),
        candidate_faults=of(MetricName.FAULTS, Variant.CANDIDATE),
        control_requests=of(MetricName.REQUESTS, Variant.CONTROL),
        control_faults=of(MetricName.FAULTS, Variant.CONTROL),
    )


def _queries(route: str) -> "Iterator[Query]":
    for name in _BY_ROUTE:
        yield _query(route, name, None)
    for variant in Variant:
        for name in (MetricName.REQUESTS, MetricName.FAULTS):
            yield _query(route, name, variant)


def _query(route: str, name: MetricName, variant: Variant | None) -> "Query":
    dimensions = {Dimension.ROUTE: route} | ({Dimension.VARIANT: variant} if variant else {})
    return {
        "Id": _id(name, variant),
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": name,
                "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
            },
            "Period": _HOUR_S,
            "Stat": "Sum",
        },
    }


def _id(name: MetricName, variant: Variant | None) -> str:
    return f"{variant or 'route'}_{name}".lower()
