"""Alarms that only tell people: none of them moves the flag."""

from collections.abc import Sequence
from datetime import timedelta

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from analysis.windows import Window
from shadow_canary.alarm import RouteAlarm
from shadow_canary.metrics import route_metric, share
from shadow_runtime.contract import MetricName

_QUARTER = Window(period=timedelta(minutes=15), minimum_requests=50)
_OLDEST_FLAG_S = 300
_LOST_PERCENT = 10


class Notices(Construct):
    """Three things that nobody would notice otherwise.

    Dead letters: operations was asked for something and did not do it. Flag age: an execution
    environment has not read the flag for five minutes, so that a rollback would not reach it.
    Copies lost: over 10 % of the copies were not compared, so that parity speaks of the rest only.

    Example:
        >>> Notices(self, "Notices", route="get-user", topic=topic, shadow=shadow,
        ...         dead_letters=operations.dead_letters)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        topic: sns.ITopic,
        shadow: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self._route = route
        self._topic = topic
        self.dead_letters = self._alarm(
            "DeadLetters",
            "dead-letters",
            dead_letters.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            0,
            "the operations function failed at something three times; what it was asked rests in "
            "its dead-letter queue. Look at its log, then move the flag by hand",
        )
        self.flag_age = self._alarm(
            "FlagAge",
            "flag-age",
            route_metric(MetricName.FLAG_AGE, route=route, statistic="Maximum").with_(
                period=Duration.minutes(5)
            ),
            _OLDEST_FLAG_S,
            "the flag could not be read for five minutes; the last one known is served, and a "
            "rollback would not arrive. Look at AppConfig",
        )
        lost = {
            "dropped": route_metric(MetricName.COPIES_DROPPED, route=route),
            "skipped": route_metric(MetricName.TEE_SKIPPED, route=route),
            "failed": route_metric(MetricName.TEE_FAILED, route=route),
            "expired": shadow.metric("AsyncEventsDropped", statistic="Sum"),
        }
        self.copies_lost = self._alarm(
            "CopiesLost",
            "copies-lost",
            share(
                "copies lost, %",
                bad=" + ".join(lost),
                of=" + ".join(["compared", *lost]),
                window=_QUARTER,
                using={"compared": route_metric(MetricName.COMPARED, route=route), **lost},
            ),
            _LOST_PERCENT,
            f"over {_LOST_PERCENT} % of the copies of 15 minutes were not compared; parity speaks "
            "of the rest. Look at the shadow's concurrency and log",
        )

    @property
    def alarms(self) -> Sequence[RouteAlarm]:
        """All three."""
        return [self.dead_letters, self.flag_age, self.copies_lost]

    def _alarm(
        self, id_: str, name: str, metric: cloudwatch.IMetric, threshold: float, words: str
    ) -> RouteAlarm:
        return RouteAlarm(
            self,
            id_,
            name=f"{Stack.of(self).stack_name}-{self._route}-{name}",
            says=f"{self._route}: {words}",
            topic=self._topic,
            metric=metric,
            over=threshold,
        )
