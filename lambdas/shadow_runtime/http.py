"""Request and response of a route: API Gateway's payload format 2.0 without its accidents."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from shadow_runtime.credentials import headers_without, query_without

_TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}")


class MalformedError(ValueError):
    """A payload that is no request or no response of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: who asks for what.

    `user` is the token's subject, `""` when there is none. Header names are lower case.
    `body` is text, or bytes when the client sent binary data.

    Example:
        >>> Request(method="GET", path="/users/me", user="ada").user
        'ada'
    """

    method: str
    path: str
    user: str = ""
    id: str = ""
    route_key: str = ""
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """The request in an HTTP API event (payload format 2.0) behind a JWT authorizer."""
        context = event["requestContext"]
        authorizer = context.get("authorizer") or {}
        claims = authorizer.get("jwt", {}).get("claims") or {}
        return cls(
            method=context["http"]["method"],
            path=event["rawPath"],
            user=str(claims.get("sub") or ""),
            id=context["requestId"],
            route_key=event.get("routeKey") or "",
            path_parameters=event.get("pathParameters") or {},
            query=event.get("rawQueryString") or "",
            headers=event.get("headers") or {},
            body=_decoded(event.get("body") or "", encoded=bool(event.get("isBase64Encoded"))),
        )

    @property
    def trace(self) -> str:
        """The X-Ray trace that the request belongs to; nothing else that a client wrote there."""
        found = _TRACE.search(self.headers.get("x-amzn-trace-id", ""))
        return found[0] if found else ""

    def copy(self) -> dict[str, Any]:
        """The request as JSON for the candidate, without anything that proves who the user is."""
        body, encoded = _encoded(self.body)
        return {
            "method": self.method,
            "path": self.path,
            "user": self.user,
            "id": self.id,
            "route_key": self.route_key,
            "path_parameters": dict(self.path_parameters),
            "query": query_without(self.query),
            "headers": headers_without(self.headers),
            "body": body,
            "base64": encoded,
        }

    @classmethod
    def from_copy(cls, copy: Mapping[str, Any]) -> Self:
        """The request that `copy` wrote.

        Raises:
            MalformedError: a payload that `copy` did not write.
        """
        match copy:
            case {
                "method": str(method),
                "path": str(path),
                "user": str(user),
                "id": str(id_),
                "route_key": str(route_key),
                "path_parameters": dict(path_parameters),
                "query": str(query),
                "headers": dict(headers),
                "body": str(body),
                "base64": bool(encoded),
                **rest,
            } if not rest and _is_text(path_parameters) and _is_text(headers):
                return cls(
                    method=method,
                    path=path,
                    user=user,
                    id=id_,
                    route_key=route_key,
                    path_parameters=path_parameters,
                    query=query,
                    headers=headers,
                    body=_decoded(body, encoded=encoded),
                )
        raise MalformedError(f"this payload is no copied request: a {type(copy).__name__}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer: status, headers and body.

    Example:
        >>> Response.json({"id": "ada"}).body
        '{"id": "ada"}'
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = ""

    @classmethod
    def json(cls, value: Any, *, status: int = 200) -> Self:
        """`value` as a JSON answer; pydantic and SQLModel objects in it by their JSON form."""
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

    def payload(self) -> dict[str, Any]:
        """The answer in payload format 2.0: what a Lambda behind an HTTP API returns."""
        body, encoded = _encoded(self.body)
        return {
            "statusCode": self.status,
            "headers": dict(self.headers),
            "body": body,
            "isBase64Encoded": encoded,
        }

    @classmethod
    def from_payload(cls, payload: object) -> Self:
        """The answer that `payload` wrote.

        Raises:
            MalformedError: anything else, such as a bare dictionary or a status of 0.
        """
        match payload:
            case {
                "statusCode": int(status),
                "headers": dict(headers),
                "body": str(body),
                "isBase64Encoded": bool(encoded),
                **rest,
            } if not rest and 100 <= status <= 599 and _is_text(headers):
                return cls(
                    status=status,
                    headers=headers,
                    body=_decoded(body, encoded=encoded),
                )
        raise MalformedError(f"this payload is no answer of a route: a {type(payload).__name__}")


def _json_form(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a {type(value).__name__} has no JSON form")
    return dump(mode="json")


def _is_text(pairs: Mapping[Any, Any]) -> bool:
    return all(isinstance(text, str) for pair in pairs.items() for text in pair)


def _decoded(body: str, *, encoded: bool) -> str | bytes:
    try:
        return base64.b64decode(body, validate=True) if encoded else body
    except ValueError as error:
        raise MalformedError("this body is no base64") from error


def _encoded(body: str | bytes) -> tuple[str, bool]:
    return (base64.b64encode(body).decode(), True) if isinstance(body, bytes) else (body, False)
