"""The code canary: a new version of the route takes a few invocations first."""

from aws_cdk import Duration, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from shadow_canary.findings import acknowledge
from shadow_canary.metrics import error_rate


class CodeCanary(Construct):
    """CodeDeploy shifts the alias to a new version, or back when that version's alarm is red.

    The alarm counts the bad share of the *new* version: crashes, timeouts and failed imports
    (Lambda's `Errors`) and answers of 500 and above (our `Faults`). A share of the whole function
    would never rise over 1 % while the canary takes 1 %.

    Example:
        >>> CodeCanary(self, "CodeCanary", route="get-user", alias=alias,
        ...            version=function.current_version)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        alias: lambda_.Alias,
        version: lambda_.IVersion,
        deployment_config: codedeploy.ILambdaDeploymentConfig | None,
        error_rate_percent: float,
        minimum_requests: int,
    ) -> None:
        super().__init__(scope, id_)
        if not 0 < error_rate_percent < 100:
            raise ValueError(
                "error_rate_percent is a share of requests, over 0 and under 100, such as 2; "
                f"got {error_rate_percent!r}"
            )
        if minimum_requests < 1:
            raise ValueError(
                f"minimum_requests counts requests, 1 or more; got {minimum_requests!r}"
            )
        self.error_rate = error_rate(
            route=route, alias=alias, version=version, minimum_requests=minimum_requests
        )
        self.alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            # The version in the name makes it a new alarm at each deploy: an alarm that is updated
            # in place keeps the red state of the version before, and would block the fix.
            alarm_name=Fn.join("-", [Stack.of(self).stack_name, route, "code", version.version]),
            alarm_description=(
                f"{route}: over {error_rate_percent:g} % of the new version's requests failed, "
                f"in 3 of 5 minutes with {minimum_requests} or more; the alias goes back"
            ),
            metric=self.error_rate,
            threshold=error_rate_percent,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.deployment_config = deployment_config or codedeploy.LambdaDeploymentConfig(
            self,
            "Shift",
            traffic_routing=codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=1, interval=Duration.minutes(10)
            ),
        )
        self.deployment_group = codedeploy.LambdaDeploymentGroup(
            self,
            "DeploymentGroup",
            alias=alias,
            deployment_config=self.deployment_config,
            alarms=[self.alarm],
            # A deployment stopped by hand would otherwise leave the alias on two versions,
            # and every later deployment would fail.
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )
        managed = "service-role/AWSCodeDeployRoleForLambdaLimited"
        acknowledge(
            self.deployment_group,
            f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{managed}]",
            "what AWS made for this, and keeps up to date",
        )
