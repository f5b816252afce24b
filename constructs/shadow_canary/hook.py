"""The pre-traffic hook: a new version of the route answers recorded requests before any user's."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from shadow_canary.code import RECORDED, RouteCode, source
from shadow_canary.findings import acknowledge_wildcard, versions_of
from shadow_canary.functions import GrantedFunction
from shadow_runtime.contract import Variable


class PreTrafficHook(GrantedFunction):
    """Asks a new version what `requests.jsonl` in the route's folder holds, and tells CodeDeploy.

    They are asked at every deployment, so none of them may change anything. A route without that
    file is asked one request that nobody sent, which it must refuse.

    Give the hook to a deployment group with `add_pre_hook`, and let it `grant_read_deployment`.

    Example:
        >>> PreTrafficHook(self, "PreTraffic", route="get-user", code=RouteCode("get_user"),
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
            code=source("pretraffic", f"routes/{code.package}/{RECORDED}"),
            handler="pretraffic.handler.handler",
            layers=layers,
            environment={
                Variable.ROUTE: route,
                Variable.ROUTE_PACKAGE: f"routes.{code.package}",
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
