"""A deploy moves nobody, whatever the flag says and whatever becomes of the ceiling."""

from aws_cdk import CustomResource, Duration
from constructs import Construct

from shadow_canary.code import source
from shadow_canary.findings import acknowledge_moves
from shadow_canary.flag import MigrationFlag
from shadow_canary.functions import FunctionOptions, LeastPrivilegeFunction
from shadow_canary.metrics import full_name
from shadow_runtime.contract import Stage, Variable


class CeilingChange(Construct):
    """Before another ceiling counts, the flag is lowered to the lower one of both.

    What was over the old one acted on nobody: a console, an old flag or a ceiling that was lowered
    left it there. So nobody notices, and a higher ceiling wakes nothing. Let whatever serves users
    by the new ceiling depend on this. A function of its own: operations waits for a team's alarms,
    and they may wait for what serves users.

    Example:
        >>> change = CeilingChange(self, "CeilingChange", route="get-user",
        ...                        ...)  # doctest: +SKIP
        >>> alias.node.add_dependency(change)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        flag: MigrationFlag,
        ceiling: Stage,
        options: FunctionOptions,
    ) -> None:
        super().__init__(scope, id_)
        self.function = LeastPrivilegeFunction(
            self,
            "Function",
            description=f"{route}: lowers the flag before the ceiling changes",
            code=source("custom_resource", "dataset", "judge", "operations"),
            handler="operations.ceiling.handler",
            options=options,
            environment={
                Variable.ROUTE: full_name(scope, route),
                **flag.variables,
                Variable.LOWER_STRATEGY: flag.strategies[Variable.LOWER_STRATEGY],
            },
            timeout=Duration.minutes(2),
            memory_size=256,
        )
        flag.grant_lower(self.function)
        acknowledge_moves(self.function.execution_role, flag)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::ShadowCanaryCeiling",
            service_token=self.function.function_arn,
            service_timeout=Duration.minutes(10),  # three attempts, with Lambda's waits between
            properties={"Ceiling": str(ceiling)},
        )
