"""What is measured of a route, and the formulas over it. When to shout is said at the alarms."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from analysis.rules import Window
from shadow_runtime.contract import NAMESPACE, Dimension, MetricName, Variant

MINUTE = Duration.minutes(1)


def full_name(scope: Construct, route: str) -> str:
    """`<stack>/<route>`, as the functions and their metrics name it.

    Two environments of one app may share an account: what one counts must be nobody else's. Of a
    nested stack it is the outermost one's name, which is known at synthesis.
    """
    return f"{outermost(Stack.of(scope)).stack_name}/{route}"


def outermost(stack: Stack) -> Stack:
    """The stack in which `stack` is nested, or itself."""
    while (outer := stack.nested_stack_parent) is not None:
        stack = outer
    return stack


def route_metric(
    name: MetricName, *, route: str, statistic: str = "Sum", **dimensions: str
) -> cloudwatch.Metric:
    """A metric that the functions of the route of that full name write, a minute."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={Dimension.ROUTE: route, **dimensions},
        statistic=statistic,
        period=MINUTE,
    )


def variant_metric(
    name: MetricName, variant: Variant, *, route: str, statistic: str = "Sum"
) -> cloudwatch.Metric:
    """A metric of the side that was asked, a minute."""
    dimensions = {Dimension.VARIANT.value: variant.value}
    return route_metric(name, route=route, statistic=statistic, **dimensions)


def version_metric(
    name: str,
    *,
    alias: lambda_.Alias,
    version: lambda_.IVersion,
    statistic: str = "Sum",
) -> cloudwatch.Metric:
    """A metric of Lambda for the calls through `alias` that ran on `version`, a minute.

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


_LATE_MINUTES = 2
"""After its end, until CloudWatch has what was measured in a minute."""


def never_missing(series: str, *, minutes: int) -> str:
    """`series`, and 0 in a period of so many `minutes` of which there is no datapoint.

    For a missing datapoint an alarm takes an older one, so that a failure would be seen again in
    the period before, and in the one before that. A period no longer than data are late stays as it
    is: it would hold 0 for what is still to come, and the alarm would never be red.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    return f"{series} + TIME_SERIES(0)" if minutes > _LATE_MINUTES else series


def rate(
    label: str,
    *,
    failures: str,
    requests: str,
    window: Window,
    using: Mapping[str, cloudwatch.Metric],
) -> cloudwatch.MathExpression:
    """Percent of `requests` that are `failures`; both are sums over the names of `using`.

    0 in a period that is no evidence by `window`, which counts as one of its minimum where it has
    fewer: so that no good request, whenever it comes, can turn an alarm red. A missing operand
    counts as 0.
    """
    least = window.minimum_requests
    asked = never_missing(requests, minutes=window.minutes)
    # The first condition always holds; it gives a value to a period without any failure.
    enough = f"{asked} >= 0 AND {failures} >= {window.minimum_failures}"
    part = f"({failures})" if " " in failures else failures
    percent = f"IF({enough}, 100 * {part} / IF({requests} > {least}, {requests}, {least}), 0)"
    return formula(label, percent, using=using, period=Duration.minutes(window.minutes))


def mismatch_rate(
    label: str, *, route: str, window: Window, **dimensions: str
) -> cloudwatch.MathExpression:
    """Percent of the comparisons in which the candidate's answer differed or was missing."""
    using = {"compared": MetricName.COMPARED, "wrong": MetricName.WRONG}
    return rate(
        label,
        failures="wrong",
        requests="compared",
        window=window,
        using={id_: route_metric(name, route=route, **dimensions) for id_, name in using.items()},
    )


def latency_ratio(
    label: str,
    *,
    floor_ms: int,
    window: Window,
    using: Mapping[str, cloudwatch.Metric],
) -> cloudwatch.MathExpression:
    """How many times `control` (at least `floor_ms`) is in `candidate`.

    0 in a period with fewer `candidates` or `controls` than `window` asks for.
    """
    minimum = window.minimum_requests
    candidates = never_missing("candidates", minutes=window.minutes)
    enough = f"{candidates} >= {minimum} AND controls >= {minimum}"
    at_least = f"IF(control > {floor_ms}, control, {floor_ms})"
    times = f"IF({enough}, candidate / {at_least}, 0)"
    return formula(label, times, using=using, period=Duration.minutes(window.minutes))


def formula(
    label: str,
    expression: str,
    *,
    using: Mapping[str, cloudwatch.Metric],
    period: Duration = MINUTE,
) -> cloudwatch.MathExpression:
    """`expression` over metrics of one period."""
    return cloudwatch.MathExpression(
        label=label,
        expression=expression,
        using_metrics={name: metric.with_(period=period) for name, metric in using.items()},
        period=period,
    )


class MetricOptions(TypedDict, total=False):
    """What a metric of the CDK may be given, as for any `metric_…` of its constructs."""

    account: str
    color: str
    dimensions_map: Mapping[str, str]
    label: str
    period: Duration
    region: str
    stack_account: str
    stack_region: str
    statistic: str
    unit: cloudwatch.Unit


_STATISTICS = {
    MetricName.LATENCY: "p95",
    MetricName.FLAG_AGE: "Maximum",
    MetricName.STAGE: "Maximum",
    MetricName.CANDIDATE_PERCENT: "Maximum",
    MetricName.FOLLOWER_LAG: "Maximum",
}
"""Of those that count nothing."""


def _metric(name: MetricName, own: Mapping[str, str], options: MetricOptions) -> cloudwatch.Metric:
    chosen: MetricOptions = {
        "period": MINUTE,
        "statistic": _STATISTICS.get(name, "Sum"),
        **options,
        "dimensions_map": {**own, **options.get("dimensions_map", {})},
    }
    return cloudwatch.Metric(namespace=NAMESPACE, metric_name=MetricName(name), **chosen)


class RouteMetrics:
    """The metrics of a route, by the name of what they count; a minute's sum unless said otherwise.

    Example:
        >>> service.metric_faults(Variant.CANDIDATE, period=Duration.minutes(5)).create_alarm(
        ...     self, "Faults", threshold=1, evaluation_periods=1)  # doctest: +SKIP
    """

    full_name: str

    def metric(self, name: MetricName, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that the functions write; docs/reference.md lists them.

        `dimensions_map` adds to the route: `{"Variant": "candidate"}`. Latency is the 95th
        percentile, ages and stages are the maximum.
        """
        own = {Dimension.ROUTE.value: self.full_name}
        return _metric(name, own, options)

    def metric_requests(
        self, variant: Variant, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Requests that `variant` answered."""
        return self._of(variant, MetricName.REQUESTS, options)

    def metric_faults(
        self, variant: Variant, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Answers of 500 and above, and crashes, of `variant`."""
        return self._of(variant, MetricName.FAULTS, options)

    def metric_latency(
        self, variant: Variant, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Milliseconds that `variant` took to answer - the 95th percentile."""
        return self._of(variant, MetricName.LATENCY, options)

    def metric_compared(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Shadow comparisons."""
        return self.metric(MetricName.COMPARED, **options)

    def metric_mismatched(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Shadow comparisons whose answers differed."""
        return self.metric(MetricName.MISMATCHED, **options)

    def _of(self, variant: Variant, name: MetricName, options: MetricOptions) -> cloudwatch.Metric:
        options = options.copy()
        given = options.get("dimensions_map", {})
        options["dimensions_map"] = {**given, Dimension.VARIANT.value: variant.value}
        return self.metric(name, **options)


class DatasetMetrics:
    """The metrics of a dataset, by the name of what they count; a minute's sum unless said so.

    Example:
        >>> users.metric_repaired(period=Duration.hours(1)).create_alarm(
        ...     self, "Repaired", threshold=100, evaluation_periods=1)  # doctest: +SKIP
    """

    full_name: str

    def metric(self, name: MetricName, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Any metric that is written by dataset; docs/reference.md lists them."""
        return _metric(name, {Dimension.DATASET.value: self.full_name}, options)

    def metric_unreconciled(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Keys of which no intent could be sent: a mark stands for it."""
        return self.metric(MetricName.UNRECONCILED, **options)

    def metric_dirty_reads(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Reads that the authority answered for a side that may have been behind."""
        return self.metric(MetricName.DIRTY_READS, **options)

    def metric_repaired(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Keys that the reconciler made equal."""
        return self.metric(MetricName.REPAIRED, **options)

    def metric_follower_lag(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Seconds from a write's intent to the end of its reconciliation - the maximum."""
        return self.metric(MetricName.FOLLOWER_LAG, **options)
