"""Nobody moves a flag past a stage, whoever they are: AppConfig asks before it deploys."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from shadow_canary.code import source
from shadow_canary.findings import acknowledge_wildcard, below_application
from shadow_canary.flag import MigrationFlag
from shadow_canary.functions import FunctionOptions, LeastPrivilegeFunction
from shadow_canary.metrics import full_name
from shadow_canary.ramp import Ramp
from shadow_runtime.contract import Stage, Variable


class FlagValidator(Construct):
    """Refuses a position that is more than one stage away from the deployed one, or too high.

    And one that is no step of the ramp, where there is one.

    AppConfig asks it before each deployment of the flag, that of a console user too. It never
    refuses `off`; should it fail itself, the flag's writers take it off for that one deployment.

    Example:
        >>> FlagValidator(self, "FlagValidator", route="get-user", flag=flag,
        ...               ceiling=Stage.LIVE, options=options)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        flag: MigrationFlag,
        ceiling: Stage,
        ramp: Ramp | None,
        options: FunctionOptions,
    ) -> None:
        super().__init__(scope, id_)
        self.function = LeastPrivilegeFunction(
            self,
            "Function",
            description=f"{route}: refuses positions of the flag that skip a stage",
            code=source("custom_resource", "dataset", "judge", "operations"),
            handler="operations.validator.handler",
            options=options,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.CEILING: str(ceiling),
                Variable.RAMP: str(ramp or ""),
            },
            timeout=Duration.seconds(10),
            memory_size=256,
        )
        # The profile asks it, and the environment waits for the profile: their names would be a
        # cycle. The application is the route's own.
        application = flag.application.application_arn
        below = ("environment/*", "configurationprofile/*")
        iam.Grant.add_to_principal(
            grantee=self.function,
            actions=[
                "appconfig:GetHostedConfigurationVersion",
                "appconfig:ListDeployments",
                "appconfig:ListEnvironments",
            ],
            resource_arns=[application, *(f"{application}/{each}" for each in below)],
        )
        for each in below:
            acknowledge_wildcard(
                self.function.execution_role,
                below_application(flag, each),
                "the application is the route's own, and holds one of each",
            )
        flag.validate_by(self.function)
