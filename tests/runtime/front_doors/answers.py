"""What a client receives of a handler's answer, and handlers' answers of every kind.

The translation is each front door's own, as AWS documents it on the pages that `doors` names.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Received:
    """What arrives at the client: header names in lower case, repeated ones in order."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()
    body: bytes = b""


FAILED = {
    "HTTP API": Received(500, (), (), b'{"message":"Internal Server Error"}'),
    "HTTP API, format 1.0": Received(500, (), (), b'{"message":"Internal Server Error"}'),
    "REST API": Received(502, (), (), b'{"message": "Internal server error"}'),
    "function URL": Received(502, (), (), b"Internal Server Error"),
    "load balancer": Received(502),
    "load balancer, multi-value": Received(502),
}
"""What a client receives when the function failed, or its answer is none."""


def received(door: str, answer: Any) -> Received:
    """What the client receives of what the function returned, which passes through JSON first."""
    try:
        return _TRANSLATIONS[door](json.loads(json.dumps(answer)))
    except (AttributeError, TypeError, ValueError, binascii.Error):
        return FAILED[door]


def _format_2(answer: Any) -> Received:
    """An answer without a status is the body; cookies are apart."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return Received(200, (("content-type", "application/json"),), (), body.encode())
    cookies = {"set-cookie": answer.get("cookies") or []}
    return _of(answer, [*_lines(answer.get("headers")), *_repeated(cookies)])


def _rest_api(answer: Any) -> Received:
    """As format 1.0 of an HTTP API, but that skips members which it does not know."""
    known = ("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded")
    _must(isinstance(answer, dict) and set(answer) <= set(known))
    return _format_1(answer)


def _format_1(answer: Any) -> Received:
    """Headers of both kinds are merged; of a pair that is in both, the multi-value one remains."""
    _must(isinstance(answer, dict) and "statusCode" in answer)
    return _of(answer, _merged(answer.get("headers"), answer.get("multiValueHeaders")))


def _load_balancer(answer: Any) -> Received:
    _must(isinstance(answer, dict) and "statusCode" in answer)
    return _of(answer, _merged(answer.get("headers"), None))


def _load_balancer_multi_value(answer: Any) -> Received:
    _must(isinstance(answer, dict) and "statusCode" in answer)
    return _of(answer, _merged(None, answer.get("multiValueHeaders")))


_TRANSLATIONS: dict[str, Callable[[Any], Received]] = {
    "HTTP API": _format_2,
    "HTTP API, format 1.0": _format_1,
    "REST API": _rest_api,
    "function URL": _format_2,
    "load balancer": _load_balancer,
    "load balancer, multi-value": _load_balancer_multi_value,
}


def _of(answer: dict[str, Any], headers: list[tuple[str, str]]) -> Received:
    status, body = answer["statusCode"], answer.get("body")
    _must(isinstance(status, int | str) and not isinstance(status, bool))
    _must(100 <= int(status) <= 599)
    _must(body is None or isinstance(body, str))
    return Received(
        int(status),
        tuple(sorted((pair for pair in headers if pair[0] != "set-cookie"), key=lambda p: p[0])),
        tuple(value for name, value in headers if name == "set-cookie"),
        base64.b64decode(body or "", validate=True)
        if answer.get("isBase64Encoded")
        else (body or "").encode("utf-8", "surrogatepass"),
    )


def _merged(headers: Any, multi_value: Any) -> list[tuple[str, str]]:
    many = _repeated(multi_value)
    return [*(pair for pair in _lines(headers) if pair not in many), *many]


def _lines(headers: Any) -> list[tuple[str, str]]:
    """Numbers and booleans are written as JSON; what is null is left out."""
    pairs = [(name.lower(), value) for name, value in (headers or {}).items()]
    return [(name, _text(value)) for name, value in pairs if value is not None]


def _repeated(headers: Any) -> list[tuple[str, str]]:
    pairs = [(name.lower(), values) for name, values in (headers or {}).items()]
    _must(all(isinstance(values, list) for _, values in pairs))
    return [(name, _text(value)) for name, values in pairs for value in values]


def _text(value: Any) -> str:
    _must(isinstance(value, str | int | float))
    return value if isinstance(value, str) else json.dumps(value)


def _must(holds: bool) -> None:
    if not holds:
        raise ValueError("the front door refuses this answer")


def answered(**members: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": '{"id": "ada"}', **members}


ANSWERS: dict[str, Any] = {
    "a status and a body": answered(),
    "a status alone": {"statusCode": 204},
    "no body": answered(body=None),
    "an empty body": answered(body=""),
    "a status as text": answered(statusCode="201"),
    "a redirect": {"statusCode": 302, "headers": {"Location": "/carts/43"}, "body": ""},
    "a refusal": {"statusCode": 404, "body": '{"message": "no such cart"}'},
    "a description": answered(statusDescription="200 OK", isBase64Encoded=False),
    "headers": answered(headers={"Content-Type": "application/json", "X-Total": "3"}),
    "no headers": answered(headers=None),
    "headers of any kind": answered(
        headers={"Access-Control-Allow-Credentials": True, "X-Total": 3, "X-Share": 0.5}
    ),
    "a header that is null": answered(headers={"X-Next": None, "Content-Type": "text/plain"}),
    "a header that is no latin": answered(headers={"X-Name": "東京"}),
    "a cookie in the headers": answered(headers={"Set-Cookie": "cartId=c-42; Path=/; HttpOnly"}),
    "cookies": answered(cookies=["cartId=c-42; Path=/", "theme=dark; Max-Age=60"]),
    "no cookies": answered(cookies=[]),
    "cookies beside a cookie": answered(cookies=["a=1"], headers={"set-cookie": "b=2"}),
    "headers with many values": answered(
        multiValueHeaders={"Set-Cookie": ["a=1", "b=2"], "X-Tag": ["one", "two"]}
    ),
    "headers of both kinds": answered(
        headers={"X-Tag": "one", "Content-Type": "text/plain"},
        multiValueHeaders={"X-Tag": ["one", "two"], "Set-Cookie": ["a=1"]},
    ),
    "no headers of either kind": answered(headers={}, multiValueHeaders={}),
    "bytes": answered(
        body=base64.b64encode(b"\x89PNG\r\n\x00\xff").decode(),
        isBase64Encoded=True,
        headers={"Content-Type": "image/png"},
    ),
    "a text in base64": answered(body=base64.b64encode("Zürich".encode()).decode())
    | {"isBase64Encoded": True},
    "a text of many scripts": answered(body='{"city": "東京", "mood": "🙂"}'),
    "a text that no UTF-8 holds": answered(body='"\ud83d"'),
    "a body that says it is no base64": answered(isBase64Encoded=None),
    "members of its own": answered(requestId="r-1", took=12),
    "a server's failure": {"statusCode": 503, "body": "later", "headers": {"Retry-After": "5"}},
}
"""Answers that some front door takes."""

BARE: dict[str, Any] = {
    "an object without a status": {"id": "ada", "items": [1, 2.5, None]},
    "an empty object": {},
    "a text": "Hello",
    "a list": [1, 2, 3],
    "a number": 42,
    "true": True,
    "nothing": None,
}
"""Answers that payload format 2.0 takes as a body, and the others not at all."""

REFUSED: dict[str, Any] = {
    "a body that is an object": answered(body={"id": "ada"}),
    "a body that is a number": answered(body=42),
    "a status of words": answered(statusCode="OK"),
    "a status that is null": answered(statusCode=None),
    "a status of 0": answered(statusCode=0),
    "a status of 1000": answered(statusCode=1000),
    "a header that is a list": answered(headers={"X-Tag": ["one", "two"]}),
    "headers that are a list": answered(headers=["Content-Type", "text/plain"]),
    "headers that are text": answered(headers="Content-Type: text/plain"),
    "many values that are text": answered(multiValueHeaders={"X-Tag": "one"}),
    "cookies that are text": answered(cookies="a=1"),
    "a body that is no base64": answered(body="not base64!", isBase64Encoded=True),
    "what is no JSON": answered(body=b"bytes"),
}
"""Answers that no front door takes."""
