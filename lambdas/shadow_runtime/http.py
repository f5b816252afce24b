"""What a route receives and answers, whichever front door it stands behind."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Self
from urllib.parse import parse_qs
from uuid import UUID

from shadow_runtime.contract import ShadowCanaryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: who asks for what.

    `user` is the user's key as the route's `user=` reads it, `""` when there is none. `path` and
    `query` are percent-encoded as the client sent them; an HTTP API puts its stage, unless it is
    `$default`, before the path. Header names are lower case, repeated headers are joined by commas.
    `authorizer` is the authorizer's whole context. `body` is text, or bytes when the front door
    handed it over in base64.

    Example:
        >>> request = Request(method="GET", path="/carts", query="tag=a&tag=b", user="ada",
        ...                   headers={"cookie": "cart=7"})
        >>> request.parameters, request.cookies
        ({'tag': ['a', 'b']}, {'cart': '7'})
    """

    method: str
    path: str
    user: str = ""
    id: str = ""
    route_key: str = ""
    stage: str = ""
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    source_ip: str = ""
    authorizer: Mapping[str, Any] = field(default_factory=dict)
    body: str | bytes = ""

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def cookies(self) -> dict[str, str]:
        """The client's cookies; of two with one name, the first."""
        return cookies_of(self.headers)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the token that the API's authorizer checked."""
        return claims_of(self.authorizer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer: status, headers and body, and a `Set-Cookie` header for each of `cookies`.

    Example:
        >>> Response.json({"id": "ada"}).body
        '{"id": "ada"}'
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = ""
    cookies: tuple[str, ...] = ()

    @classmethod
    def json(cls, value: Any, *, status: int = 200) -> Self:
        """`value` as a JSON answer.

        Pydantic and SQLModel objects, dataclasses and enums are written by their JSON form, dates
        and times as ISO 8601, a UUID as text, a `Decimal` as a number.

        Raises:
            TypeError: something in `value` is none of these.
        """
        body = json.dumps(value, default=_json_form, ensure_ascii=False)
        return cls(status=status, headers={"content-type": "application/json"}, body=body)

    @classmethod
    def error(cls, status: int, message: str) -> Self:
        """A refusal in API Gateway's own shape, so that clients meet one kind of error."""
        return cls.json({"message": message}, status=status)

    @property
    def is_fault(self) -> bool:
        """Whether the server failed, as opposed to refusing."""
        return self.status >= 500


class RefusedError(ShadowCanaryError):
    """What a handler of either form may raise in place of an answer.

    Example:
        >>> RefusedError(413, "A body has at most 8192 bytes").response.status
        413
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = Response.error(status, message)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies in a request's headers."""
    pairs = [pair.strip().partition("=") for pair in headers.get("cookie", "").split(";")]
    return {name: value for name, _, value in reversed(pairs) if name}


def claims_of(authorizer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The token's claims in an authorizer's context: an HTTP API's JWT, or a REST API's Cognito."""
    return (authorizer.get("jwt") or authorizer).get("claims") or {}


def _json_form(value: Any) -> Any:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case UUID():
            return str(value)
        case Enum():
            return value.value
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    raise TypeError(f"a {type(value).__name__} has no JSON form")
