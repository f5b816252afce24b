"""ShadowCanaryService: everything that moves one route, in one statement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from analysis.rules import Window
from analysis.template import CODE
from analysis.traffic import Traffic
from shadow_canary.alarms import ExposureAlarms, OperationalAlarms
from shadow_canary.arguments import (
    check_kind,
    check_known,
    check_launch,
    check_name,
    check_percent,
    check_ratio,
    check_runtime,
    check_times,
    check_whole,
)
from shadow_canary.ceiling import CeilingChange
from shadow_canary.code import (
    ARCHITECTURE,
    LOCKS,
    PYTHON,
    LockedLayer,
    RouteCode,
    layers_of_team,
)
from shadow_canary.code_canary import CodeCanary
from shadow_canary.dashboard import MismatchQueries, RouteDashboard, dashboard_name
from shadow_canary.dataset import WRITES_NEED_S, Dataset
from shadow_canary.first_deployment import FirstDeployment
from shadow_canary.flag import FlagStrategies, MigrationFlag
from shadow_canary.flag_validator import FlagValidator
from shadow_canary.flag_versions import FlagVersions
from shadow_canary.functions import (
    OUTSIDE,
    CandidateFunction,
    FunctionOptions,
    Network,
    PreTrafficHook,
    RouteFunction,
    ShadowFunction,
    TeamCode,
)
from shadow_canary.integrations import ServedIntegrations
from shadow_canary.metadata import add_metadata
from shadow_canary.metrics import RouteMetrics, full_name
from shadow_canary.names import check_own_name
from shadow_canary.operations import CleanUp, OperationsFunction, Tick
from shadow_canary.ramp import Ramp, check_ramp, warn
from shadow_canary.rollback_alarms import let_act
from shadow_canary.sides import AlikeSides
from shadow_canary.topic import RouteTopic, let_alarms_publish, let_logs_use
from shadow_runtime.contract import ALIAS, Action, Stage


class ShadowCanaryService(RouteMetrics, Construct):
    """Moves one API route from its old code (control) to its new code (candidate).

    Creates the route's feature flag, seeded with `off`; eight functions, each with a role of its
    own; the alias `live` with a code canary that goes back by itself; alarms that put the users
    back on control; and the clean-up after launch. Send traffic to `alias`, never to `function`.

    Args:
        scope: the route's stack.
        id_: role noun in that stack, such as `Service`.
        route: name of the route in metrics, logs and alarms: lower case, digits, hyphens.
        code: the folder with `control.py` and `candidate.py`, and what they import.
        launch: the first day, with its time zone.
        ceiling: how far the flag may go. A deploy moves no user; it only permits.
        expected_traffic: of an ordinary day; decides when the alarms look, and at how much.
        dataset: what it writes, or reads where another route writes it - none: a route that writes
            may not be moved past `shadow`.
        ramp: the steps by which the flag climbs from `shadow` by itself, on proof - none: people
            move it.
        retire_after: from launch to the clean-up - seven days.
        timeout: the longest a request may take - 10 seconds.
        candidate_deadline: how long a user waits for the candidate before control answers - 2
            seconds; up to ten where its execution environment may have to start first.
        memory_size: of the route, in MiB - 512.
        candidate_memory_size: of the candidate and the shadow, in MiB - 1024.
        provisioned_concurrent_executions: environments of `alias` that are kept warm - none.
        shadow_reserved_concurrent_executions: copies compared at once; reserved, so that a storm of
            them starves nobody - 5. None reserves nothing, where the account's limit is too low.
        shift: how a new version takes over - 1 % of invocations for 10 minutes, then all.
        error_rate_percent: error rate over which a new version goes back, and over which users
            leave the candidate - 2.
        mismatch_percent: mismatch rate over which they do - 2.
        latency_ratio: how many times control's 95th percentile the candidate may take - 3.
        latency_floor: control counts as this slow at least, for the ratio - 100 milliseconds.
        latency_bound: 95th percentile over which a new version goes back - the candidate's
            deadline.
        code_window: when the code canary's alarms look - by `analysis.rules`.
        exposure_window: when the data source's alarms look - by the same rule.
        notifications: standard topic that hears alarms, rollbacks and the clean-up; its policy and
            its key let CloudWatch in, or a warning says what they lack - a topic made here.
        strategies: how fast the flag moves, shared by the routes of an app - two of the route's
            own, of 20 that AppConfig allows in an account. Give them before the first deployment,
            or at `off`: others put the flag there.
        dashboard: whether the route has one; messages lead to its alarms otherwise - it does.
        log_retention: of the functions' logs - one month.
        environment: variables of the route, the candidate and the shadow - none.
        layers: of these three, beside the service's own - none.
        requirements: a lock file with hashes of what your code imports, relative to where the app
            runs; a layer of these three - none.
        runtime: of all functions, Python 3.12 or newer - Python 3.13.
        architecture: of all functions - arm64.
        vpc: network of the candidate, the shadow and the route - none. They need a way to the
            Lambda, AppConfig and other APIs that they call: a NAT gateway or endpoints.
        vpc_subnets: where they stand in it - its private subnets.
        security_groups: of these functions - one for each function.
        route_in_vpc: False leaves the route outside: control has its source there - it is inside.
        removal_policy: of logs and the masking key, when the stack goes - destroyed.
        encryption_key: of logs, the masking key and the topic made here - AWS's own keys.
        production: False lets `shadowctl drill` fail the candidate, for its own requests and nobody
            else's - it is production.

    Warns at synthesis, with an id to acknowledge, where a canary would hardly see a failure of 20 %
    in the expected traffic, and names the nearest setting that would; where the ceiling keeps steps
    of the ramp away; and where the ramp may go on before the alarms have seen a whole window.

    Raises:
        ValueError: an argument makes no sense; says which one, what was given and what to give.

    Example:
        >>> service = ShadowCanaryService(
        ...     self,
        ...     "Service",
        ...     route="get-user",
        ...     code=RouteCode("src/get_user"),
        ...     launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ...     ceiling=Stage.canary(percent=1),
        ...     expected_traffic=Traffic.per_day(1_000_000, users=50_000),
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
        expected_traffic: Traffic,
        dataset: Dataset | None = None,
        ramp: Ramp | None = None,
        retire_after: Duration | None = None,
        timeout: Duration | None = None,
        candidate_deadline: Duration | None = None,
        memory_size: int = 512,
        candidate_memory_size: int = 1024,
        provisioned_concurrent_executions: int | None = None,
        shadow_reserved_concurrent_executions: int | None = 5,
        shift: codedeploy.TrafficRouting | None = None,
        error_rate_percent: float = 2,
        mismatch_percent: float = 2,
        latency_ratio: float = 3,
        latency_floor: Duration | None = None,
        latency_bound: Duration | None = None,
        code_window: Window | None = None,
        exposure_window: Window | None = None,
        notifications: sns.ITopic | None = None,
        strategies: FlagStrategies | None = None,
        dashboard: bool = True,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
        requirements: str | Path | None = None,
        runtime: lambda_.Runtime = PYTHON,
        architecture: lambda_.Architecture = ARCHITECTURE,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        route_in_vpc: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        encryption_key: kms.IKey | None = None,
        production: bool = True,
    ) -> None:
        super().__init__(scope, id_)
        retire_after = Duration.days(7) if retire_after is None else retire_after
        timeout = Duration.seconds(10) if timeout is None else timeout
        candidate_deadline = (
            Duration.seconds(2) if candidate_deadline is None else candidate_deadline
        )
        latency_floor = Duration.millis(100) if latency_floor is None else latency_floor
        latency_bound = candidate_deadline if latency_bound is None else latency_bound
        check_name("get-user", route=route)
        check_own_name(self, route)
        check_kind(RouteCode, code=code)
        check_kind(datetime, launch=launch)
        check_kind(Stage, ceiling=ceiling)
        check_kind(Traffic, expected_traffic=expected_traffic)
        check_kind(bool, dashboard=dashboard, route_in_vpc=route_in_vpc, production=production)
        windows = {"code_window": code_window, "exposure_window": exposure_window}
        check_kind(Window, **{name: given for name, given in windows.items() if given is not None})
        times = {
            "timeout": timeout,
            "candidate_deadline": candidate_deadline,
            "latency_bound": latency_bound,
            "latency_floor": latency_floor,
        }
        check_known(retire_after=retire_after, **times)
        check_launch(launch, retire_after)
        if dataset is not None:
            check_kind(Dataset, dataset=dataset)
        if ramp is not None:
            check_ramp(ramp, retire_after)
        check_times(**times)
        check_percent(error_rate_percent=error_rate_percent, mismatch_percent=mismatch_percent)
        check_ratio(latency_ratio)
        check_whole(
            128, 10_240, memory_size=memory_size, candidate_memory_size=candidate_memory_size
        )
        check_whole(
            1,
            provisioned_concurrent_executions=provisioned_concurrent_executions,
            shadow_reserved_concurrent_executions=shadow_reserved_concurrent_executions,
        )
        check_runtime(runtime)

        self.route = route
        self.full_name = full_name(self, route)
        self.ceiling = ceiling
        self.dataset = dataset
        self.ramp = ramp
        self.topic = notifications or RouteTopic(
            self, "Topic", route=route, encryption_key=encryption_key
        )
        let_alarms_publish(self, self.topic)
        if encryption_key is not None:
            let_logs_use(self, encryption_key)
        self.flag = MigrationFlag(self, "Flag", route=route, strategies=strategies)

        def layer(id_: str, lock: str | Path) -> LockedLayer:
            return LockedLayer(self, id_, lock=lock, runtime=runtime, architecture=architecture)

        of_all = layer("RuntimeLayer", LOCKS / "runtime.txt")
        database = layer("DatabaseLayer", LOCKS / "database.txt")
        of_team = layers_of_team(layers, requirements, beside=[of_all, database], layer=layer)
        options = FunctionOptions(
            layers=[of_all],
            runtime=runtime,
            architecture=architecture,
            log_retention=log_retention,
            removal_policy=removal_policy,
            encryption_key=encryption_key,
        )
        self.flag_versions = FlagVersions(
            self, "FlagVersions", route=route, flag=self.flag, options=options
        )
        self.flag_validator = FlagValidator(
            self,
            "FlagValidator",
            route=route,
            flag=self.flag,
            ceiling=ceiling,
            ramp=ramp,
            options=options,
        )
        team = TeamCode(
            code=code,
            layers=of_team,
            environment=environment or {},
            network=Network(vpc=vpc, vpc_subnets=vpc_subnets, security_groups=security_groups),
        )
        self.candidate = CandidateFunction(
            self,
            "Candidate",
            route=route,
            team=team,
            options=options,
            database=database,
            deadline=candidate_deadline,
            memory_size=candidate_memory_size,
            allows_drills=not production,
        )
        self.shadow = ShadowFunction(
            self,
            "Shadow",
            route=route,
            team=team,
            options=options,
            database=database,
            reserved_concurrent_executions=shadow_reserved_concurrent_executions,
            memory_size=candidate_memory_size,
        )
        self.queries = MismatchQueries(self, "Queries", route=route, log_group=self.shadow.logs)
        self.function = RouteFunction(
            self,
            "Route",
            route=route,
            team=team if route_in_vpc else replace(team, network=OUTSIDE),
            options=options,
            flag=self.flag,
            ceiling=ceiling,
            candidate=self.candidate,
            candidate_deadline=candidate_deadline,
            shadow=self.shadow,
            timeout=timeout,
            memory_size=memory_size,
        )
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=provisioned_concurrent_executions,
        )
        add_metadata(self.alias, Traffic.METADATA, expected_traffic.to_metadata())
        add_metadata(self.alias, CODE, {"route": route, **code.to_metadata()})
        self.ceiling_change = CeilingChange(
            self,
            "CeilingChange",
            route=route,
            flag=self.flag,
            ceiling=ceiling,
            options=options,
        )
        self.alias.node.add_dependency(self.ceiling_change)
        self.hook = PreTrafficHook(
            self,
            "PreTraffic",
            route=route,
            code=code,
            function=self.function,
            options=options,
        )
        self.code_canary = CodeCanary(
            self,
            "CodeCanary",
            route=route,
            topic=self.topic,
            alias=self.alias,
            version=self.function.current_version,
            shadow_version=self.shadow.current_version,
            hook=self.hook,
            shift=shift
            or codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=1, interval=Duration.minutes(10)
            ),
            traffic=expected_traffic,
            window=code_window,
            error_rate_percent=error_rate_percent,
            mismatch_percent=mismatch_percent,
            latency_bound=latency_bound,
        )
        self.first_deployment = FirstDeployment(
            self, "FirstDeployment", hook=self.hook, alias=self.alias, candidate=self.candidate
        )
        self.exposure = ExposureAlarms(
            self,
            "Exposure",
            route=route,
            topic=self.topic,
            traffic=expected_traffic,
            ceiling=ceiling,
            within=timedelta(seconds=retire_after.to_seconds()),
            window=exposure_window,
            error_rate_percent=error_rate_percent,
            mismatch_percent=mismatch_percent,
            latency_ratio=latency_ratio,
            latency_floor=latency_floor,
        )
        self.operations = OperationsFunction(
            self,
            "Operations",
            route=route,
            flag=self.flag,
            ceiling=ceiling,
            users=expected_traffic.users,
            topic=self.topic,
            exposure=self.exposure.alarms,
            dashboard=dashboard_name(self, route) if dashboard else "",
            ramp=ramp,
            options=options,
        )
        self.operations.grant_see_counts(self.function)
        if dataset is not None:
            dataset.serve(
                code,
                route=self.function,
                sides=[self.candidate, self.shadow],
                movers=[self.operations, self.flag_validator.function],
            )
        self.operational_alarms = OperationalAlarms(
            self,
            "OperationalAlarms",
            route=route,
            topic=self.topic,
            traffic=expected_traffic,
            shadow=self.shadow,
            dead_letters=self.operations.dead_letters,
        )
        self.alarm_check = Tick(
            self,
            "AlarmCheck",
            action=Action.CHECK,
            description=f"Looks whether an alarm of {route} is in ALARM, and was not heard",
            operations=self.operations,
        )
        if ramp is not None:
            Tick(
                self,
                "Ramp",
                action=Action.RAMP,
                description=f"Looks whether {route} may take its next step",
                operations=self.operations,
            )
            warn(self, ramp, ceiling=ceiling, window=self.exposure.error_rate.rule.window)
        self.dashboard = self._dashboard(expected_traffic) if dashboard else None
        self.clean_up = CleanUp(
            self,
            "CleanUp",
            route=route,
            at=launch.astimezone(UTC) + timedelta(seconds=retire_after.to_seconds()),
            operations=self.operations,
        )
        self.node.add_validation(
            ServedIntegrations(
                self.alias,
                timeout=timeout,
                ceiling=ceiling,
                writes_need=timedelta(
                    seconds=WRITES_NEED_S, milliseconds=candidate_deadline.to_milliseconds()
                )
                if dataset is not None
                else None,
            )
        )
        self.node.add_validation(AlikeSides(self.shadow, [self.function, self.candidate]))
        CfnOutput(
            self,
            "OperationsName",
            description=f"{route}: where shadowctl starts from",
            value=self.operations.function_name,
        )

    def _dashboard(self, traffic: Traffic) -> RouteDashboard:
        alarms = (self.exposure, self.code_canary, self.operational_alarms)
        return RouteDashboard(
            self,
            "Dashboard",
            route=self.route,
            traffic=traffic,
            code_canary=self.code_canary,
            alarms=[alarm for group in alarms for alarm in group.alarms],
            queries=self.queries,
            dataset=self.dataset,
        )

    def add_rollback_alarm(self, alarm: cloudwatch.IAlarm) -> None:
        """Lets a CloudWatch alarm of your own take users off the candidate, as the service's do.

        On a metric, a formula, or composite; of this stack, of another one, or imported. It is
        given the route's topic as an action; where it is imported a warning, with an id to
        acknowledge, says what to add to it. Nothing is raised while it is missing, muted, disabled
        or in ALARM. INSUFFICIENT_DATA takes nobody back: what missing data means is the alarm's
        own `treat_missing_data`.

        Raises:
            ValueError: it is in another region or account, its actions are disabled, or its name
                is one too many.

        Example:
            >>> service.add_rollback_alarm(checkout_errors)  # doctest: +SKIP
        """
        self.operations.hear(let_act(alarm, topic=self.topic, service=self))
        if not isinstance(alarm, cloudwatch.Alarm):  # it is composite, or may be
            self.operations.grant_describe_every_alarm()

    def add_post_hook(self, function: lambda_.IFunction) -> None:
        """Has CodeDeploy ask `function` after a new version has taken over, before it is done.

        It answers CodeDeploy as any hook does; where it fails, the alias goes back.

        Example:
            >>> service.add_post_hook(smoke_test)  # doctest: +SKIP
        """
        self.code_canary.deployment_group.add_post_hook(function)

    def grant_control(self, grant: Callable[[lambda_.Function], object]) -> None:
        """Gives what control needs to the route, and to the shadow, which runs control at `live`.

        `grant` is called with each of the two.

        Example:
            >>> service.grant_control(table.grant_read_data)  # doctest: +SKIP
            >>> service.grant_control(
            ...     lambda side: rds.connections.allow_default_port_from(side))  # doctest: +SKIP
        """
        for function in (self.function, self.shadow):
            grant(function)

    def grant_candidate(self, grant: Callable[[lambda_.Function], object]) -> None:
        """Gives what the candidate needs to it, and to the shadow, which runs it on copies.

        `grant` is called with each of the two.

        Example:
            >>> service.grant_candidate(table.grant_read_data)  # doctest: +SKIP
        """
        for function in (self.candidate, self.shadow):
            grant(function)
