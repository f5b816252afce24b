"""What can be asked of a route: its metrics, for alarms and dashboards of one's own."""

from aws_cdk import aws_cloudwatch as cloudwatch

from shadow_canary.metrics import route_metric, variant_metric
from shadow_runtime.contract import MetricName, Variant


class MeasuredRoute:
    """The metrics of a route, by the name of what they count.

    Example:
        >>> service.metric_faults(Variant.CANDIDATE).create_alarm(
        ...     self, "Faults", threshold=1, evaluation_periods=1)  # doctest: +SKIP
    """

    route: str

    def metric_requests(self, variant: Variant) -> cloudwatch.Metric:
        """Requests that `variant` answered, a minute."""
        return variant_metric(MetricName.REQUESTS, variant, route=self.route)

    def metric_faults(self, variant: Variant) -> cloudwatch.Metric:
        """Answers of 500 and above, and crashes, of `variant`, a minute."""
        return variant_metric(MetricName.FAULTS, variant, route=self.route)

    def metric_latency(self, variant: Variant, *, statistic: str = "p95") -> cloudwatch.Metric:
        """Milliseconds that `variant` took to answer - the 95th percentile."""
        return variant_metric(MetricName.LATENCY, variant, route=self.route, statistic=statistic)

    def metric_compared(self) -> cloudwatch.Metric:
        """Shadow comparisons, a minute."""
        return route_metric(MetricName.COMPARED, route=self.route)

    def metric_mismatched(self) -> cloudwatch.Metric:
        """Shadow comparisons whose answers differed, a minute."""
        return route_metric(MetricName.MISMATCHED, route=self.route)
