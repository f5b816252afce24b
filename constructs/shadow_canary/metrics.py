"""What is measured of a route. When to shout is said where the alarms are."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from shadow_runtime.contract import NAMESPACE, Dimension, MetricName

MINUTE = Duration.minutes(1)


def route_metric(
    name: MetricName, *, route: str, statistic: str = "Sum", **dimensions: str
) -> cloudwatch.Metric:
    """A metric that the route's functions write, a minute."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={Dimension.ROUTE: route, **dimensions},
        statistic=statistic,
        period=MINUTE,
    )


def version_metric(
    name: str, *, alias: lambda_.Alias, version: lambda_.IVersion, statistic: str = "Sum"
) -> cloudwatch.Metric:
    """A metric of Lambda for the calls through `alias` that ran on `version`.

    `version.metric()` names a dimension that Lambda never writes, so it is spelled out here:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
    """
    function = version.lambda_.function_name
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={
            "FunctionName": function,
            "Resource": f"{function}:{alias.alias_name}",
            "ExecutedVersion": version.version,
        },
        statistic=statistic,
        period=MINUTE,
    )


def error_rate(
    *, route: str, alias: lambda_.Alias, version: lambda_.IVersion, minimum_requests: int
) -> cloudwatch.MathExpression:
    """Percent of `version`'s invocations that crashed or answered 500 and above.

    0 in a minute with fewer than `minimum_requests`: one failure out of one is no evidence. A
    missing operand counts as 0, so a version that dies on import (no metric of ours) still counts:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    return cloudwatch.MathExpression(
        label="bad share of the new version, %",
        expression=(
            f"IF(invocations >= {minimum_requests}, 100 * (errors + faults) / invocations, 0)"
        ),
        using_metrics={
            "errors": version_metric("Errors", alias=alias, version=version),
            "faults": route_metric(
                MetricName.FAULTS, route=route, **{Dimension.VERSION: version.version}
            ),
            "invocations": version_metric("Invocations", alias=alias, version=version),
        },
        period=MINUTE,
    )
