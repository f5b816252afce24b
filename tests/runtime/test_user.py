"""Who the user is, wherever a front door says it."""

from typing import Any

import pytest

from shadow_runtime.user import (
    User,
    authorizer,
    claim,
    cookie,
    header,
    iam_user,
    key_of,
    per_request,
)

ARN = "arn:aws:iam::123456789012:user/ada"


def event(**context: Any) -> dict[str, Any]:
    headers = {"X-Tenant-Id": "acme"}
    return {"cookies": ["cartId=7"], "headers": headers, "requestContext": context}


FOUND: dict[str, tuple[User, dict[str, Any], str]] = {
    "a JWT's claim": (
        claim("sub"),
        event(authorizer={"jwt": {"claims": {"sub": "ada"}}}),
        "ada",
    ),
    "a Cognito user's claim": (claim("sub"), event(authorizer={"claims": {"sub": "ada"}}), "ada"),
    "another claim": (
        claim("custom:tenant"),
        event(authorizer={"jwt": {"claims": {"custom:tenant": "acme"}}}),
        "acme",
    ),
    "what a Lambda authorizer returned, 1.0": (
        authorizer("userId"),
        event(authorizer={"principalId": "p", "userId": "ada"}),
        "ada",
    ),
    "what a Lambda authorizer returned, 2.0": (
        authorizer("userId"),
        event(authorizer={"lambda": {"userId": "ada"}}),
        "ada",
    ),
    "a number": (authorizer("userId"), event(authorizer={"userId": 0}), "0"),
    "a header": (header("x-TENANT-id"), event(), "acme"),
    "a cookie": (cookie("cartId"), event(), "7"),
    "an IAM user, 1.0": (iam_user(), event(identity={"userArn": ARN}), ARN),
    "an IAM user, 2.0": (iam_user(), event(authorizer={"iam": {"userArn": ARN}}), ARN),
    "each request": (per_request, event(requestId="r-1"), "r-1"),
    "a function of the event": (lambda e: e["headers"]["X-Tenant-Id"], event(), "acme"),
}


@pytest.mark.parametrize(("user", "event", "key"), FOUND.values(), ids=FOUND)
def test_a_user_is_found_where_the_route_says(user: User, event: dict[str, Any], key: str) -> None:
    assert key_of(user, event) == key


ABSENT = [
    *({}, {"headers": None}, {"requestContext": {}}, {"requestContext": {"authorizer": None}}),
    *({"requestContext": {"authorizer": {"jwt": None, "iam": None, "lambda": None}}}, []),
    {"requestContext": {"identity": {"userArn": None}}, "cookies": None},
]


@pytest.mark.parametrize("user", [user for user, _, _ in FOUND.values()], ids=FOUND)
@pytest.mark.parametrize("event", ABSENT)
def test_a_user_who_is_nowhere_is_nobody_and_no_error(user: User, event: Any) -> None:
    assert key_of(user, event) == ""


def test_who_only_says_who_they_are_is_not_believed() -> None:
    forged = {"sub": "eve", "userId": "eve", "claims": {"sub": "eve"}}
    sent = {"headers": forged, "queryStringParameters": forged, "requestContext": {}}
    for user in (claim("sub"), authorizer("userId"), iam_user()):
        assert key_of(user, sent) == ""
