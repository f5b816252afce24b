"""What one side is given, and the shadow, which runs either side, would lack."""

from collections.abc import Sequence

import jsii
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import IValidation

from shadow_canary.functions import LeastPrivilegeFunction


@jsii.implements(IValidation)
class AlikeSides:
    """Refuses a variable or a layer that `sides` have and `shadow` lacks.

    Each copy would fail there, in silence. The service's own variables are none.

    Example:
        >>> service.node.add_validation(
        ...     AlikeSides(service.shadow, [service.function, service.candidate]))  # doctest: +SKIP
    """

    def __init__(
        self, shadow: LeastPrivilegeFunction, sides: Sequence[LeastPrivilegeFunction]
    ) -> None:
        self._shadow = shadow
        self._sides = sides

    def validate(self) -> list[str]:
        """One error for each thing that is lacking."""
        held, layers = self._shadow.variables, _layers(self._shadow)
        errors = list[str]()
        for side in self._sides:
            errors += [
                f"{side.node.path} has the variable {name}, and the shadow, which runs it on "
                "copies, has not, or another value; give it to the service: environment="
                for name, value in side.variables.items()
                if held.get(name) != value
            ]
            errors += [
                f"{side.node.path} has a layer that the shadow, which runs it on copies, lacks; "
                "give it to the service: layers="
                for layer in _layers(side)
                if layer not in layers
            ]
        return errors


def _layers(function: lambda_.Function) -> list[object]:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)  # noqa: S101 - tells mypy what the L2 makes
    return Stack.of(function).resolve(resource.layers) or []
