"""What sends requests to a route's alias, as far as its stack shows it."""

import json
from collections.abc import Iterator

import jsii
from aws_cdk import Annotations, Duration, Stack
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

    Refuses a `timeout` of the route over its front door's, which answers 503 or 504 by itself then.
    Looks at the alias' own stack: integrations of another one cannot be told from the tree.

    Example:
        >>> service.node.add_validation(
        ...     ServedIntegrations(service.alias, timeout=timeout))  # doctest: +SKIP
    """

    def __init__(self, alias: lambda_.Alias, *, timeout: Duration) -> None:
        self._alias = alias
        self._timeout_ms = timeout.to_milliseconds()

    def validate(self) -> list[str]:
        """An error for each front door that waits less; the warnings are annotations."""
        errors = list[str]()
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
            for target, what, limit in _waiting(node):
                if limit < self._timeout_ms and reference in json.dumps(stack.resolve(target)):
                    errors.append(
                        f"{what}, {node.node.path}, waits {limit} ms for {self._alias.node.path}, "
                        f"whose timeout is {self._timeout_ms} ms; lower timeout="
                    )
        return errors


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


_HTTP_API_MS = 30_000
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

_REST_API_MS = 29_000
"""By default; what is over it, by a raised quota, stands in the method.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""


def _waiting(node: IConstruct) -> Iterator[tuple[object, str, int]]:
    """What a front door invokes, which one it is, and how many milliseconds it waits."""
    match node:
        case http.CfnIntegration() if not _is_websocket(node):
            yield node.integration_uri, "an HTTP API", int(node.timeout_in_millis or _HTTP_API_MS)
        case rest.CfnMethod():
            integration = Stack.of(node).resolve(node.integration) or {}
            yield integration, "a REST API", integration.get("timeoutInMillis") or _REST_API_MS


def _is_websocket(integration: http.CfnIntegration) -> bool:
    api = Stack.of(integration).resolve(integration.api_id)
    return any(
        isinstance(node, http.CfnApi)
        and node.protocol_type == "WEBSOCKET"
        and {"Ref": logical_id(node)} == api
        for node in Stack.of(integration).node.find_all()
    )
