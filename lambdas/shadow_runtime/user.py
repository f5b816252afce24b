"""Who a request's user is: a key that puts the same user on the same side each time.

A route names one of these as `@migrating(user=…)`, or any function of the event that returns text;
one that finds nothing returns None. What has no user is answered by control.
"""

from collections.abc import Callable
from typing import Any

from shadow_runtime.front_doors import Event, headers, request_id
from shadow_runtime.http import claims_of, cookies_of

User = Callable[[Event], str | None]
"""Finds the user's key in an event."""


def claim(name: str) -> User:
    """A claim of the token that the API checked: an HTTP API's JWT, or a REST API's Cognito user.

    Example:
        >>> event = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "ada"}}}}}
        >>> claim("sub")(event), claim("custom:tenant")(event)
        ('ada', None)
    """
    return lambda event: claims_of(_authorizer(event)).get(name)


def authorizer(name: str) -> User:
    """A member of what a Lambda authorizer returned as its context, such as `userId`.

    Example:
        >>> authorizer("userId")({"requestContext": {"authorizer": {"userId": "ada"}}})
        'ada'
    """
    return lambda event: (_authorizer(event).get("lambda") or _authorizer(event)).get(name)


def header(name: str) -> User:
    """A header of the request, in any case. Anyone can send one: it decides who answers, no more.

    Example:
        >>> header("X-Tenant-Id")({"headers": {"x-tenant-id": "acme"}})
        'acme'
    """
    return lambda event: headers(event).get(name.lower())


def cookie(name: str) -> User:
    """A cookie of the request. Copies carry the key: name no cookie that logs somebody in.

    Example:
        >>> cookie("cartId")({"cookies": ["theme=dark", "cartId=7"]})
        '7'
    """
    return lambda event: cookies_of(headers(event)).get(name)


def iam_user() -> User:
    """The ARN of the IAM user or session that signed the request.

    Example:
        >>> iam_user()({"requestContext": {"authorizer": {"iam": {"userArn": "arn:…:user/ada"}}}})
        'arn:…:user/ada'
    """

    def read(event: Event) -> str | None:
        context = event["requestContext"]
        caller = _authorizer(event).get("iam") or context.get("identity") or {}
        found: str | None = caller.get("userArn")
        return found

    return read


def per_request(event: Event) -> str | None:
    """The request's own id: a canary that is not sticky, for a route that knows no users.

    Example:
        >>> per_request({"requestContext": {"requestId": "Z67rFiaQS3QA1A="}})
        'Z67rFiaQS3QA1A='
    """
    return request_id(event)


def key_of(user: User, event: Event) -> str:
    """The user's key in `event`; `""` where `user` finds none, or fails to."""
    try:
        found: Any = user(event)
    except Exception:  # such as a KeyError: this event has no authorizer
        return ""
    return "" if found is None else str(found)


def _authorizer(event: Event) -> dict[str, Any]:
    return event["requestContext"].get("authorizer") or {}
