"""The functions of a route: itself, its candidate, its shadow, and who asks a new version first."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from shadow_canary.code import ARCHITECTURE, PYTHON, RouteCode, source
from shadow_canary.findings import (
    acknowledge,
    acknowledge_managed,
    acknowledge_wildcard,
    below_environment,
    versions_of,
)
from shadow_canary.flag import MigrationFlag
from shadow_canary.metrics import full_name
from shadow_runtime.contract import Stage, Variable

_NETWORK_ACCESS = "service-role/AWSLambdaVPCAccessExecutionRole"


class LeastPrivilegeFunction(lambda_.Function):
    """A Lambda function that may do what it is granted, and nothing else.

    On arm64, traced, with a role and a log group of its own. The role can write to that log group
    and send traces; everything else comes by `grant_*`.

    Example:
        >>> LeastPrivilegeFunction(self, "Operations", handler="operations.handler.handler",
        ...                 code=source("operations"), ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        description: str,
        code: lambda_.Code,
        handler: str,
        layers: Sequence[lambda_.ILayerVersion],
        environment: Mapping[Variable, str],
        timeout: Duration,
        memory_size: int,
        log_retention: logs.RetentionDays,
        reserved_concurrent_executions: int | None = None,
        current_version_options: lambda_.VersionOptions | None = None,
        vpc: ec2.IVpc | None = None,
    ) -> None:
        role = iam.Role(
            scope, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
        )
        log_group = logs.LogGroup(
            scope, f"{id_}Logs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        log_group.grant_write(role)
        if vpc is not None:
            role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_NETWORK_ACCESS))
            acknowledge_managed(role, _NETWORK_ACCESS, "AWS's own; its actions take no resource")
        super().__init__(
            scope,
            id_,
            description=description,
            runtime=PYTHON,
            architecture=ARCHITECTURE,
            code=code,
            handler=handler,
            layers=layers,
            environment={str(name): value for name, value in environment.items()},
            timeout=timeout,
            memory_size=memory_size,
            tracing=lambda_.Tracing.ACTIVE,
            role=role,
            log_group=log_group,
            reserved_concurrent_executions=reserved_concurrent_executions,
            current_version_options=current_version_options,
            vpc=vpc,
        )
        self.execution_role = role
        self.logs = log_group
        acknowledge_wildcard(role, "*", "X-Ray's two actions take no resource")
        acknowledge(self, "L1", "a runtime is chosen, locked for and tested, not followed")


class CandidateFunction(LeastPrivilegeFunction):
    """The new code, asked while a user waits.

    Its timeout is a second over the caller's `deadline`: nobody waits for what comes later.

    Example:
        >>> CandidateFunction(self, "Candidate", route="get-user",
        ...                   code=RouteCode("src/get_user"), ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        code: RouteCode,
        layers: Sequence[lambda_.ILayerVersion],
        deadline: Duration,
        memory_size: int,
        log_retention: logs.RetentionDays,
        vpc: ec2.IVpc | None,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: the new code, asked while a user waits",
            code=code.asset,
            handler=f"{code.package}.candidate.handler",
            layers=layers,
            environment={Variable.ROUTE: full_name(scope, route)},
            timeout=Duration.seconds(deadline.to_seconds(integral=False) // 1 + 1),
            memory_size=memory_size,
            log_retention=log_retention,
            vpc=vpc,
        )


class ShadowFunction(LeastPrivilegeFunction):
    """The side that did not answer, run on a copy of the request and compared.

    A copy holds a user's data: it is compared at once or dropped after a minute, never retried and
    never stored.

    Example:
        >>> ShadowFunction(self, "Shadow", route="get-user", code=RouteCode("src/get_user"),
        ...                concurrency=5, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        code: RouteCode,
        layers: Sequence[lambda_.ILayerVersion],
        concurrency: int,
        memory_size: int,
        log_retention: logs.RetentionDays,
        vpc: ec2.IVpc | None,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: the other side on copies, behind the users' backs",
            code=code.asset,
            handler="shadow_runtime.shadow.handler",
            layers=layers,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.ROUTE_PACKAGE: code.package,
            },
            timeout=Duration.seconds(15),
            memory_size=memory_size,
            log_retention=log_retention,
            reserved_concurrent_executions=concurrency,
            # These settings hold per qualifier: they stand on the version that is called.
            current_version_options=lambda_.VersionOptions(
                retry_attempts=0, max_event_age=Duration.minutes(1)
            ),
            vpc=vpc,
        )
        # Hashes of users and values in the log: without a secret key they could be guessed.
        self.masking_key = secretsmanager.Secret(self, "MaskingKey")
        self.masking_key.grant_read(self)
        self.add_environment(Variable.MASKING_KEY, self.masking_key.secret_arn)
        acknowledge(self.masking_key, "SMG4", "a new key would end the comparability of hashes")


class RouteFunction(LeastPrivilegeFunction):
    """What answers the users: control in process, the candidate and the shadow by invocation.

    It calls *its own* versions of both, so that a new candidate reaches users only through the code
    canary, and goes back with it.

    Example:
        >>> RouteFunction(self, "Route", route="get-user", code=RouteCode("src/get_user"),
        ...               ceiling=Stage.OFF, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        code: RouteCode,
        layers: Sequence[lambda_.ILayerVersion],
        flag: MigrationFlag,
        ceiling: Stage,
        candidate: lambda_.Function,
        candidate_deadline: Duration,
        shadow: lambda_.Function,
        timeout: Duration,
        memory_size: int,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: answers the users",
            code=code.asset,
            handler=f"{code.package}.control.handler",
            layers=layers,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.CEILING: str(ceiling),
                **flag.variables,
                Variable.CANDIDATE: candidate.current_version.function_arn,
                Variable.CANDIDATE_DEADLINE_MS: str(candidate_deadline.to_milliseconds()),
                Variable.SHADOW: shadow.current_version.function_arn,
            },
            timeout=timeout,
            memory_size=memory_size,
            log_retention=log_retention,
        )
        flag.grant_read(self)
        acknowledge_wildcard(
            self.execution_role,
            below_environment(flag, "configuration/*"),
            "grant_read_config gives the configurations of this environment; there is one",
        )
        # On the functions, not on the versions: both route versions of a canary share one role,
        # and the old one still calls the old candidate.
        for function in (candidate, shadow):
            function.grant_invoke(self)
            acknowledge_wildcard(
                self.execution_role, versions_of(function), "a function's versions are numbered"
            )


class PreTrafficHook(LeastPrivilegeFunction):
    """Asks a new version what `requests.jsonl` in the route's folder holds, and tells CodeDeploy.

    They are asked at every deployment, so none of them may change anything. A route without that
    file is only asked whether it can be imported.

    Give the hook to a deployment group with `add_pre_hook`, and let it `grant_read_deployment`.

    Example:
        >>> PreTrafficHook(self, "PreTraffic", route="get-user", code=RouteCode("src/get_user"),
        ...                function=function, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        code: RouteCode,
        function: lambda_.Function,
        layers: Sequence[lambda_.ILayerVersion],
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: asks a new version before any user does",
            code=source("pretraffic", also=code.recorded),
            handler="pretraffic.handler.handler",
            layers=layers,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.ROUTE_PACKAGE: code.package,
                Variable.VERSION: function.current_version.function_arn,
            },
            # Lambda repeats a hook that died twice: all three must end within CodeDeploy's hour.
            timeout=Duration.minutes(5),
            memory_size=256,
            log_retention=log_retention,
        )
        # On the function, not on the version: the hook is told which one to ask.
        function.grant_invoke(self)
        acknowledge_wildcard(
            self.execution_role, versions_of(function), "a function's versions are numbered"
        )

    def grant_read_deployment(self, group: codedeploy.ILambdaDeploymentGroup) -> None:
        """Lets it ask CodeDeploy which version a deployment of `group` is for."""
        # CodeDeploy's constructs have no such grants.
        for action, resource in {
            "codedeploy:GetDeployment": group.deployment_group_arn,
            "codedeploy:GetApplicationRevision": group.application.application_arn,
        }.items():
            iam.Grant.add_to_principal(grantee=self, actions=[action], resource_arns=[resource])
