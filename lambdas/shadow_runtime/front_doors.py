"""The front doors of a route: how each hands over a request, and what each makes of an answer.

The formats are documented at
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from shadow_runtime.contract import ShadowCanaryError
from shadow_runtime.credentials import Stripped
from shadow_runtime.http import Request, Response

Event = Mapping[str, Any]
"""What Lambda hands to a handler."""

_TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}")
_STATUS = re.compile(r"[1-5][0-9]{2}(\.0*)?")
_REST_ANSWER = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


class UnsupportedEventError(ShadowCanaryError, ValueError):
    """An event of none of the front doors: what it is instead."""


class MalformedError(ShadowCanaryError, ValueError):
    """What came is not of the form that was expected: which form, and in what it differs."""


class FrontDoor:
    """One way of an HTTP request into Lambda: the form of its events and of its answers."""

    def method(self, event: Event) -> str:
        """The HTTP method."""
        method: str = event["httpMethod"]
        return method

    def request(self, event: Event, user: str = "") -> Request:
        """The request in `event`, made by `user`.

        Raises:
            MalformedError: a body that says it is base64 and is not.
        """
        raise NotImplementedError

    def response(self, payload: Any) -> Response:
        """The one normal form of a handler's answer: what a client gets when it is `payload`.

        Raises:
            MalformedError: the front door would refuse it.
        """
        raise NotImplementedError

    def payload(self, response: Response) -> dict[str, Any]:
        """`response` in the form that the front door wants; its `response` reads it back."""
        raise NotImplementedError

    def served(self, payload: Any) -> Response:
        """What a client gets when a handler answers `payload`: 502 for what is refused."""
        try:
            return self.response(payload)
        except MalformedError:
            return Response.error(502, "Bad Gateway")


class HttpApi(FrontDoor):
    """An HTTP API with payload format 2.0, or a function URL, which uses the same."""

    def method(self, event: Event) -> str:
        """The HTTP method."""
        method: str = event["requestContext"]["http"]["method"]
        return method

    def request(self, event: Event, user: str = "") -> Request:
        """The request in `event`, made by `user`."""
        context = event["requestContext"]
        return Request(
            method=context["http"]["method"],
            path=event["rawPath"],
            user=user,
            id=request_id(event),
            route_key=event.get("routeKey") or "",
            stage=context.get("stage") or "",
            path_parameters=event.get("pathParameters") or {},
            query=event.get("rawQueryString") or "",
            headers=headers(event),
            source_ip=context["http"].get("sourceIp") or "",
            authorizer=context.get("authorizer") or {},
            body=_decoded(event.get("body"), event.get("isBase64Encoded")),
        )

    def event(self, request: Request) -> dict[str, Any]:
        """An event in which a JWT authorizer has checked that `request` is its user's."""
        rest = {name: value for name, value in request.headers.items() if name != "cookie"}
        cookies = [f"{name}={value}" for name, value in request.cookies.items()]
        claims = {"claims": {"sub": request.user}, "scopes": None}
        body, encoded = _encoded(request.body)
        return {
            "version": "2.0",
            "routeKey": request.route_key,
            "rawPath": request.path,
            "rawQueryString": request.query,
            **({"cookies": cookies} if cookies else {}),
            "headers": rest,
            "queryStringParameters": {k: ",".join(v) for k, v in request.parameters.items()},
            "pathParameters": dict(request.path_parameters),
            "requestContext": {
                "authorizer": dict(request.authorizer) or ({"jwt": claims} if request.user else {}),
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "sourceIp": request.source_ip,
                },
                "requestId": request.id,
                "routeKey": request.route_key,
                "stage": request.stage or "$default",
            },
            "body": body,
            "isBase64Encoded": encoded,
        }

    def response(self, payload: Any) -> Response:
        """What a client gets; without `statusCode` that is the whole payload as JSON."""
        if not isinstance(payload, Mapping) or "statusCode" not in payload:
            return Response(
                status=200, headers={"content-type": "application/json"}, body=_json(payload)
            )
        cookies = payload.get("cookies") or []
        if not isinstance(cookies, list) or not all(isinstance(each, str) for each in cookies):
            raise MalformedError("the answer's cookies are no list of text")
        return _response(payload, _single(payload.get("headers")), cookies)

    def payload(self, response: Response) -> dict[str, Any]:
        """`response` in payload format 2.0."""
        return {
            "statusCode": response.status,
            "headers": dict(response.headers),
            **({"cookies": [*response.cookies]} if response.cookies else {}),
            **_body(response),
        }


class RestApi(FrontDoor):
    """A REST API, or an HTTP API with payload format 1.0; a REST API refuses members unknown to it.

    That only one of them does is told by those who wrote AWS's local runner:
    https://github.com/aws/aws-sam-cli/blob/develop/samcli/local/apigw/local_apigw_service.py
    """

    def __init__(self, *, refuses_unknown: bool) -> None:
        self._refuses_unknown = refuses_unknown

    def request(self, event: Event, user: str = "") -> Request:
        """The request in `event`, made by `user`; its query is decoded there, and encoded again."""
        context = event["requestContext"]
        return Request(
            method=event["httpMethod"],
            path=event["path"],
            user=user,
            id=request_id(event),
            route_key=f"{event['httpMethod']} {event.get('resource') or event['path']}",
            stage=context.get("stage") or "",
            path_parameters=event.get("pathParameters") or {},
            query=urlencode([*_query(event)], quote_via=quote, errors="surrogatepass"),
            headers=headers(event),
            source_ip=(context.get("identity") or {}).get("sourceIp") or "",
            authorizer=context.get("authorizer") or {},
            body=_decoded(event.get("body"), event.get("isBase64Encoded")),
        )

    def response(self, payload: Any) -> Response:
        """What a client gets."""
        if not isinstance(payload, Mapping):
            raise MalformedError(f"the answer is no object but a {type(payload).__name__}")
        if self._refuses_unknown and not payload.keys() <= _REST_ANSWER:
            raise MalformedError("the answer has other members than those of a REST API's answer")
        several = {*_multi(payload.get("multiValueHeaders"))}
        single = (pair for pair in _single(payload.get("headers")) if pair not in several)
        return _response(payload, [*single, *_multi(payload.get("multiValueHeaders"))])

    def payload(self, response: Response) -> dict[str, Any]:
        """`response` in payload format 1.0."""
        cookies = {"set-cookie": [*response.cookies]} if response.cookies else {}
        return {
            "statusCode": response.status,
            "headers": dict(response.headers),
            **({"multiValueHeaders": cookies} if cookies else {}),
            **_body(response),
        }


class LoadBalancer(FrontDoor):
    """An Application Load Balancer; its target group has multi-value headers or has not."""

    def __init__(self, *, multi_value: bool) -> None:
        self._multi_value = multi_value

    def request(self, event: Event, user: str = "") -> Request:
        """The request in `event`, made by `user`; its query is as the client sent it."""
        found = headers(event)
        return Request(
            method=event["httpMethod"],
            path=event["path"],
            user=user,
            id=request_id(event),
            query="&".join(f"{name}={value}" for name, value in _query(event)),
            headers=found,
            source_ip=found.get("x-forwarded-for", "").rpartition(",")[2].strip(),
            body=_decoded(event.get("body"), event.get("isBase64Encoded")),
        )

    def response(self, payload: Any) -> Response:
        """What a client gets; the other kind of headers is not read."""
        if not isinstance(payload, Mapping):
            raise MalformedError(f"the answer is no object but a {type(payload).__name__}")
        if self._multi_value:
            return _response(payload, _multi(payload.get("multiValueHeaders")))
        return _response(payload, _single(payload.get("headers")))

    def payload(self, response: Response) -> dict[str, Any]:
        """`response` as a target group wants it."""
        lines = [*response.headers.items(), *(("set-cookie", each) for each in response.cookies)]
        several: dict[str, list[str]] = {}
        for name, value in lines:
            several.setdefault(name, []).append(value)
        reason = HTTPStatus(response.status).phrase if response.status in _STATUSES else ""
        return {
            "statusCode": response.status,
            "statusDescription": f"{response.status} {reason}".strip(),
            **(
                {"multiValueHeaders": several} if self._multi_value else {"headers": _flat(several)}
            ),
            **_body(response),
        }


HTTP_API = HttpApi()
REST_API = RestApi(refuses_unknown=True)
HTTP_API_1_0 = RestApi(refuses_unknown=False)
LOAD_BALANCER = LoadBalancer(multi_value=False)
LOAD_BALANCER_MULTI_VALUE = LoadBalancer(multi_value=True)
_STATUSES = {status.value for status in HTTPStatus}


def front_door(event: object) -> FrontDoor:
    """Where `event` comes from, by marks that no client can set.

    Raises:
        UnsupportedEventError: from elsewhere, such as a WebSocket API, a queue or an authorizer.
    """
    match event:
        case {"methodArn": _} | {"routeArn": _} | {"requestContext": {"connectionId": _}}:
            pass
        case {"httpMethod": str(), "path": str(), "requestContext": {"elb": _}, **rest}:
            return LOAD_BALANCER_MULTI_VALUE if "multiValueHeaders" in rest else LOAD_BALANCER
        case {
            "version": "2.0",
            "rawPath": str(),
            "requestContext": {"http": {"method": str()}},
        }:
            return HTTP_API
        case {"httpMethod": str(), "path": str(), "requestContext": {"requestId": _}, **rest}:
            return HTTP_API_1_0 if "version" in rest else REST_API
    raise UnsupportedEventError(
        f"this route was sent {_named(event)}; it answers requests of HTTP APIs, REST APIs, "
        "function URLs and Application Load Balancers: take @migrating off a handler of others"
    )


def _named(event: object) -> str:
    """What an event is, in words that hold nothing of its content."""
    match event:
        case {"methodArn": _} | {"routeArn": _}:
            return "an authorizer's event"
        case {"requestContext": {"connectionId": _}}:
            return "an event of a WebSocket API"
        case {"Records": [{"eventSource": str(source)} | {"EventSource": str(source)}, *_]}:
            return f"an event of {source}"
        case {"requestContext": {"serviceNetworkArn": _}}:
            return "an event of VPC Lattice"
        case {"detail-type": _}:
            return "an event of EventBridge"
        case Mapping():
            return "an event without the marks of a front door"
    return f"no event but a {type(event).__name__}"


def headers(event: Event) -> Mapping[str, str]:
    """An event's headers and cookies: names in lower case, repeated ones joined by commas."""
    whole = dict(event)  # a look of ours at what is withheld is no wish of the handler's
    single, several = whole.get("headers") or {}, whole.get("multiValueHeaders") or {}
    found = {name.lower(): value for name, value in single.items()}
    for name, values in several.items():
        found[name.lower()] = ("; " if name.lower() == "cookie" else ",").join(values)
    if cookies := whole.get("cookies"):
        found["cookie"] = "; ".join(cookies)
    watched = next((part for part in (single, several) if isinstance(part, Stripped)), None)
    return found if watched is None else watched.holding(found)


def request_id(event: Event) -> str:
    """The id that the front door gave the request; behind a load balancer, its trace."""
    return event["requestContext"].get("requestId") or trace(headers(event))


def trace(headers: Mapping[str, str]) -> str:
    """The X-Ray trace that a request belongs to; nothing else that a client wrote there."""
    found = _TRACE.search(headers.get("x-amzn-trace-id", ""))
    return found[0] if found else ""


def is_answered(payload: Any) -> bool:
    """Whether Lambda can hand `payload` to the front door; else it counts an error of its own."""
    try:
        _json(payload)
    except MalformedError:
        return False
    return True


def encoded(event: Any) -> bytes:
    """`event` as JSON in UTF-8; a lone surrogate by its escape.

    Raises:
        TypeError: something in it has no JSON form.
    """
    text = json.dumps(event, ensure_ascii=False, default=dict, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def _query(event: Event) -> Iterator[tuple[str, str]]:
    single = event.get("queryStringParameters") or {}
    several = event.get("multiValueQueryStringParameters") or {k: [v] for k, v in single.items()}
    return ((name, value) for name, values in several.items() for value in values)


def _response(
    payload: Mapping[str, Any], lines: Iterable[tuple[str, str]], cookies: Iterable[str] = ()
) -> Response:
    found: dict[str, str] = {}
    set_cookies = [*cookies]
    for name, value in lines:
        if name == "set-cookie":
            set_cookies.append(value)
        else:
            found[name] = f"{found[name]},{value}" if name in found else value
    return Response(
        status=_status(payload.get("statusCode")),
        headers=found,
        body=_decoded(payload.get("body"), payload.get("isBase64Encoded")),
        cookies=tuple(set_cookies),
    )


def _status(value: Any) -> int:
    if not isinstance(value, str | int | float | Decimal) or not _STATUS.fullmatch(str(value)):
        raise MalformedError(f"the answer's statusCode is no status: a {type(value).__name__}")
    return int(str(value)[:3])


def _single(headers: Any) -> list[tuple[str, str]]:
    """Header lines from `headers`; null is no header."""
    if not isinstance(headers, Mapping | None):
        raise MalformedError(f"the answer's headers are no object but a {type(headers).__name__}")
    return [
        (name.lower(), _line(value)) for name, value in (headers or {}).items() if value is not None
    ]


def _multi(headers: Any) -> list[tuple[str, str]]:
    """Header lines from `multiValueHeaders`."""
    if not isinstance(headers, Mapping | None) or not all(
        isinstance(values, list) for values in (headers or {}).values()
    ):
        raise MalformedError("the answer's multiValueHeaders are no object of lists")
    return [
        (name.lower(), _line(value)) for name, values in (headers or {}).items() for value in values
    ]


def _line(value: Any) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float() | Decimal():
            return _json(value)
    raise MalformedError(
        f"a header of the answer is neither text nor number: {type(value).__name__}"
    )


def _json(value: Any) -> str:
    """As Lambda writes it."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_number)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedError(f"the answer has no JSON form: {type(error).__name__}") from error


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError


def _decoded(body: Any, is_encoded: Any) -> str | bytes:
    """A body of an event or of an answer; null is none."""
    if not isinstance(body, str | None) or not isinstance(is_encoded, bool | None):
        raise MalformedError("a body is text, and isBase64Encoded true or false; these are not")
    try:
        return base64.b64decode(body or "", validate=True) if is_encoded else body or ""
    except ValueError as error:
        raise MalformedError("a body says that it is base64 and is not") from error


def _encoded(body: str | bytes) -> tuple[str, bool]:
    return (base64.b64encode(body).decode(), True) if isinstance(body, bytes) else (body, False)


def _body(response: Response) -> dict[str, Any]:
    body, is_encoded = _encoded(response.body)
    return {"body": body, "isBase64Encoded": is_encoded}


def _flat(several: Mapping[str, list[str]]) -> dict[str, str]:
    """One value a name: of repeated headers each is spelled in another case."""
    return {
        name[:number].upper() + name[number:]: value
        for name, values in several.items()
        for number, value in enumerate(values)
    }
