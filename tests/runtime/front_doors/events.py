"""Events of the front doors, by who calls and by what is sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from shadow_runtime.user import User, authorizer, claim, cookie, header, iam_user, per_request
from tests.runtime.front_doors import doors
from tests.runtime.front_doors.doors import ACCOUNT, ID, TRACE, Event, Sent

KEY = "ada"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/ada"

CLAIMS = {
    "sub": KEY,
    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a1b2c3",
    "email": "ada@example.com",
    "cognito:groups": "[admins editors]",
    "custom:tenant": "analytical-engines",
    "exp": "1893999600",
}
LAMBDA_AUTHORIZER = {"principalId": "user|ada", "userId": KEY, "tenant": "engines", "level": "3"}


@dataclass(frozen=True)
class Sample:
    """One event; `user` says where its user stands, `key` who that is ("" for nobody)."""

    door: str
    event: Event
    sent: Sent
    user: User
    key: str


def api_key_id(event: Mapping[str, Any]) -> str | None:
    """A key of one's own: a function of the event."""
    found: str = event["requestContext"]["identity"]["apiKeyId"]
    return found


GET = Sent(query="fields=name", headers=(("accept", "*/*"), ("authorization", "Bearer eyJ0eXAi")))

REQUESTS = {
    "cookies": Sent(cookies=("cartId=c-42", "theme=dark", 'quoted="a b"')),
    "repeated query and headers": Sent(
        query="tag=red&tag=blue&tag=&page=2",
        headers=(("accept", "text/html"), ("x-tag", "one"), ("x-tag", "two")),
    ),
    "percent-encoding": Sent(
        path="/carts/a%20b%2Fc",
        path_parameters=(("id", "a b/c"),),
        query="q=a%26b%3Dc+d&na%C3%AFve=J%C3%BCrgen&code=DE&key=7&token=next",
    ),
    "a text": Sent(
        method="POST",
        headers=(("content-type", "application/json; charset=utf-8"),),
        body='{"name": "東京, Zürich", "price": 1.10}',
    ),
    "a form": Sent(
        method="PUT",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body="a=1&a=2&b=%20",
    ),
    "bytes": Sent(
        method="POST",
        headers=(("content-type", "image/png"),),
        body=b"\x89PNG\r\n\x1a\n\x00\xff",
    ),
    "a delete": Sent(method="DELETE"),
    "a query in a body": Sent(
        headers=(("content-type", "application/octet-stream"),), body=b"\x00\xff"
    ),
    "a stage": Sent(stage="beta", query="v=2"),
    "the root": Sent(path="/", resource="/", path_parameters=(), headers=()),
    "a proxy resource": Sent(
        path="/shop/carts/42/items",
        resource="/shop/{proxy+}",
        path_parameters=(("proxy", "carts/42/items"),),
    ),
}

IDENTITY = {
    "accountId": ACCOUNT,
    "caller": "AIDAJQABLZS4A3QDU576Q",
    "accessKey": "AKIAIOSFODNN7EXAMPLE",
    "userArn": USER_ARN,
    "user": "AIDAJQABLZS4A3QDU576Q",
}
_IAM = {
    "iam": {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "accountId": ACCOUNT,
        "callerId": "AIDAJQABLZS4A3QDU576Q",
        "cognitoIdentity": None,
        "principalOrgId": "aws:PrincipalOrgID",
        "userArn": USER_ARN,
        "userId": "AIDAJQABLZS4A3QDU576Q",
    }
}
_TENANT = Sent(headers=(("accept", "*/*"), ("x-tenant-id", KEY)))
_OIDC = Sent(headers=(("x-amzn-oidc-identity", KEY), ("x-amzn-oidc-data", "eyJ0eXAiOiJKV1Qi")))
_CART = Sent(cookies=("theme=dark", f"cartId={KEY}"))

Callers = dict[str, tuple[User, str, Sent, dict[str, Any]]]

ANYBODY: Callers = {
    "a header": (header("X-Tenant-Id"), KEY, _TENANT, {}),
    "a cookie": (cookie("cartId"), KEY, _CART, {}),
    "a request of its own": (per_request, "", GET, {}),
    "nobody": (claim("sub"), "", GET, {}),
}
FORMAT_2: Callers = {
    "a JWT": (claim("sub"), KEY, GET, {"authorizer": {"jwt": {"claims": CLAIMS, "scopes": None}}}),
    "a claim of one's own": (
        claim("custom:tenant"),
        "analytical-engines",
        GET,
        {"authorizer": {"jwt": {"claims": CLAIMS, "scopes": ["carts/read"]}}},
    ),
    "a Lambda authorizer": (
        authorizer("userId"),
        KEY,
        GET,
        {"authorizer": {"lambda": {"userId": KEY, "roles": ["editor"], "age": 36}}},
    ),
    "an IAM user": (iam_user(), USER_ARN, GET, {"authorizer": _IAM}),
    "a JWT without subject": (
        claim("sub"),
        "",
        GET,
        {"authorizer": {"jwt": {"claims": {"iss": CLAIMS["iss"]}, "scopes": None}}},
    ),
}
FORMAT_1: Callers = {
    "Cognito claims": (claim("sub"), KEY, GET, {"authorizer": {"claims": CLAIMS}}),
    "a Lambda authorizer": (authorizer("userId"), KEY, GET, {"authorizer": LAMBDA_AUTHORIZER}),
    "the principal of a Lambda authorizer": (
        authorizer("principalId"),
        "user|ada",
        GET,
        {"authorizer": LAMBDA_AUTHORIZER},
    ),
    "an IAM user": (iam_user(), USER_ARN, GET, {"identity": IDENTITY}),
    "an API key": (
        api_key_id,
        "k-1",
        Sent(headers=(("x-api-key", "s3cret-key"),)),
        {"identity": {"apiKey": "s3cret-key", "apiKeyId": "k-1"}},
    ),
}

_NUMBERS = count(0x1000_0000)


def renewed(event: Any) -> Any:
    """The same event of another request: a copy that is delivered twice is compared once."""
    number = f"{next(_NUMBERS):x}"
    text = json.dumps(event).replace(TRACE, TRACE.replace("5759e988", number))
    return json.loads(text.replace(ID, f"{number}="))


DOORS: dict[str, tuple[Callable[..., Event], Callers]] = {
    "HTTP API": (doors.http_api, FORMAT_2),
    "HTTP API, format 1.0": (doors.http_api_v1, FORMAT_1),
    "REST API": (doors.rest_api, FORMAT_1),
    "function URL": (doors.function_url, {"an IAM user": FORMAT_2["an IAM user"]}),
    "load balancer": (doors.alb, {"OIDC": (header("x-amzn-oidc-identity"), KEY, _OIDC, {})}),
    "load balancer, multi-value": (
        doors.alb_multi_value,
        {"OIDC": (header("x-amzn-oidc-identity"), KEY, _OIDC, {})},
    ),
}


def _console_test() -> Event:
    """What the console of a REST API sends when nothing is filled in."""
    event = doors.rest_api(Sent(path="/", resource="/", path_parameters=()))
    event |= {"headers": None, "multiValueHeaders": None}
    event["requestContext"] |= {
        "stage": "test-invoke-stage",
        "path": "/",
        "domainName": "testPrefix.testDomainName",
    }
    event["requestContext"]["identity"] |= {
        "sourceIp": "test-invoke-source-ip",
        "apiKey": "test-invoke-api-key",
        "apiKeyId": "test-invoke-api-key-id",
        "userArn": f"arn:aws:iam::{ACCOUNT}:root",
        "caller": ACCOUNT,
    }
    return event


def _health_check() -> Event:
    """What a load balancer sends to see whether the function is well."""
    event = doors.alb(Sent(path="/health", resource="/health", path_parameters=()))
    return event | {"headers": {"user-agent": "ELB-HealthChecker/2.0"}}


def _samples() -> dict[str, Sample]:
    found = {}
    root = Sent(path="/", resource="/", path_parameters=(), headers=())
    for door, (make, callers) in DOORS.items():
        for caller, (user, key, sent, options) in (callers | ANYBODY).items():
            found[f"{door}: {caller}"] = Sample(door, make(sent, **options), sent, user, key)
        user, key, _, options = next(iter(callers.values()))
        for kind, of_anybody in REQUESTS.items():
            # A load balancer knows its callers by headers alone.
            known = _OIDC.headers if "balancer" in door else ()
            sent = replace(of_anybody, headers=(*of_anybody.headers, *known))
            found[f"{door}: {kind}"] = Sample(door, make(sent, **options), sent, user, key)
    found["REST API: a test in the console"] = Sample(
        "REST API", _console_test(), root, claim("sub"), ""
    )
    found["load balancer: a health check"] = Sample(
        "load balancer", _health_check(), root, claim("sub"), ""
    )
    return found


SAMPLES = _samples()
READ = {name: sample for name, sample in SAMPLES.items() if sample.sent.method == "GET"}
WRITTEN = {name: sample for name, sample in SAMPLES.items() if sample.sent.method != "GET"}
