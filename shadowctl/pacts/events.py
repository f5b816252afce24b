"""Events as a front door sends them, of requests that nobody's front door has seen.

Each takes the token of `Authorization: Bearer` for checked: a JWT's claims are the caller's, and
any other token is the caller's `sub`. So a pact says in a word who asks: `Bearer user-001`.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request

_STAGE = "test"
_PROTOCOL = "HTTP/1.1"


def http_api(request: Request) -> dict[str, Any]:
    """Of an HTTP API with a JWT authorizer, or of a function URL.

    Example:
        >>> ada = Request(method="GET", path="/users/me", headers={"authorization": "Bearer ada"})
        >>> http_api(ada)["requestContext"]["authorizer"]["jwt"]["claims"]
        {'sub': 'ada'}
    """
    event = HTTP_API.event(request)
    event["requestContext"] |= _api(request)
    event["requestContext"]["http"] |= {
        "protocol": _PROTOCOL,
        "userAgent": request.headers.get("user-agent", ""),
    }
    if claims := _claims(request):
        event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    return event


def rest_api(request: Request) -> dict[str, Any]:
    """Of a REST API with a Cognito authorizer.

    Example:
        >>> rest_api(Request(method="GET", path="/users/me", route_key="GET /users/me"))["resource"]
        '/users/me'
    """
    resource = request.route_key.partition(" ")[2] or request.path
    claims = _claims(request)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers) or None,
        "multiValueHeaders": {name: [v] for name, v in request.headers.items()} or None,
        "queryStringParameters": {k: v[-1] for k, v in request.parameters.items()} or None,
        "multiValueQueryStringParameters": request.parameters or None,
        "pathParameters": dict(request.path_parameters) or None,
        "stageVariables": None,
        "requestContext": {
            **_api(request),
            "protocol": _PROTOCOL,
            "resourcePath": resource,
            "httpMethod": request.method,
            "path": f"/{_STAGE}{request.path}",
            "stage": _STAGE,
            "requestId": request.id,
            "identity": {"sourceIp": request.source_ip},
            **({"authorizer": {"claims": claims}} if claims else {}),
        },
        **_body(request),
    }


def load_balancer(request: Request) -> dict[str, Any]:
    """Of an Application Load Balancer, which checks no token.

    Example:
        >>> load_balancer(Request(method="GET", path="/", query="a=%20"))["queryStringParameters"]
        {'a': '%20'}
    """
    pairs = [pair.partition("=") for pair in request.query.split("&") if pair]
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:::targetgroup"}},
        "httpMethod": request.method,
        "path": request.path,
        "queryStringParameters": {name: value for name, _, value in pairs},
        "headers": {
            "x-amzn-trace-id": f"Root={request.id}",
            "x-forwarded-for": request.source_ip,
            **request.headers,
        },
        **_body(request),
    }


def _api(request: Request) -> dict[str, Any]:
    host = request.headers.get("host", "127.0.0.1")
    return {"accountId": "123456789012", "apiId": "pacts", "domainName": host}


def _claims(request: Request) -> Mapping[str, Any]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return {}
    try:
        _, payload, _ = token.strip().split(".")
        claims = json.loads(base64.urlsafe_b64decode(f"{payload}=="))
    except ValueError:
        claims = None
    return claims if isinstance(claims, dict) else {"sub": unquote(token.strip())}


def _body(request: Request) -> dict[str, Any]:
    is_encoded = isinstance(request.body, bytes)
    body = base64.b64encode(request.body).decode() if is_encoded else request.body  # type: ignore[arg-type]
    return {"body": body or None, "isBase64Encoded": is_encoded}
