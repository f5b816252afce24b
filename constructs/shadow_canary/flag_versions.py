"""A stack can be deleted, whatever was written into its flag at run time."""

from aws_cdk import CustomResource, Duration
from constructs import Construct

from shadow_canary.code import source
from shadow_canary.findings import acknowledge_wildcard, below_profile
from shadow_canary.flag import MigrationFlag
from shadow_canary.functions import FunctionOptions, LeastPrivilegeFunction
from shadow_canary.grants import let
from shadow_runtime.contract import Variable


class FlagVersions(Construct):
    """Deletes the flag's hosted versions when its stack goes, or the service goes from the stack.

    Each move of the flag writes one that no template knows, and AppConfig deletes no profile that
    has any, nor a version that an environment is served. So they go when the environment is gone
    and the profile is still there; the seed too, also when a first deployment is rolled back.

    Example:
        >>> FlagVersions(self, "FlagVersions", route="get-user", flag=flag, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        flag: MigrationFlag,
        options: FunctionOptions,
    ) -> None:
        super().__init__(scope, id_)
        self.function = LeastPrivilegeFunction(
            self,
            "Function",
            description=f"{route}: deletes the flag's versions when the flag goes",
            code=source("custom_resource", "dataset", "judge", "operations"),
            handler="operations.versions.handler",
            options=options,
            environment={Variable.ROUTE: route},
            timeout=Duration.minutes(5),
            memory_size=256,
        )
        flag.grant_delete(self.function)
        let(
            self.function,
            "appconfig:ListHostedConfigurationVersions",
            flag.application.application_arn,
            flag.profile.configuration_profile_arn,
        )
        acknowledge_wildcard(
            self.function.execution_role,
            below_profile(flag, "hostedconfigurationversion/*"),
            "hosted versions are numbered",
        )
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::ShadowCanaryFlagVersions",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(15),  # three attempts
            properties={
                "Application": flag.application.application_id,
                "Profile": flag.profile.configuration_profile_id,
            },
        )
        self.resource.node.add_dependency(self.function.execution_role)
        for later in (flag.environment, flag.profile.node.find_child("Resource")):
            later.node.add_dependency(self.resource)
