"""What sends requests to a route's alias, as far as its stack shows it."""

import json
from collections.abc import Iterator

import jsii
from aws_cdk import Annotations, Stack
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import IConstruct, IValidation

from shadow_canary.findings import logical_id

UNSERVED_INTEGRATION = "shadow-canary:unserved-integration"
"""The id of a warning at synthesis, to acknowledge it."""


@jsii.implements(IValidation)
class ServedIntegrations:
    """Warns of what invokes `alias` and is no front door, whose events the route would refuse.

    Looks at the alias' own stack: integrations of another one cannot be told from the tree.

    Example:
        >>> service.node.add_validation(ServedIntegrations(service.alias))  # doctest: +SKIP
    """

    def __init__(self, alias: lambda_.Alias) -> None:
        self._alias = alias

    def validate(self) -> list[str]:
        """No errors; the warnings are annotations."""
        stack = Stack.of(self._alias)
        reference = json.dumps({"Ref": logical_id(self._alias)})
        for node in stack.node.find_all():
            for target, what in _invoked(node):
                if reference in json.dumps(stack.resolve(target)):
                    Annotations.of(node).add_warning_v2(
                        UNSERVED_INTEGRATION,
                        f"{what} invokes {self._alias.node.path}, which refuses its events: a "
                        "route serves HTTP APIs, proxy integrations of REST APIs, load balancers "
                        "and function URLs; give it a function of its own",
                    )
        return []


def _invoked(node: IConstruct) -> Iterator[tuple[object, str]]:
    """What a resource invokes that is no front door, and what it is."""
    match node:
        case http.CfnIntegration() if _is_websocket(node):
            yield node.integration_uri, "a WebSocket API"
        case rest.CfnMethod():
            integration = Stack.of(node).resolve(node.integration) or {}
            if integration.get("type") == "AWS":
                yield integration, "an integration of a REST API that is no proxy"
        case lambda_.CfnEventSourceMapping():
            yield node.function_name, "a queue or a stream"
        case sns.CfnSubscription():
            yield node.endpoint, "a topic"
        case events.CfnRule():
            yield node.targets, "a rule of EventBridge"


def _is_websocket(integration: http.CfnIntegration) -> bool:
    api = Stack.of(integration).resolve(integration.api_id)
    return any(
        isinstance(node, http.CfnApi)
        and node.protocol_type == "WEBSOCKET"
        and {"Ref": logical_id(node)} == api
        for node in Stack.of(integration).node.find_all()
    )
