"""The data-source canary: the alarms that take users off the candidate."""

from collections.abc import Sequence
from datetime import timedelta

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from analysis.traffic import Traffic
from analysis.windows import CanaryWindows, Window
from shadow_canary.alarm import RouteAlarm
from shadow_canary.blindness import warn_of_exposure
from shadow_canary.metrics import mismatch_share, ratio, route_metric, share, variant_metric
from shadow_runtime.contract import Dimension, MetricName, Stage, Variant


class ExposureAlarms(Construct):
    """Three alarms over what happens while users are on the candidate; each calls `topic` once.

    Bad share: the candidate failed, was late, or was left alone because it had failed. Mismatch
    share: answers that differ or that only the candidate failed, in copies of stages `canary` and
    `live`; in `shadow` a mismatch is a finding. Latency ratio: the candidate's 95th percentile
    against control's. At `live` control answers nobody, so there is no ratio; what is later than
    the deadline is a failure there too.

    They see the route's own metrics, under literal dimensions, and no version: they stand until
    the clean-up, whatever is deployed meanwhile.

    Args:
        scope: the service.
        id_: role noun.
        route: name of the route.
        topic: hears when an alarm turns red.
        traffic: with `ceiling`, decides the windows.
        ceiling: how far the flag may go.
        within: how long one watches, from launch to clean-up.
        window: of all three alarms - by the rule of `analysis.windows`.
        error_rate_percent: bad share over which users leave the candidate.
        mismatch_percent: mismatch share over which they do.
        latency_ratio: how many times control's latency the candidate may take.
        latency_floor: control counts as this slow at least, for the ratio.

    Example:
        >>> ExposureAlarms(self, "Exposure", route="get-user", topic=topic,
        ...                traffic=Traffic.per_day(1_000_000, users=50_000), ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        topic: sns.ITopic,
        traffic: Traffic,
        ceiling: Stage,
        within: timedelta,
        window: Window | None,
        error_rate_percent: float,
        mismatch_percent: float,
        latency_ratio: float,
        latency_floor: Duration,
    ) -> None:
        super().__init__(scope, id_)
        self._route = route
        self._topic = topic
        warn_of_exposure(
            self,
            traffic=traffic,
            ceiling=ceiling,
            within=within,
            window=window,
            threshold_percent=error_rate_percent,
        )
        windows = CanaryWindows.for_exposure(
            traffic, ceiling.candidate_percent, within=within, given=window
        )
        self.bad_share = self._bad_share(windows.error_rate, error_rate_percent)
        self.mismatch_share = self._mismatch_share(windows.mismatch_rate, mismatch_percent)
        self.latency_ratio = self._latency_ratio(windows.latency, latency_ratio, latency_floor)

    @property
    def alarms(self) -> Sequence[RouteAlarm]:
        """All three."""
        return [self.bad_share, self.mismatch_share, self.latency_ratio]

    def _bad_share(self, window: Window, percent: float) -> RouteAlarm:
        requests, faults = (
            variant_metric(name, Variant.CANDIDATE, route=self._route)
            for name in (MetricName.REQUESTS, MetricName.FAULTS)
        )
        unasked = route_metric(MetricName.SHORT_CIRCUITED, route=self._route)
        return self._alarm(
            "BadShare",
            "bad-share",
            share(
                "bad share of the candidate, %",
                bad="faults + unasked",
                of="requests + unasked",
                window=window,
                using={"requests": requests, "faults": faults, "unasked": unasked},
            ),
            window,
            percent,
            f"the candidate failed over {percent:g} % of its users' requests",
        )

    def _mismatch_share(self, window: Window, percent: float) -> RouteAlarm:
        exposed = {Dimension.EXPOSED.value: "true"}
        return self._alarm(
            "MismatchShare",
            "mismatch-share",
            mismatch_share("mismatch share, %", route=self._route, window=window, **exposed),
            window,
            percent,
            f"over {percent:g} % of the candidate's answers are wrong",
        )

    def _latency_ratio(self, window: Window, times: float, floor: Duration) -> RouteAlarm:
        using = {}
        for variant in Variant:
            using[variant.value] = variant_metric(
                MetricName.LATENCY, variant, route=self._route, statistic="p95"
            )
            using[f"{variant}s"] = variant_metric(MetricName.REQUESTS, variant, route=self._route)
        floor_ms = int(floor.to_milliseconds())
        return self._alarm(
            "LatencyRatio",
            "latency-ratio",
            ratio(
                "candidate's p95 in control's",
                floor_ms=floor_ms,
                window=window,
                using=using,
            ),
            window,
            times,
            f"the candidate's 95th percentile is over {times:g} times control's, "
            f"or {times * floor_ms:g} ms where control is faster than {floor_ms} ms",
        )

    def _alarm(
        self,
        id_: str,
        name: str,
        metric: cloudwatch.MathExpression,
        window: Window,
        threshold: float,
        words: str,
    ) -> RouteAlarm:
        return RouteAlarm(
            self,
            id_,
            name=f"{Stack.of(self).stack_name}-{self._route}-{name}",
            says=f"{self._route}: {words}, in {window.description}; the flag goes to off",
            topic=self._topic,
            metric=metric,
            over=threshold,
            evaluation_periods=window.evaluation_periods,
            datapoints_to_alarm=window.datapoints_to_alarm,
        )
