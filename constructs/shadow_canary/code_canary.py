"""The code canary: a new version of the route takes a few invocations first."""

from aws_cdk import Annotations, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from analysis.power import RateAlarm, underpowered_code
from analysis.rules import AlarmAction, AlarmKind, AlarmName, AlarmRule, CanaryWindows, Window
from analysis.traffic import Shift, Traffic
from shadow_canary.alarms import RouteAlarm
from shadow_canary.findings import acknowledge_managed, acknowledge_wildcard, versions_of
from shadow_canary.functions import PreTrafficHook
from shadow_canary.metrics import (
    formula,
    full_name,
    mismatch_rate,
    never_missing,
    rate,
    route_metric,
    version_metric,
)
from shadow_runtime.contract import Dimension, MetricName

CODE_CANARY_UNDERPOWERED = "shadow-canary:code-canary-underpowered"
"""The id of a warning at synthesis, to acknowledge it."""


class CodeCanary(Construct):
    """CodeDeploy shifts the alias to a new version, or back when one of its alarms is red.

    The hook asks the new version a few recorded requests before any user does. Then three alarms
    watch that version alone, since a share of the whole function would never rise over 1 % while
    the canary takes 1 %:

    - error rate: crashes, timeouts and failed imports (Lambda's `Errors`), answers of 500 and above
      and answers that control had to give for its candidate (our `Failed`);
    - latency: the 95th percentile of its duration;
    - mismatch rate of the shadow version that it calls, while users are on the candidate: a bad
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
        window: of all three alarms - by the rule of `analysis.rules`.
        error_rate_percent: error rate over which the version goes back.
        mismatch_percent: mismatch rate over which it does.
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
        self._full_name = full_name(self, route)
        self._topic = topic
        self._alias = alias
        self._version = version
        self.shift = shift_of(shift)
        windows = CanaryWindows.for_code(traffic, self.shift, given=window)
        self.error_rate = self._error_rate(windows.error_rate, error_rate_percent)
        self.latency = self._latency(windows.latency, int(latency_bound.to_milliseconds()))
        self.mismatch_rate = self._mismatch_rate(
            windows.mismatch_rate, mismatch_percent, shadow_version
        )
        underpowered = underpowered_code(
            RateAlarm.of(self.error_rate.rule), traffic, self.shift, given=window
        )
        if underpowered:
            Annotations.of(self).add_warning_v2(CODE_CANARY_UNDERPOWERED, underpowered)
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
        acknowledge_managed(
            self.deployment_group,
            "service-role/AWSCodeDeployRoleForLambdaLimited",
            "what AWS made for this, and keeps up to date",
        )
        acknowledge_wildcard(
            self.deployment_group, versions_of(hook), "CodeDeploy's grant covers its versions"
        )

    @property
    def alarms(self) -> list[RouteAlarm]:
        """All three."""
        return [self.error_rate, self.latency, self.mismatch_rate]

    def _error_rate(self, window: Window, percent: float) -> RouteAlarm:
        self.error_rate_metric = rate(
            "error rate of the new version, %",
            failures="errors + failed",
            requests="invocations",
            window=window,
            using={
                "errors": self._of_version("Errors"),
                "failed": self._by_version(MetricName.FAILED),
                "invocations": self._of_version("Invocations"),
            },
        )
        return self._alarm(
            "ErrorRate",
            self.error_rate_metric,
            AlarmRule(
                name=AlarmName.CODE_ERROR_RATE,
                kind=AlarmKind.RATE,
                threshold=percent,
                window=window,
                summary=f"over {percent:g} % of the new version's requests failed, "
                f"in {window.description_of_rate}",
                action=AlarmAction.ALIAS_BACK,
            ),
        )

    def _latency(self, window: Window, bound_ms: int) -> RouteAlarm:
        invocations = never_missing("invocations", minutes=window.minutes)
        return self._alarm(
            "Latency",
            formula(
                "p95 of the new version, ms",
                f"IF({invocations} >= {window.minimum_requests}, duration, 0)",
                using={
                    "duration": self._of_version("Duration", statistic="p95"),
                    "invocations": self._of_version("Invocations"),
                },
                period=Duration.minutes(window.minutes),
            ),
            AlarmRule(
                name=AlarmName.CODE_LATENCY,
                kind=AlarmKind.LATENCY,
                threshold=bound_ms,
                window=window,
                summary=f"the new version's 95th percentile is over {bound_ms} ms, "
                f"in {window.description}",
                action=AlarmAction.ALIAS_BACK,
            ),
        )

    def _mismatch_rate(
        self, window: Window, percent: float, shadow_version: lambda_.IVersion
    ) -> RouteAlarm:
        return self._alarm(
            "MismatchRate",
            mismatch_rate(
                "mismatch rate of the new version, %",
                route=self._full_name,
                window=window,
                **{Dimension.VERSION.value: shadow_version.version},
            ),
            AlarmRule(
                name=AlarmName.CODE_MISMATCH_RATE,
                kind=AlarmKind.RATE,
                threshold=percent,
                window=window,
                summary=f"over {percent:g} % of the new version's candidate's answers are wrong, "
                f"in {window.description_of_rate}",
                action=AlarmAction.ALIAS_BACK,
            ),
        )

    def _alarm(self, id_: str, metric: cloudwatch.MathExpression, rule: AlarmRule) -> RouteAlarm:
        # The version in the name makes it a new alarm at each deploy: an alarm that is updated
        # in place keeps the red state of the version before, and would block the fix.
        return RouteAlarm(
            self,
            id_,
            route=self._route,
            topic=self._topic,
            rule=rule,
            metric=metric,
            version=self._version.version,
        )

    def _of_version(self, name: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
        return version_metric(name, alias=self._alias, version=self._version, statistic=statistic)

    def _by_version(self, name: MetricName) -> cloudwatch.Metric:
        dimensions = {Dimension.VERSION.value: self._version.version}
        return route_metric(name, route=self._full_name, **dimensions)


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
