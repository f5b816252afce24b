"""The shift of a deployment group, as its template has it."""

import re

from analysis.rollout.stack import Resource, Stack
from analysis.traffic import Shift

_PREDEFINED = re.compile(
    r"CodeDeployDefault\.Lambda(?P<kind>Canary|Linear)(?P<percent>\d+)Percent"
    r"(?:Every)?(?P<minutes>\d+)Minutes?"
)
_ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"


def shift_of(stack: Stack, group: Resource) -> Shift:
    """The shift of a deployment group.

    Raises:
        RolloutError: it has none that is understood here.
    """
    name = group.need("DeploymentConfigName")
    if name == _ALL_AT_ONCE:
        return Shift.all_at_once()
    predefined = _PREDEFINED.fullmatch(name) if isinstance(name, str) else None
    if predefined:
        make = Shift.canary if predefined["kind"] == "Canary" else Shift.linear
        return make(minutes=int(predefined["minutes"]), percent=int(predefined["percent"]))
    config, routing = stack.referred(group, "DeploymentConfigName"), "TrafficRoutingConfig"
    match config.need(routing, "Type"):
        case "AllAtOnce":
            return Shift.all_at_once()
        case "TimeBasedCanary":
            minutes, percent = (
                config.need(routing, "TimeBasedCanary", name)
                for name in ("CanaryInterval", "CanaryPercentage")
            )
            return Shift.canary(minutes=minutes, percent=percent)
        case "TimeBasedLinear":
            minutes, percent = (
                config.need(routing, "TimeBasedLinear", name)
                for name in ("LinearInterval", "LinearPercentage")
            )
            return Shift.linear(minutes=minutes, percent=percent)
        case other:
            raise config.refused(f"shifts in a way that is not understood here: {other}")
