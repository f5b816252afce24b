"""What tells the routes of one stack apart."""

import jsii
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IValidation

from analysis.template import CODE
from shadow_canary.metrics import outermost


@jsii.implements(IValidation)
class OwnName:
    """Refuses the name of a route that another one of the same stack has, or of one nested in it.

    Their metrics, and so their alarms and their users' buckets, would be the same.

    Example:
        >>> service.node.add_validation(OwnName(service, "get-user"))  # doctest: +SKIP
    """

    def __init__(self, service: Construct, route: str) -> None:
        self._service = service
        self._route = route

    def validate(self) -> list[str]:
        """One error for each other route."""
        stack = outermost(Stack.of(self._service))
        own = self._service.node.path
        return [
            f"{own} and {other} are both the route {self._route} of {stack.stack_name}, whose "
            "metrics would be one; name one of them otherwise"
            for node in stack.node.find_all()
            if isinstance(node, lambda_.CfnAlias)
            and (node.get_metadata(CODE) or {}).get("route") == self._route
            and (other := node.node.scopes[-3].node.path) != own
        ]
