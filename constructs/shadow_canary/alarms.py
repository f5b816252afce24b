"""The alarms of a route: those that take its users back, and those that tell people."""

from collections.abc import Sequence
from datetime import timedelta

from aws_cdk import Annotations, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from analysis.power import ExposureRates, RateAlarm, underpowered_exposure
from analysis.rules import AlarmAction, AlarmKind, AlarmName, AlarmRule, CanaryWindows, Window
from analysis.traffic import Traffic
from shadow_canary.metadata import add_metadata
from shadow_canary.metrics import (
    MINUTE,
    formula,
    full_name,
    mismatch_rate,
    never_missing,
    rate,
    route_metric,
    variant_metric,
)
from shadow_canary.metrics import (
    latency_ratio as ratio_of_latencies,
)
from shadow_runtime.contract import Dimension, MetricName, Stage, Variant

EXPOSURE_UNDERPOWERED = "shadow-canary:exposure-underpowered"
"""The id of a warning at synthesis, to acknowledge it."""


class RouteAlarm(cloudwatch.Alarm):
    """Red by `rule`, never for missing data; calls `topic` when it turns red.

    What is compared is `metric`. The rule stands beside the alarm in the template too.

    Example:
        >>> RouteAlarm(self, "FlagAge", route="get-user", topic=topic, rule=rule,
        ...            metric=age)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        topic: sns.ITopic,
        rule: AlarmRule,
        metric: cloudwatch.IMetric,
        version: str | None = None,
    ) -> None:
        parts = [Stack.of(scope).stack_name, route, rule.name, version]
        super().__init__(
            scope,
            id_,
            alarm_name="-".join(filter(None, parts)),
            alarm_description=f"{route}: {rule.description}",
            metric=metric,
            threshold=rule.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=rule.window.evaluation_periods,
            datapoints_to_alarm=rule.window.datapoints_to_alarm,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.rule = rule
        self.add_alarm_action(actions.SnsAction(topic))
        add_metadata(self, AlarmRule.METADATA, rule.to_metadata())


class ExposureAlarms(Construct):
    """Three alarms over what happens while users are on the candidate; each calls `topic` once.

    Error rate: the candidate failed, was late, or was short-circuited because it had failed.
    Mismatch rate: answers that differ or that only the candidate failed, in copies of stages
    `canary` and `live`; in `shadow` a mismatch is a finding. Latency ratio: the candidate's 95th
    percentile against control's. At `live` control answers nobody, so there is no ratio; what is
    later than the deadline is a failure there too.

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
        window: of all three alarms - by the rule of `analysis.rules`.
        error_rate_percent: error rate over which users leave the candidate.
        mismatch_percent: mismatch rate over which they do.
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
        self._full_name = full_name(self, route)
        self._topic = topic
        percent = ceiling.candidate_percent
        windows = CanaryWindows.for_exposure(traffic, percent, within=within, given=window)
        self.error_rate = self._error_rate(windows.error_rate, error_rate_percent)
        self.mismatch_rate = self._mismatch_rate(windows.mismatch_rate, mismatch_percent)
        self.latency_ratio = self._latency_ratio(windows.latency, latency_ratio, latency_floor)
        rates = ExposureRates(
            errors=RateAlarm.of(self.error_rate.rule),
            mismatches=RateAlarm.of(self.mismatch_rate.rule),
        )
        underpowered = underpowered_exposure(rates, traffic, percent, within=within, given=window)
        if underpowered:
            Annotations.of(self).add_warning_v2(EXPOSURE_UNDERPOWERED, underpowered)

    @property
    def alarms(self) -> Sequence[RouteAlarm]:
        """All three."""
        return [self.error_rate, self.mismatch_rate, self.latency_ratio]

    def _error_rate(self, window: Window, percent: float) -> RouteAlarm:
        using = {
            name.lower(): variant_metric(name, Variant.CANDIDATE, route=self._full_name)
            for name in (MetricName.REQUESTS, MetricName.FAULTS)
        }
        return self._alarm(
            "ErrorRate",
            rate(
                "error rate of the candidate, %",
                failures="faults",
                requests="requests",
                window=window,
                using=using,
            ),
            AlarmRule(
                name=AlarmName.CANDIDATE_ERROR_RATE,
                kind=AlarmKind.RATE,
                threshold=percent,
                window=window,
                summary=f"the candidate failed over {percent:g} % of its users' requests, "
                f"in {window.description_of_rate}",
                action=AlarmAction.FLAG_OFF,
            ),
        )

    def _mismatch_rate(self, window: Window, percent: float) -> RouteAlarm:
        exposed = {Dimension.EXPOSED.value: "true"}
        return self._alarm(
            "MismatchRate",
            mismatch_rate("mismatch rate, %", route=self._full_name, window=window, **exposed),
            AlarmRule(
                name=AlarmName.CANDIDATE_MISMATCH_RATE,
                kind=AlarmKind.RATE,
                threshold=percent,
                window=window,
                summary=f"over {percent:g} % of the candidate's answers are wrong, "
                f"in {window.description_of_rate}",
                action=AlarmAction.FLAG_OFF,
            ),
        )

    def _latency_ratio(self, window: Window, times: float, floor: Duration) -> RouteAlarm:
        using = {}
        for variant in Variant:
            using[variant.value] = variant_metric(
                MetricName.LATENCY, variant, route=self._full_name, statistic="p95"
            )
            using[f"{variant}s"] = variant_metric(
                MetricName.REQUESTS, variant, route=self._full_name
            )
        floor_ms = int(floor.to_milliseconds())
        return self._alarm(
            "LatencyRatio",
            ratio_of_latencies(
                "candidate's p95 in control's", floor_ms=floor_ms, window=window, using=using
            ),
            AlarmRule(
                name=AlarmName.CANDIDATE_LATENCY_RATIO,
                kind=AlarmKind.LATENCY_RATIO,
                threshold=times,
                window=window,
                summary=f"the candidate's 95th percentile is over {times:g} times control's, "
                f"or {times * floor_ms:g} ms where control is faster than {floor_ms} ms, "
                f"in {window.description}",
                action=AlarmAction.FLAG_OFF,
            ),
        )

    def _alarm(self, id_: str, metric: cloudwatch.MathExpression, rule: AlarmRule) -> RouteAlarm:
        return RouteAlarm(self, id_, route=self._route, topic=self._topic, rule=rule, metric=metric)


_OLDEST_FLAG_S = 300
_LOST_PERCENT = 10
_SHORTEST, _LONGEST = timedelta(minutes=15), timedelta(hours=12)


class OperationalAlarms(Construct):
    """Four things that nobody would notice otherwise; they notify people and move nothing.

    Dead letters: operations was asked for something and did not do it. Flag age: an execution
    environment has not read the flag for five minutes, so that a rollback would not reach it.
    Copies lost: over 10 % of the copies were not compared, so that parity speaks of the rest only.
    Shadow dead: copies were sent in two periods in a row, and none was compared.

    Example:
        >>> OperationalAlarms(self, "OperationalAlarms", route="get-user", topic=topic,
        ...                   traffic=traffic, shadow=shadow, dead_letters=queue)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        topic: sns.ITopic,
        traffic: Traffic,
        shadow: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self._route = route
        self._full_name = full_name(self, route)
        self._topic = topic
        self.dead_letters = _level(
            self,
            "DeadLetters",
            route=route,
            topic=topic,
            name=AlarmName.OPERATIONS_DEAD_LETTERS,
            metric=_held(dead_letters),
            most=0,
            period=timedelta(minutes=1),
            summary="the operations function failed at something three times; what it was asked "
            "rests in its dead-letter queue. Look at its log, then move the flag by hand",
        )
        # Only a request tells how old the flag is: between two of them it stays as old as it was.
        some_requests = Window.for_rate(traffic.per_minute, within=timedelta(days=1)).period
        period = max(timedelta(seconds=_OLDEST_FLAG_S), some_requests)
        minutes = period // timedelta(minutes=1)
        self.flag_age = _level(
            self,
            "FlagAge",
            route=route,
            topic=topic,
            name=AlarmName.FLAG_AGE,
            metric=formula(
                "age of the flag, s",
                never_missing("age", minutes=minutes),
                using={
                    "age": route_metric(
                        MetricName.FLAG_AGE, route=self._full_name, statistic="Maximum"
                    )
                },
                period=Duration.minutes(minutes),
            ),
            most=_OLDEST_FLAG_S,
            period=period,
            summary="the flag could not be read for five minutes; the last one known is served, "
            "and a rollback would not arrive. Look at AppConfig",
        )
        self.copies_lost = self._copies_lost(shadow)
        self.shadow_dead = self._shadow_dead(max(_SHORTEST, some_requests), traffic)

    @property
    def alarms(self) -> Sequence[RouteAlarm]:
        """All four."""
        return [self.dead_letters, self.flag_age, self.copies_lost, self.shadow_dead]

    def _shadow_dead(self, period: timedelta, traffic: Traffic) -> RouteAlarm:
        period = min(period, _LONGEST)  # two of them are a day at most
        expected = traffic.per_minute * (period / timedelta(minutes=1))
        enough = min(10, max(3, int(expected / 2)))
        window = Window(
            period=period,
            # What is sent at the end of one period is compared in the next.
            evaluation_periods=2,
            datapoints_to_alarm=2,
            minimum_requests=enough,
            minimum_failures=enough,
        )
        return RouteAlarm(
            self,
            "ShadowDead",
            route=self._route,
            topic=self._topic,
            rule=AlarmRule(
                name=AlarmName.SHADOW_DEAD,
                kind=AlarmKind.RATE,
                threshold=50,
                window=window,
                summary=f"copies were sent in {window.description}, and none was compared: parity "
                "speaks of nothing. Look at the shadow's log, and whether it runs at all",
                action=AlarmAction.NOTIFICATION,
            ),
            metric=rate(
                "copies of periods in which none was compared, %",
                # A condition on a metric without a value would drop the period.
                failures="IF(sent - compared >= sent, sent, 0)",
                requests="sent",
                window=window,
                using={
                    "sent": route_metric(MetricName.COPIES_SENT, route=self._full_name),
                    "compared": route_metric(MetricName.COMPARED, route=self._full_name),
                },
            ),
        )

    def _copies_lost(self, shadow: lambda_.IFunction) -> RouteAlarm:
        window = Window(period=timedelta(minutes=15), minimum_requests=50)
        # Lambda drops what it could not deliver, and, as nothing is repeated, what killed its
        # process; so that the larger count holds both, and no copy twice:
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        undelivered = "IF(expired - killed > 0, expired, killed)"
        ours = {
            "compared": route_metric(MetricName.COMPARED, route=self._full_name),
            "lost": route_metric(MetricName.COPIES_LOST, route=self._full_name),
        }
        of_lambda = {
            "expired": shadow.metric("AsyncEventsDropped", statistic="Sum"),
            "killed": shadow.metric_errors(statistic="Sum"),
        }
        lost = f"lost + {undelivered}"
        return RouteAlarm(
            self,
            "CopiesLost",
            route=self._route,
            topic=self._topic,
            rule=AlarmRule(
                name=AlarmName.COPIES_LOST,
                kind=AlarmKind.RATE,
                threshold=_LOST_PERCENT,
                window=window,
                summary=f"over {_LOST_PERCENT} % of the copies of 15 minutes were not compared; "
                "parity speaks of the rest. Look at the shadow's concurrency and log",
                action=AlarmAction.NOTIFICATION,
            ),
            metric=rate(
                "copies lost, %",
                failures=lost,
                requests=f"compared + {lost}",
                window=window,
                using={**ours, **of_lambda},
            ),
        )


_MOST_LAG_S = 300


class DatasetAlarms(Construct):
    """What keeps a dataset's follower behind its authority; people are told, and nothing moves.

    Dead letters: the reconciler could not copy a key five times. Unreconciled: for 15 minutes in a
    row, writes could not be announced to it. Follower lag: an intent has waited for it more than
    five minutes. Commands: one, such as the way back, failed three times.

    Example:
        >>> DatasetAlarms(self, "Alarms", name="users", topic=topic, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        topic: sns.ITopic,
        intents: sqs.IQueue,
        dead_letters: sqs.IQueue,
        failed_commands: sqs.IQueue,
        unreconciled: cloudwatch.Metric,
    ) -> None:
        super().__init__(scope, id_)
        stack = Stack.of(self).stack_name
        repair = f"`shadowctl dataset {stack}:{name} repair`"
        self.dead_letters = _level(
            self,
            "DeadLetters",
            route=name,
            topic=topic,
            name=AlarmName.DATASET_DEAD_LETTERS,
            metric=_held(dead_letters),
            most=0,
            period=timedelta(minutes=1),
            summary="the reconciler failed at a key five times, and its two sides may differ. Look "
            f"at its log, then let it try again with {repair}",
        )
        self.commands = _level(
            self,
            "Commands",
            route=name,
            topic=topic,
            name=AlarmName.DATASET_COMMANDS,
            metric=_held(failed_commands),
            most=0,
            period=timedelta(minutes=1),
            summary="a command to the dataset failed three times, such as the way back of its "
            f"authority. Look at its log, then at `shadowctl dataset {stack}:{name} status`",
        )
        self.unreconciled = _level(
            self,
            "Unreconciled",
            route=name,
            topic=topic,
            name=AlarmName.UNRECONCILED,
            metric=unreconciled.with_(period=Duration.minutes(5)),
            most=0,
            period=timedelta(minutes=5),
            periods=3,
            summary="for 15 minutes writes could not be announced to the reconciler; users on the "
            "candidate were refused theirs. Look at the queue",
        )
        self.follower_lag = _level(
            self,
            "FollowerLag",
            route=name,
            topic=topic,
            name=AlarmName.FOLLOWER_LAG,
            # Not our own metric: a reconciler that dies would write none.
            metric=intents.metric_approximate_age_of_oldest_message(
                statistic="Maximum", period=MINUTE
            ),
            most=_MOST_LAG_S,
            period=timedelta(minutes=1),
            summary=f"what was written has waited for the reconciler {_MOST_LAG_S // 60} minutes. "
            "Look at its log, and at the side that is copied to",
        )

    @property
    def alarms(self) -> Sequence[RouteAlarm]:
        """All four."""
        return [self.dead_letters, self.commands, self.unreconciled, self.follower_lag]


def _held(queue: sqs.IQueue) -> cloudwatch.Metric:
    """The messages that rest in a queue."""
    return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)


def _level(
    scope: Construct,
    id_: str,
    *,
    route: str,
    topic: sns.ITopic,
    name: AlarmName,
    metric: cloudwatch.IMetric,
    most: float,
    period: timedelta,
    summary: str,
    periods: int = 1,
) -> RouteAlarm:
    """Red where `metric` is over `most` in so many `periods` in a row; people are told."""
    return RouteAlarm(
        scope,
        id_,
        route=route,
        topic=topic,
        rule=AlarmRule(
            name=name,
            kind=AlarmKind.LEVEL,
            threshold=most,
            window=Window(
                period=period,
                evaluation_periods=periods,
                datapoints_to_alarm=periods,
                minimum_requests=1,
                minimum_failures=1,
            ),
            summary=summary,
            action=AlarmAction.NOTIFICATION,
        ),
        metric=metric,
    )
