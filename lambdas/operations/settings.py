"""What the construct tells the operations function: all of it, read here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from judge import Ramp
from shadow_runtime.contract import Stage, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsSettings:
    """Where a route's flag is, how far it may go, what guards it, and who is told.

    The function reads them from its environment, the operator's command from its configuration.

    Example:
        >>> variables = dict.fromkeys(Variable, "") | {
        ...     Variable.CEILING: "canary(5%)", Variable.USERS: "50000"}
        >>> OperationsSettings.of(variables).ceiling
        canary(5%)
    """

    route: str
    function: str
    ceiling: Stage
    application: str
    environment: str
    profile: str
    raise_strategy: str
    lower_strategy: str
    exposure_alarms: tuple[str, ...]
    users: int
    ramp: Ramp | None
    topic: str
    dashboard: str
    dataset: str
    dataset_function: str

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The settings in the environment variables of an operations function."""
        return cls(
            route=variables[Variable.ROUTE],
            function=variables[Variable.FUNCTION],
            ceiling=Stage.parse(variables[Variable.CEILING]),
            application=variables[Variable.FLAG_APPLICATION],
            environment=variables[Variable.FLAG_ENVIRONMENT],
            profile=variables[Variable.FLAG_PROFILE],
            raise_strategy=variables[Variable.RAISE_STRATEGY],
            lower_strategy=variables[Variable.LOWER_STRATEGY],
            exposure_alarms=tuple(variables[Variable.EXPOSURE_ALARMS].split("\n")),
            users=int(variables[Variable.USERS]),
            ramp=Ramp.parse(ramp) if (ramp := variables.get(Variable.RAMP)) else None,
            topic=variables[Variable.TOPIC],
            dashboard=variables[Variable.DASHBOARD],
            dataset=variables.get(Variable.DATASET, ""),
            dataset_function=variables.get(Variable.DATASET_FUNCTION, ""),
        )
