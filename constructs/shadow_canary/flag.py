"""The AppConfig feature flag of one route."""

import json
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_appconfig as appconfig
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from analysis.strategy import Strategy
from shadow_canary.grants import let
from shadow_runtime.contract import Position, Variable, flag_document

RAISE = Strategy(minutes=10, growth_percent=10, bake_minutes=0)
LOWER = Strategy(minutes=0, growth_percent=100, bake_minutes=0)


class FlagStrategies(Construct):
    """How fast flags move: towards the candidate over ten minutes, towards control at once.

    AppConfig allows 20 strategies in a region of an account, and a route makes two of its own:
    give one pair to all routes of an app, or the eleventh route cannot be deployed.

    Example:
        >>> strategies = FlagStrategies(stack, "Strategies")  # doctest: +SKIP
        >>> ShadowCanaryService(stack, "Service", strategies=strategies, ...)  # doctest: +SKIP
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.raising, self.lowering = _pair(self)


def _pair(
    scope: Construct,
) -> tuple[appconfig.IDeploymentStrategy, appconfig.IDeploymentStrategy]:
    raising = "Towards the candidate: a tenth of the execution environments a minute"
    return (
        _strategy(scope, "Raise", raising, RAISE),
        _strategy(scope, "Lower", "Towards control: all at once", LOWER),
    )


def _strategy(
    scope: Construct, id_: str, description: str, steps: Strategy
) -> appconfig.IDeploymentStrategy:
    return appconfig.DeploymentStrategy(
        scope,
        id_,
        description=description,
        rollout_strategy=appconfig.RolloutStrategy.linear(
            growth_factor=steps.growth_percent,
            deployment_duration=Duration.minutes(steps.minutes),
        ),
    )


class MigrationFlag(Construct):
    """The position of one route, seeded with `off` and never written by the template again.

    Application and environment are the route's own, because AppConfig runs one deployment at a
    time per environment. A raise reaches the execution environments over ten minutes; a lowering
    reaches all of them at their next poll. No monitors: docs/adr says why.

    Example:
        >>> flag = MigrationFlag(self, "Flag", route="get-user")  # doctest: +SKIP
        >>> flag.grant_read(function)  # doctest: +SKIP
    """

    def __init__(
        self, scope: Construct, id_: str, *, route: str, strategies: FlagStrategies | None = None
    ) -> None:
        super().__init__(scope, id_)
        self.application = appconfig.Application(
            self, "Application", description=f"Migration of {route}"
        )
        self.environment = self.application.add_environment("Environment")
        self.raise_strategy, self.lower_strategy = (
            (strategies.raising, strategies.lowering) if strategies else _pair(self)
        )
        self.profile = appconfig.HostedConfiguration(
            self,
            "Profile",
            application=self.application,
            type=appconfig.ConfigurationType.FEATURE_FLAGS,
            description=f"Stage of {route}; move it with shadowctl",
            content=appconfig.ConfigurationContent.from_inline_json(
                json.dumps(flag_document(Position.OFF))
            ),
            deploy_to=[self.environment],
            deployment_strategy=self.lower_strategy,
        )
        self.cfn_profile = cast(
            "appconfig.CfnConfigurationProfile",
            self.profile.node.find_child("ConfigurationProfile"),
        )
        for node in self.profile.node.find_all():
            if isinstance(node, appconfig.CfnDeployment):
                # Another tag would replace it: a deployment of the seed, over the position.
                node.add_property_deletion_override("Tags")

    @property
    def variables(self) -> dict[Variable, str]:
        """Where a function finds the flag."""
        return {
            Variable.FLAG_APPLICATION: self.application.application_id,
            Variable.FLAG_ENVIRONMENT: self.environment.environment_id,
            Variable.FLAG_PROFILE: self.profile.configuration_profile_id,
        }

    @property
    def strategies(self) -> dict[Variable, str]:
        """How a function that moves the flag deploys it."""
        return {
            Variable.RAISE_STRATEGY: self.raise_strategy.deployment_strategy_id,
            Variable.LOWER_STRATEGY: self.lower_strategy.deployment_strategy_id,
        }

    def validate_by(self, function: lambda_.Function) -> None:
        """Has AppConfig ask `function` before it deploys a position, the seed included."""
        validator = appconfig.LambdaValidator.from_function(function)  # and lets AppConfig ask it
        self.cfn_profile.validators = [
            appconfig.CfnConfigurationProfile.ValidatorsProperty(
                type="LAMBDA", content=validator.content
            )
        ]
        self.cfn_profile.node.add_dependency(function)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets `grantee` read the deployed position."""
        return self.environment.grant_read_config(grantee)

    def grant_lower(self, grantee: iam.IGrantable) -> None:
        """Lets `grantee` deploy positions of this route at once, and of no other.

        AppConfig's constructs have no such grants: the actions are those that the flag writer
        calls. It updates the profile where the validator fails and keeps users from `off`.
        """
        environment = self.environment.environment_arn
        profile = self.profile.configuration_profile_arn
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[
                "appconfig:CreateHostedConfigurationVersion",
                "appconfig:GetConfigurationProfile",
                "appconfig:GetDeployment",
                "appconfig:GetHostedConfigurationVersion",
                "appconfig:ListDeployments",
                "appconfig:ListHostedConfigurationVersions",
                "appconfig:StartDeployment",
                "appconfig:StopDeployment",
                "appconfig:UpdateConfigurationProfile",
            ],
            resource_arns=[
                self.application.application_arn,
                environment,
                f"{environment}/deployment/*",
                profile,
                f"{profile}/hostedconfigurationversion/*",
                self._strategy_arn(Variable.LOWER_STRATEGY),
            ],
        )

    def grant_move(self, grantee: iam.IGrantable) -> None:
        """Lets `grantee` raise this route's position too, and delete what nobody is served."""
        self.grant_lower(grantee)
        let(grantee, "appconfig:StartDeployment", self._strategy_arn(Variable.RAISE_STRATEGY))
        self.grant_delete(grantee)

    def grant_delete(self, grantee: iam.IGrantable) -> None:
        """Lets `grantee` delete hosted versions of this flag; AppConfig keeps those in use."""
        profile = self.profile.configuration_profile_arn
        let(
            grantee,
            "appconfig:DeleteHostedConfigurationVersion",
            self.application.application_arn,
            profile,
            f"{profile}/hostedconfigurationversion/*",
        )

    def _strategy_arn(self, which: Variable) -> str:
        return Stack.of(self).format_arn(
            service="appconfig", resource="deploymentstrategy", resource_name=self.strategies[which]
        )
