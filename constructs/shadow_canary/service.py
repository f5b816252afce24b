"""ShadowCanaryService: everything that moves one route, in one statement."""

import re
from datetime import UTC, datetime, timedelta

import jsii
from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from shadow_canary.cleanup import CleanUp
from shadow_canary.code import LockedLayer, RouteCode
from shadow_canary.flag import MigrationFlag
from shadow_canary.functions import CandidateFunction, RouteFunction, ShadowFunction
from shadow_canary.metrics import route_metric
from shadow_canary.operations import OperationsFunction
from shadow_canary.queries import MismatchQueries
from shadow_canary.rollout import CodeCanary
from shadow_runtime.contract import CONTROL_NEEDS_MS, Dimension, MetricName, Stage, Variant

_ONE_DAY_S = 86_400


@jsii.implements(iam.IGrantable)
class ShadowCanaryService(Construct):
    """Moves one API route from its old code (control) to its new code (candidate).

    Creates the route's feature flag, seeded with `off`; four functions, each with a role of its
    own; the alias `live` with a code canary that goes back by itself; and the clean-up after
    launch. Send traffic to `alias`, never to `function`.

    Args:
        scope: the route's stack.
        id_: role noun in that stack, such as `Service`.
        route: name of the route in metrics, logs and alarms: lower case, digits, hyphens.
        code: the folder with `control.py` and `candidate.py`.
        launch: the first day, with its time zone.
        ceiling: how far the flag may go. A deploy moves no user; it only permits.
        retire_after: from launch to the clean-up - seven days.
        timeout: the longest a request may take - 10 seconds.
        candidate_deadline: how long a user waits for the candidate before control answers - 2
            seconds.
        memory_size: of the route, in MiB - 512.
        candidate_memory_size: of the candidate and the shadow, in MiB - 1024.
        shadow_concurrency: copies compared at once; reserved, so that a storm of them starves
            nobody - 5.
        deployment_config: how a new version takes over - 1 % of invocations for 10 minutes, then
            all.
        error_rate_percent: bad share of a new version's requests over which it goes back - 2.
        minimum_requests: requests a minute under which no bad share is computed - 10.
        log_retention: of the functions' logs - one month.
        vpc: network of the candidate and the shadow - none.

    Raises:
        ValueError: an argument makes no sense; says which one, what was given and what to give.

    Example:
        >>> service = ShadowCanaryService(
        ...     self,
        ...     "Service",
        ...     route="get-user",
        ...     code=RouteCode("get_user"),
        ...     launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ...     ceiling=Stage.canary(percent=1),
        ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        code: RouteCode,
        launch: datetime,
        ceiling: Stage,
        retire_after: Duration | None = None,
        timeout: Duration | None = None,
        candidate_deadline: Duration | None = None,
        memory_size: int = 512,
        candidate_memory_size: int = 1024,
        shadow_concurrency: int = 5,
        deployment_config: codedeploy.ILambdaDeploymentConfig | None = None,
        error_rate_percent: float = 2,
        minimum_requests: int = 10,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        vpc: ec2.IVpc | None = None,
    ) -> None:
        super().__init__(scope, id_)
        retire_after = retire_after or Duration.days(7)
        timeout = timeout or Duration.seconds(10)
        candidate_deadline = candidate_deadline or Duration.seconds(2)
        _check_identity(route, launch, ceiling, retire_after)
        _check_times(timeout, candidate_deadline)

        self.route = route
        self.ceiling = ceiling
        self.flag = MigrationFlag(self, "Flag", route=route)
        runtime = LockedLayer(self, "RuntimeLayer", name="runtime")
        database = LockedLayer(self, "DatabaseLayer", name="database")
        self.candidate = CandidateFunction(
            self,
            "Candidate",
            route=route,
            code=code,
            layers=[runtime, database],
            deadline=candidate_deadline,
            memory_size=candidate_memory_size,
            log_retention=log_retention,
            vpc=vpc,
        )
        self.shadow = ShadowFunction(
            self,
            "Shadow",
            route=route,
            code=code,
            layers=[runtime, database],
            concurrency=shadow_concurrency,
            memory_size=candidate_memory_size,
            log_retention=log_retention,
            vpc=vpc,
        )
        self.queries = MismatchQueries(self, "Queries", route=route, log_group=self.shadow.logs)
        self.function = RouteFunction(
            self,
            "Route",
            route=route,
            code=code,
            layers=[runtime],
            flag=self.flag,
            ceiling=ceiling,
            candidate=self.candidate,
            candidate_deadline=candidate_deadline,
            shadow=self.shadow,
            timeout=timeout,
            memory_size=memory_size,
            log_retention=log_retention,
        )
        self.alias = lambda_.Alias(
            self, "Alias", alias_name="live", version=self.function.current_version
        )
        self.code_canary = CodeCanary(
            self,
            "CodeCanary",
            route=route,
            alias=self.alias,
            version=self.function.current_version,
            deployment_config=deployment_config,
            error_rate_percent=error_rate_percent,
            minimum_requests=minimum_requests,
        )
        self.operations = OperationsFunction(
            self,
            "Operations",
            route=route,
            flag=self.flag,
            ceiling=ceiling,
            layers=[runtime],
            log_retention=log_retention,
        )
        self.clean_up = CleanUp(
            self,
            "CleanUp",
            route=route,
            at=launch.astimezone(UTC) + timedelta(seconds=retire_after.to_seconds()),
            operations=self.operations,
        )
        CfnOutput(
            self,
            "OperationsName",
            description=f"{route}: where shadowctl starts from",
            value=self.operations.function_name,
        )

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """Control's principal: what the old code needs is granted to the service itself."""
        return self.function.grant_principal

    def metric_requests(self, variant: Variant) -> cloudwatch.Metric:
        """Requests that `variant` answered, a minute."""
        return self._by_variant(MetricName.REQUESTS, variant)

    def metric_faults(self, variant: Variant) -> cloudwatch.Metric:
        """Answers of 500 and above, and crashes, of `variant`, a minute."""
        return self._by_variant(MetricName.FAULTS, variant)

    def metric_latency(self, variant: Variant, *, statistic: str = "p95") -> cloudwatch.Metric:
        """Milliseconds that `variant` took to answer - the 95th percentile."""
        return self._by_variant(MetricName.LATENCY, variant, statistic=statistic)

    def metric_compared(self) -> cloudwatch.Metric:
        """Shadow comparisons, a minute."""
        return route_metric(MetricName.COMPARED, route=self.route)

    def metric_mismatched(self) -> cloudwatch.Metric:
        """Shadow comparisons whose answers differed, a minute."""
        return route_metric(MetricName.MISMATCHED, route=self.route)

    def metric_error_rate(self) -> cloudwatch.MathExpression:
        """Bad share of the newest version, in percent: what the code canary watches."""
        return self.code_canary.error_rate

    def _by_variant(
        self, name: MetricName, variant: Variant, *, statistic: str = "Sum"
    ) -> cloudwatch.Metric:
        dimensions = {Dimension.VARIANT.value: variant.value}
        return route_metric(name, route=self.route, statistic=statistic, **dimensions)


def _check_identity(route: str, launch: datetime, ceiling: Stage, retire_after: Duration) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", route):
        raise ValueError(
            "route names metrics and alarms: up to 40 lower case letters, digits and hyphens, "
            f"a letter first, such as 'get-user'; got {route!r}"
        )
    if launch.tzinfo is None:
        raise ValueError(
            f"launch needs a time zone, such as datetime(2030, 1, 7, 9, tzinfo=UTC); got {launch!r}"
        )
    if not isinstance(ceiling, Stage):
        raise ValueError(f"ceiling is a Stage, such as Stage.canary(percent=1); got {ceiling!r}")
    if retire_after.to_seconds() < _ONE_DAY_S:
        raise ValueError(
            "retire_after must leave a day or more between launch and clean-up, such as "
            f"Duration.days(7); got {retire_after.to_seconds()} seconds"
        )


def _check_times(timeout: Duration, candidate_deadline: Duration) -> None:
    room = timeout.to_milliseconds() - candidate_deadline.to_milliseconds()
    if room < CONTROL_NEEDS_MS:
        raise ValueError(
            f"control must have {CONTROL_NEEDS_MS} ms left after the candidate's deadline; "
            f"candidate_deadline {candidate_deadline.to_milliseconds()} ms of timeout "
            f"{timeout.to_milliseconds()} ms leaves {room} ms: lower the one or raise the other"
        )
