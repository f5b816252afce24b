"""The front doors: the event that each makes of what a client sent.

In the shapes that AWS documents:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

ACCOUNT = "123456789012"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"
ADDRESS = "203.0.113.7"
AGENT = "curl/8.7.1"
HOST = "api.example.com"
ID = "JKJaXmPLvHcESHA="

Event = dict[str, Any]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request as a client sends it; `query` and `path` as they stand in the URL.

    `resource` is the route that it matches, such as `/carts/{id}`.
    """

    method: str = "GET"
    path: str = "/carts/42"
    resource: str = "/carts/{id}"
    path_parameters: tuple[tuple[str, str], ...] = (("id", "42"),)
    query: str = ""
    headers: tuple[tuple[str, str], ...] = (("accept", "*/*"),)
    cookies: tuple[str, ...] = ()
    body: str | bytes = ""
    stage: str = ""

    @property
    def route_key(self) -> str:
        return f"{self.method} {self.resource}"

    @property
    def text(self) -> tuple[str | None, bool]:
        """The body as an event holds it, and whether that is base64."""
        if isinstance(self.body, bytes):
            return base64.b64encode(self.body).decode(), True
        return self.body or None, False

    def received(self, *, with_cookies: bool) -> Pairs:
        """Every header that arrives, with those that AWS adds."""
        cookie = [("cookie", "; ".join(self.cookies))] if self.cookies and with_cookies else []
        return [
            *self.headers,
            *cookie,
            ("host", HOST),
            ("user-agent", AGENT),
            ("x-amzn-trace-id", TRACE),
            ("x-forwarded-for", ADDRESS),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ]


def http_api(sent: Sent, authorizer: Event | None = None) -> Event:
    """HTTP API, payload format 2.0: one text a name, cookies apart, what is empty left out."""
    prefix = f"/{sent.stage}" if sent.stage else ""
    path = unquote(prefix + sent.path)
    body, encoded = sent.text
    query = _joined(parse_qsl(sent.query, keep_blank_values=True), ",")
    return _without_none(
        version="2.0",
        routeKey=sent.route_key,
        rawPath=path,
        rawQueryString=sent.query,
        cookies=[*sent.cookies] or None,
        headers=_joined(sent.received(with_cookies=False), ","),
        queryStringParameters=query or None,
        requestContext=_without_none(
            accountId=ACCOUNT,
            apiId="a1b2c3d4e5",
            authorizer=authorizer,
            domainName="a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            domainPrefix="a1b2c3d4e5",
            http={
                "method": sent.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": ADDRESS,
                "userAgent": AGENT,
            },
            requestId=ID,
            routeKey=sent.route_key,
            stage=sent.stage or "$default",
            time="07/Jan/2030:09:00:00 +0000",
            timeEpoch=1893999600000,
        ),
        body=body,
        pathParameters=dict(sent.path_parameters) or None,
        isBase64Encoded=encoded,
    )


def function_url(sent: Sent, authorizer: Event | None = None) -> Event:
    """Lambda function URL: payload format 2.0 without routes and stages."""
    event = http_api(sent, authorizer)
    event.pop("pathParameters", None)
    domain = "u1r2l3.lambda-url.eu-central-1.on.aws"
    event["routeKey"] = "$default"
    event["requestContext"] |= {
        "accountId": ACCOUNT if authorizer else "anonymous",
        "apiId": "u1r2l3",
        "authentication": None,
        "domainName": domain,
        "domainPrefix": "u1r2l3",
        "routeKey": "$default",
    }
    return event


def rest_api(sent: Sent, authorizer: Event | None = None, identity: Event | None = None) -> Event:
    """REST API: each name with its last value and with all of them, null where there is none."""
    body, encoded = sent.text
    headers = [(name.title(), value) for name, value in sent.received(with_cookies=True)]
    query = parse_qsl(sent.query, keep_blank_values=True)
    context = {
        "resourceId": "r1s2t3",
        "resourcePath": sent.resource,
        "httpMethod": sent.method,
        "extendedRequestId": ID,
        "requestTime": "07/Jan/2030:09:00:00 +0000",
        "path": f"/{sent.stage or 'prod'}{sent.path}",
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": sent.stage or "prod",
        "domainPrefix": "a1b2c3d4e5",
        "requestTimeEpoch": 1893999600000,
        "requestId": ID,
        "identity": {
            "cognitoIdentityPoolId": None,
            "accountId": None,
            "cognitoIdentityId": None,
            "caller": None,
            "sourceIp": ADDRESS,
            "principalOrgId": None,
            "accessKey": None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": None,
            "userAgent": AGENT,
            "user": None,
            **(identity or {}),
        },
        "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
        "apiId": "a1b2c3d4e5",
    }
    return {
        "resource": sent.resource,
        "path": sent.path,
        "httpMethod": sent.method,
        "headers": dict(headers),
        "multiValueHeaders": _collected(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _collected(query) or None,
        "pathParameters": dict(sent.path_parameters) or None,
        "stageVariables": None,
        "requestContext": context | ({"authorizer": authorizer} if authorizer else {}),
        "body": body,
        "isBase64Encoded": encoded,
    }


def http_api_v1(
    sent: Sent, authorizer: Event | None = None, identity: Event | None = None
) -> Event:
    """HTTP API, payload format 1.0: a REST API's event that says its version."""
    event = rest_api(sent, authorizer, identity)
    event["requestContext"] |= {"authorizer": authorizer or {}, "stage": sent.stage or "$default"}
    return {"version": "1.0", **event}


def alb(sent: Sent) -> Event:
    """Application Load Balancer: the last value of each name; the query as it was sent."""
    headers, query = sent.received(with_cookies=True), _raw(sent.query)
    return _from_alb(sent, headers=dict(headers), queryStringParameters=dict(query))


def alb_multi_value(sent: Sent) -> Event:
    """Application Load Balancer whose target group has multi-value headers switched on."""
    headers, query = sent.received(with_cookies=True), _raw(sent.query)
    return _from_alb(
        sent,
        multiValueHeaders=_collected(headers),
        multiValueQueryStringParameters=_collected(query),
    )


def _from_alb(sent: Sent, **headers_and_query: Event) -> Event:
    group = (
        f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/carts/6d0ecf831eec9f09"
    )
    body, encoded = sent.text
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": sent.method,
        "path": sent.path,
        **headers_and_query,
        "body": body or "",
        "isBase64Encoded": encoded,
    }


def _joined(pairs: Pairs, separator: str) -> dict[str, str]:
    return {name: separator.join(values) for name, values in _collected(pairs).items()}


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        collected.setdefault(name, []).append(value)
    return collected


def _raw(query: str) -> Pairs:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(name, value) for name, _, value in pairs]


def _without_none(**members: Any) -> Event:
    return {name: value for name, value in members.items() if value is not None}
