"""What sends requests to a route's alias, as far as its stack shows it."""

import json
from collections.abc import Iterator
from datetime import timedelta

import jsii
from aws_cdk import Annotations, Duration, Stack
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import IConstruct, IValidation

from shadow_canary.findings import logical_id
from shadow_runtime.contract import SAFE_METHODS, Stage

UNSERVED_INTEGRATION = "shadow-canary:unserved-integration"
ANY_METHOD = "shadow-canary:any-method"
WRITES_NOT_HELD = "shadow-canary:writes-not-held"
"""The ids of warnings at synthesis, to acknowledge them."""


@jsii.implements(IValidation)
class ServedIntegrations:
    """Warns of what invokes `alias` and is no front door, whose events the route would refuse.

    Refuses a `timeout` of the route over its front door's, which answers 503 or 504 by itself then.

    Where an API sends what may change data, such as `PUT /users/me`: without a dataset control
    alone answers it, so that a user on the candidate would miss what they wrote. A `ceiling` over
    `shadow` is refused then; of an API that sends any method, a warning says so. With a dataset
    warns of a `timeout` under `writes_need`, in which no write can be held while the authority
    moves. Function URLs and load balancers name no methods.

    Looks at the alias' own stack: integrations of another one cannot be told from the tree.

    Example:
        >>> service.node.add_validation(ServedIntegrations(
        ...     service.alias, timeout=timeout, ceiling=Stage.LIVE,
        ...     writes_need=None))  # doctest: +SKIP
    """

    def __init__(
        self,
        alias: lambda_.Alias,
        *,
        timeout: Duration,
        ceiling: Stage,
        writes_need: timedelta | None,
    ) -> None:
        self._alias = alias
        self._timeout_ms = timeout.to_milliseconds()
        self._ceiling = ceiling
        self._writes_need = writes_need

    def validate(self) -> list[str]:
        """An error for each front door that waits less; the warnings are annotations."""
        errors = list[str]()
        if self._writes_need is not None:
            self._warn_of_refused_writes(self._writes_need)
        elif self._ceiling > Stage.SHADOW:
            errors += self._writes()
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

    def _writes(self) -> Iterator[str]:
        """An error for each request that may change data; of what may be any there is a warning."""
        route = self._alias.node.path
        for node, method, path in self._asked():
            if method == _ANY:
                Annotations.of(node).add_warning_v2(
                    ANY_METHOD,
                    f"requests of any method for {path} invoke {route}; control alone answers "
                    "those that may change data, at every stage, and users on the candidate miss "
                    "what they wrote: name the methods that only read, or give dataset=",
                )
            elif method not in SAFE_METHODS:
                yield (
                    f"{method} {path} may change data: control alone answers it, and users on the "
                    f"candidate would miss what they wrote; ceiling={self._ceiling} is over "
                    f"shadow: give {route} the dataset that it writes, dataset=, or Stage.SHADOW, "
                    "or send it to another function"
                )

    def _warn_of_refused_writes(self, need: timedelta) -> None:
        need_ms = need // timedelta(milliseconds=1)
        for node, method, path in self._asked():
            if method not in SAFE_METHODS and self._timeout_ms < need_ms:
                Annotations.of(node).add_warning_v2(
                    WRITES_NOT_HELD,
                    f"{method} {path} writes, and {self._alias.node.path} ends after "
                    f"{self._timeout_ms} ms: while the authority moves its writes are refused, for "
                    f"{need_ms} ms would have to pass; raise timeout=",
                )

    def _asked(self) -> Iterator[tuple[IConstruct, str, str]]:
        """What an API sends to the alias, itself or by an integration: method and path."""
        stack = Stack.of(self._alias)
        nodes = stack.node.find_all()
        references = [json.dumps({"Ref": logical_id(self._alias)})]
        references += [
            json.dumps({"Ref": logical_id(node)})
            for node in nodes
            if isinstance(node, http.CfnIntegration)
            and references[0] in json.dumps(stack.resolve(node.integration_uri))
        ]
        for node in nodes:
            for target, method, path in _requests(node):
                invokes = json.dumps(stack.resolve(target))
                if any(reference in invokes for reference in references):
                    yield node, method, path


_ANY = "ANY"


def _requests(node: IConstruct) -> Iterator[tuple[object, str, str]]:
    """What a route of an API invokes, its method, and its path."""
    match node:
        case http.CfnRoute():
            yield node.target, *_parsed(node.route_key)
        case http.CfnApi() if node.target is not None:
            yield node.target, *_parsed(node.route_key or "$default")
        case rest.CfnMethod():
            yield node.integration, node.http_method.upper(), node.node.path
        case http.CfnApi() | rest.CfnRestApi() if node.body is not None:
            paths = Stack.of(node).resolve(node.body).get("paths", {})
            for path, operations in paths.items():
                for method, operation in operations.items():
                    known = method in _OPENAPI_METHODS
                    yield operation, method.upper() if known else _ANY, path


_OPENAPI_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def _parsed(route_key: str) -> tuple[str, str]:
    """Method and path of `PUT /users/me`, `ANY /users` or `$default`."""
    method, _, path = route_key.partition(" ")
    return (method.upper(), path) if path else (_ANY, route_key)


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
