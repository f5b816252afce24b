"""The functions of a route: itself, its candidate, its shadow, and who asks a new version first."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from shadow_canary.code import (
    DatasetCode,
    LockedLayer,
    RouteCode,
    same_in_every_environment,
    source,
)
from shadow_canary.findings import (
    acknowledge,
    acknowledge_managed,
    acknowledge_wildcard,
    below_environment,
    versions_of,
)
from shadow_canary.flag import MigrationFlag
from shadow_canary.grants import let_invoke, let_read_secret
from shadow_canary.metrics import full_name
from shadow_runtime.contract import Stage, Variable

_NETWORK_ACCESS = "service-role/AWSLambdaVPCAccessExecutionRole"


@dataclass(frozen=True, kw_only=True)
class FunctionOptions:
    """What all functions of a service have in common.

    Attributes:
        layers: of all of them, built for `runtime` and `architecture`.
        runtime: Python.
        architecture: arm64 or x86_64.
        log_retention: of the logs.
        removal_policy: what becomes of logs and the masking key when the stack goes.
        encryption_key: of logs and the masking key; None leaves it to AWS.

    Example:
        >>> FunctionOptions(layers=[layer], runtime=lambda_.Runtime.PYTHON_3_13,
        ...                 ...)  # doctest: +SKIP
    """

    layers: Sequence[lambda_.ILayerVersion]
    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy
    encryption_key: kms.IKey | None


@dataclass(frozen=True, kw_only=True)
class Network:
    """Where functions stand: outside of a VPC, or in one.

    Attributes:
        vpc: None for outside.
        vpc_subnets: of it - the private ones.
        security_groups: of each function - one for each.

    Raises:
        ValueError: subnets or security groups of no VPC.

    Example:
        >>> Network(vpc=vpc, security_groups=[group])  # doctest: +SKIP
    """

    vpc: ec2.IVpc | None = None
    vpc_subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] | None = None

    def __post_init__(self) -> None:
        """Refuses what would be ignored in silence."""
        if self.vpc is None and (self.vpc_subnets or self.security_groups):
            raise ValueError(
                "vpc_subnets and security_groups are of a VPC: give vpc= too, or neither of them"
            )


OUTSIDE = Network()
"""Of every VPC."""


@dataclass(frozen=True, kw_only=True)
class TeamCode:
    """What runs a team's code needs, in the route, the candidate and the shadow alike.

    The shadow runs either side: what one of them had alone would be missing there, in silence.

    Attributes:
        code: the folder of the route, or of the dataset.
        layers: beside those of every function.
        environment: variables of the team's own.
        network: of the functions that stand in one.

    Raises:
        ValueError: a variable that Lambda or the service sets itself, or that Lambda would refuse.

    Example:
        >>> TeamCode(code=RouteCode("src/get_user"), layers=[],
        ...          environment={"TABLE": table.table_name})  # doctest: +SKIP
    """

    code: RouteCode | DatasetCode
    layers: Sequence[lambda_.ILayerVersion] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    network: Network = OUTSIDE

    def __post_init__(self) -> None:
        """Refuses a variable before Lambda does, or the runtime overwrites it."""
        for name, value in self.environment.items():
            _check_variable(name, value)
        known = {n: v for n, v in self.environment.items() if not Token.is_unresolved(v)}
        size = sum(len(f"{name}{value}".encode()) for name, value in known.items())
        if size > _MOST_BYTES:
            raise ValueError(
                f"environment: Lambda holds 4 KB of variables, {_MOST_BYTES} bytes of them a "
                f"team's; these are {size}: ship a file with RouteCode(data=…) instead"
            )


_MOST_BYTES = 3_000
"""The rest of the 4 KB is for what the service tells its functions.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""

_RESERVED = re.compile(
    r"SHADOW_CANARY_.*|_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
    r"|AWS_((DEFAULT_)?REGION|EXECUTION_ENV|ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY|SESSION_TOKEN)"
    r"|AWS_LAMBDA_(FUNCTION_(NAME|MEMORY_SIZE|VERSION)|LOG_(GROUP|STREAM)_NAME|RUNTIME_API"
    r"|INITIALIZATION_TYPE|MAX_CONCURRENCY|METADATA_(API|TOKEN))"
)
"""Ours, and those that Lambda reserves.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""


def _check_variable(name: str, value: str) -> None:
    if _RESERVED.fullmatch(name):
        raise ValueError(
            f"environment: {name} is set by Lambda or by the service; name yours otherwise"
        )
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", name):
        raise ValueError(
            "environment: Lambda takes names of two or more letters, digits and underscores, a "
            f"letter first; got {name!r}"
        )
    if not isinstance(value, str):
        raise ValueError(f"environment: {name} must be text, such as '8'; got {value!r}")


class LeastPrivilegeFunction(lambda_.Function):
    """A Lambda function that may do what it is granted, and nothing else.

    Traced, with a role and a log group of its own. The role can write to that log group and send
    traces; everything else comes by `grant_*`.

    Example:
        >>> LeastPrivilegeFunction(self, "Operations", handler="operations.handler.handler",
        ...                        code=source("operations"), ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        description: str,
        code: lambda_.Code,
        handler: str,
        options: FunctionOptions,
        environment: Mapping[Variable, str],
        timeout: Duration,
        memory_size: int,
        layers: Sequence[lambda_.ILayerVersion] = (),
        team: Mapping[str, str] | None = None,
        network: Network = OUTSIDE,
        reserved_concurrent_executions: int | None = None,
        current_version_options: lambda_.VersionOptions | None = None,
    ) -> None:
        role = iam.Role(
            scope, f"{id_}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
        )
        log_group = logs.LogGroup(
            scope,
            f"{id_}Logs",
            retention=options.log_retention,
            removal_policy=options.removal_policy,
            encryption_key=options.encryption_key,
        )
        log_group.grant_write(role)
        if network.vpc is not None:
            role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_NETWORK_ACCESS))
            acknowledge_managed(role, _NETWORK_ACCESS, "AWS's own; its actions take no resource")
        layers = [*options.layers, *layers]
        super().__init__(
            scope,
            id_,
            description=description,
            runtime=options.runtime,
            architecture=options.architecture,
            code=code,
            handler=handler,
            layers=layers,
            environment={**(team or {}), **{str(name): v for name, v in environment.items()}},
            timeout=timeout,
            memory_size=memory_size,
            tracing=lambda_.Tracing.ACTIVE,
            role=role,
            log_group=log_group,
            reserved_concurrent_executions=reserved_concurrent_executions,
            current_version_options=current_version_options,
            vpc=network.vpc,
            vpc_subnets=network.vpc_subnets,
            security_groups=network.security_groups,
        )
        self.execution_role = role
        self.logs = log_group
        self.own_policies = list[str]()
        # jsii shows nobody the variables of a function: what is added later is remembered here.
        self.variables = {**(team or {})}
        self.__dict__["add_environment"] = partial(
            _remembered, self.variables, self.add_environment
        )
        same_in_every_environment(self)
        # A layer changes by its lock: without a feature flag of its own, the CDK would not see it.
        locks = [layer.lock_hash for layer in layers if isinstance(layer, LockedLayer)]
        self.invalidate_version_based_on("".join(locks))
        acknowledge_wildcard(role, "*", "X-Ray's two actions take no resource")
        acknowledge(self, "L1", "a runtime is chosen, locked for and tested, not followed")

    def attach(self, policy: iam.IManagedPolicy) -> None:
        """Gives it a policy that is the service's own affair, and no side's."""
        self.execution_role.add_managed_policy(policy)
        self.own_policies.append(policy.managed_policy_arn)


def _remembered(
    variables: dict[str, str],
    add: Callable[..., lambda_.Function],
    key: str,
    value: str,
    **options: bool | None,
) -> lambda_.Function:
    if not key.startswith(_PREFIX):
        variables[str(key)] = value
    return add(key, value, **options)


_PREFIX = "SHADOW_CANARY_"


class CandidateFunction(LeastPrivilegeFunction):
    """The new code, asked while a user waits.

    Its timeout is a second over the caller's `deadline`: nobody waits for what comes later.

    Example:
        >>> CandidateFunction(self, "Candidate", route="get-user",
        ...                   team=team, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        team: TeamCode,
        options: FunctionOptions,
        database: LockedLayer,
        deadline: Duration,
        memory_size: int,
        allows_drills: bool,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: the new code, asked while a user waits",
            code=team.code.asset,
            handler=f"{team.code.package}.candidate.handler",
            options=options,
            layers=[database, *team.layers],
            environment={
                Variable.ROUTE: full_name(scope, route),
                **({Variable.DRILL: "true"} if allows_drills else {}),
            },
            team=team.environment,
            network=team.network,
            timeout=Duration.seconds(deadline.to_seconds(integral=False) // 1 + 1),
            memory_size=memory_size,
        )


class ShadowFunction(LeastPrivilegeFunction):
    """The side that did not answer, run on a copy of the request and compared.

    A copy holds a user's data: it is compared at once or dropped after a minute, never retried and
    never stored.

    Example:
        >>> ShadowFunction(self, "Shadow", route="get-user", team=team,
        ...                reserved_concurrent_executions=5, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        team: TeamCode,
        options: FunctionOptions,
        database: LockedLayer,
        reserved_concurrent_executions: int | None,
        memory_size: int,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: the other side on copies, behind the users' backs",
            code=team.code.asset,
            handler="shadow_runtime.shadow.handler",
            options=options,
            layers=[database, *team.layers],
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.ROUTE_PACKAGE: team.code.package,
            },
            team=team.environment,
            network=team.network,
            timeout=Duration.seconds(15),
            memory_size=memory_size,
            reserved_concurrent_executions=reserved_concurrent_executions,
            # These settings hold per qualifier: they stand on the version that is called.
            current_version_options=lambda_.VersionOptions(
                retry_attempts=0, max_event_age=Duration.minutes(1)
            ),
        )
        # Hashes of users and values in the log: without a secret key they could be guessed.
        self.masking_key = secretsmanager.Secret(
            self,
            "MaskingKey",
            encryption_key=options.encryption_key,
            removal_policy=options.removal_policy,
        )
        let_read_secret(self, self.masking_key)
        self.add_environment(Variable.MASKING_KEY, self.masking_key.secret_arn)
        acknowledge(self.masking_key, "SMG4", "a new key would end the comparability of hashes")


class RouteFunction(LeastPrivilegeFunction):
    """What answers the users: control in process, the candidate and the shadow by invocation.

    It calls *its own* versions of both, so that a new candidate reaches users only through the code
    canary, and goes back with it.

    Example:
        >>> RouteFunction(self, "Route", route="get-user", team=team,
        ...               ceiling=Stage.OFF, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        team: TeamCode,
        options: FunctionOptions,
        flag: MigrationFlag,
        ceiling: Stage,
        candidate: lambda_.Function,
        candidate_deadline: Duration,
        shadow: lambda_.Function,
        timeout: Duration,
        memory_size: int,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: answers the users",
            code=team.code.asset,
            handler=f"{team.code.package}.control.handler",
            options=options,
            layers=team.layers,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.CEILING: str(ceiling),
                **flag.variables,
                Variable.CANDIDATE: candidate.current_version.function_arn,
                Variable.CANDIDATE_DEADLINE_MS: str(candidate_deadline.to_milliseconds()),
                Variable.SHADOW: shadow.current_version.function_arn,
            },
            team=team.environment,
            network=team.network,
            timeout=timeout,
            memory_size=memory_size,
        )
        flag.grant_read(self)
        acknowledge_wildcard(
            self.execution_role,
            below_environment(flag, "configuration/*"),
            "grant_read_config gives the configurations of this environment; there is one",
        )
        for function in (candidate, shadow):  # the old version still calls the old candidate
            let_invoke(self, function)
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
        options: FunctionOptions,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: asks a new version before any user does",
            code=source("custom_resource", "pretraffic", also=code.recorded),
            handler="pretraffic.handler.handler",
            options=options,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.ROUTE_PACKAGE: code.package,
                Variable.VERSION: function.current_version.function_arn,
            },
            # Lambda repeats a hook that died twice: all three must end within CodeDeploy's hour.
            timeout=Duration.minutes(5),
            memory_size=256,
        )
        let_invoke(self, function)  # it is told which version to ask
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
