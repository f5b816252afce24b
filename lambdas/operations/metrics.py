"""Sums of the metrics that the functions of a route have written."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from shadow_runtime.contract import NAMESPACE, Dimension, MetricName

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef as Query

Metric = tuple[MetricName, Mapping[Dimension, str]]
"""A name, and the dimensions beside the route's."""


class Sums(NamedTuple):
    """The sums of a metric, the `number`th that was asked for, in the periods that have any."""

    number: int
    begun: Sequence[datetime]
    values: Sequence[float]


def sums(
    cloudwatch: "CloudWatchClient",
    route: str,
    metrics: Sequence[Metric],
    *,
    period_s: int,
    since: datetime,
    until: datetime,
) -> Iterator[Sums]:
    """By periods of `period_s` seconds; a metric may come in several parts, or not at all.

    Raises:
        botocore.exceptions.ClientError: one may not look.
    """
    queries = [_query(route, *each, number, period_s) for number, each in enumerate(metrics)]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=since, EndTime=until
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            number = int(result["Id"].removeprefix("m"))
            yield Sums(number, result["Timestamps"], result["Values"])


def _query(
    route: str, name: MetricName, by: Mapping[Dimension, str], number: int, period_s: int
) -> "Query":
    dimensions = {Dimension.ROUTE: route, **by}
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": period_s,
            "Stat": "Sum",
        },
    }
