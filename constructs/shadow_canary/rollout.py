"""The code canary: a new version of the route takes a few invocations first."""

from aws_cdk import Duration, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from analysis.traffic import Shift, Traffic
from analysis.windows import CanaryWindows, Window
from shadow_canary.alarm import RouteAlarm
from shadow_canary.blindness import warn_of_code_canary
from shadow_canary.findings import acknowledge, acknowledge_wildcard, versions_of
from shadow_canary.hook import PreTrafficHook
from shadow_canary.metrics import (
    formula,
    mismatch_share,
    route_metric,
    share,
    version_metric,
)
from shadow_runtime.contract import Dimension, MetricName


class CodeCanary(Construct):
    """CodeDeploy shifts the alias to a new version, or back when one of its alarms is red.

    The hook asks the new version a few recorded requests before any user does. Then three alarms
    watch that version alone, since a share of the whole function would never rise over 1 % while
    the canary takes 1 %:

    - bad share: crashes, timeouts and failed imports (Lambda's `Errors`), answers of 500 and above
      (our `Faults`) and answers that control had to give for its candidate (our `Fallbacks`);
    - latency: the 95th percentile of its duration;
    - mismatch share of the shadow version that it calls, while users are on the candidate: a bad
      release of the candidate goes back with the version that brought it.

    Args:
        scope: the service.
        id_: role noun.
        route: name of the route.
        topic: hears when an alarm turns red.
        alias: what users call.
        version: the newest version of the route.
        shadow_version: the version of the shadow that it calls.
        hook: asks the new version first.
        shift: how the new version takes over.
        traffic: with `shift`, decides the window.
        window: of all three alarms - by the rule of `analysis.windows`.
        error_rate_percent: bad share over which the version goes back.
        mismatch_percent: mismatch share over which it does.
        latency_bound: 95th percentile over which it does.

    Example:
        >>> CodeCanary(self, "CodeCanary", route="get-user", alias=alias,
        ...            version=function.current_version, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        topic: sns.ITopic,
        alias: lambda_.Alias,
        version: lambda_.IVersion,
        shadow_version: lambda_.IVersion,
        hook: PreTrafficHook,
        shift: codedeploy.TrafficRouting,
        traffic: Traffic,
        window: Window | None,
        error_rate_percent: float,
        mismatch_percent: float,
        latency_bound: Duration,
    ) -> None:
        super().__init__(scope, id_)
        self._route = route
        self._topic = topic
        self._alias = alias
        self._version = version
        self.shift = shift_of(shift)
        warn_of_code_canary(
            self,
            traffic=traffic,
            shift=self.shift,
            window=window,
            threshold_percent=error_rate_percent,
        )
        windows = CanaryWindows.for_code(traffic, self.shift, given=window)
        self.window, slow = windows.error_rate, windows.latency
        self.error_rate = self._error_rate()
        self.alarm = self._alarm(
            "Alarm",
            "code",
            self.window,
            self.error_rate,
            error_rate_percent,
            f"over {error_rate_percent:g} % of the new version's requests failed",
        )
        bound_ms = int(latency_bound.to_milliseconds())
        self.latency_alarm = self._alarm(
            "LatencyAlarm",
            "latency",
            slow,
            self._latency(slow),
            bound_ms,
            f"the new version's 95th percentile is over {bound_ms} ms",
        )
        self.mismatch_alarm = self._alarm(
            "MismatchAlarm",
            "mismatch",
            self.window,
            mismatch_share(
                "mismatch share of the new version, %",
                route=route,
                window=self.window,
                **{Dimension.VERSION.value: shadow_version.version},
            ),
            mismatch_percent,
            f"over {mismatch_percent:g} % of the new version's candidate's answers are wrong",
        )
        self.alarms = [self.alarm, self.latency_alarm, self.mismatch_alarm]
        self.deployment_group = codedeploy.LambdaDeploymentGroup(
            self,
            "DeploymentGroup",
            alias=alias,
            deployment_config=codedeploy.LambdaDeploymentConfig(
                self, "Shift", traffic_routing=shift
            ),
            alarms=self.alarms,
            # A deployment stopped by hand would otherwise leave the alias on two versions,
            # and every later deployment would fail.
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )
        self.deployment_group.add_pre_hook(hook)
        hook.grant_read_deployment(self.deployment_group)
        managed = "service-role/AWSCodeDeployRoleForLambdaLimited"
        acknowledge(
            self.deployment_group,
            f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{managed}]",
            "what AWS made for this, and keeps up to date",
        )
        acknowledge_wildcard(
            self.deployment_group, versions_of(hook), "CodeDeploy's grant covers its versions"
        )

    def _error_rate(self) -> cloudwatch.MathExpression:
        return share(
            "bad share of the new version, %",
            bad="errors + faults + fallbacks",
            of="invocations",
            window=self.window,
            using={
                "errors": self._of_version("Errors"),
                "faults": self._by_version(MetricName.FAULTS),
                "fallbacks": self._by_version(MetricName.FALLBACKS),
                "invocations": self._of_version("Invocations"),
            },
        )

    def _latency(self, window: Window) -> cloudwatch.MathExpression:
        return formula(
            "p95 of the new version, ms",
            f"IF(invocations >= {window.minimum_requests}, duration, 0)",
            using={
                "duration": self._of_version("Duration", statistic="p95"),
                "invocations": self._of_version("Invocations"),
            },
            period=Duration.minutes(window.minutes),
        )

    def _of_version(self, name: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
        return version_metric(name, alias=self._alias, version=self._version, statistic=statistic)

    def _by_version(self, name: MetricName) -> cloudwatch.Metric:
        dimensions = {Dimension.VERSION.value: self._version.version}
        return route_metric(name, route=self._route, **dimensions)

    def _alarm(
        self,
        id_: str,
        name: str,
        window: Window,
        metric: cloudwatch.MathExpression,
        threshold: float,
        words: str,
    ) -> RouteAlarm:
        # The version in the name makes it a new alarm at each deploy: an alarm that is updated
        # in place keeps the red state of the version before, and would block the fix.
        parts = [Stack.of(self).stack_name, self._route, name, self._version.version]
        return RouteAlarm(
            self,
            id_,
            name=Fn.join("-", parts),
            says=f"{self._route}: {words}, in {window.description}; the alias goes back",
            topic=self._topic,
            metric=metric,
            over=threshold,
            evaluation_periods=window.evaluation_periods,
            datapoints_to_alarm=window.datapoints_to_alarm,
        )


def shift_of(routing: codedeploy.TrafficRouting) -> Shift:
    """The steps of `routing`.

    Raises:
        ValueError: a percentage or a time that CodeDeploy would refuse.
    """
    if isinstance(routing, codedeploy.TimeBasedCanaryTrafficRouting):
        return Shift.canary(minutes=_minutes(routing), percent=routing.percentage)
    if isinstance(routing, codedeploy.TimeBasedLinearTrafficRouting):
        return Shift.linear(minutes=_minutes(routing), percent=routing.percentage)
    return Shift.all_at_once()


def _minutes(
    routing: codedeploy.TimeBasedCanaryTrafficRouting | codedeploy.TimeBasedLinearTrafficRouting,
) -> int:
    return int(routing.interval.to_minutes())
