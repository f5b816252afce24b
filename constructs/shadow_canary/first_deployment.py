"""A route that answers nobody is not created: its first deployment is asked too."""

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from shadow_canary.functions import PreTrafficHook
from shadow_canary.grants import let


class FirstDeployment(Construct):
    """Rolls the deployment of a new route back where it does not answer what was recorded.

    CodeDeploy has nothing to shift from then: the hook is not called, and everybody is on the new
    version at once. So CloudFormation asks the hook instead, once, and also whether the candidate
    can be imported. Nothing here changes later: an update is CodeDeploy's.

    Example:
        >>> FirstDeployment(self, "FirstDeployment", hook=hook, alias=alias,
        ...                 candidate=candidate)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        hook: PreTrafficHook,
        alias: lambda_.Alias,
        candidate: lambda_.Function,
    ) -> None:
        super().__init__(scope, id_)
        let(hook, "lambda:InvokeFunction", candidate.function_arn)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::ShadowCanaryFirstDeployment",
            service_token=hook.function_arn,
            service_timeout=Duration.minutes(15),  # as long as the hook may take, three times
            properties={"Route": alias.function_arn, "Candidate": candidate.function_arn},
        )
