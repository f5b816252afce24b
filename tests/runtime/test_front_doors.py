"""Events of the four front doors, and what each makes of an answer."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.front_doors import (
    HTTP_API,
    HTTP_API_1_0,
    LOAD_BALANCER,
    LOAD_BALANCER_MULTI_VALUE,
    REST_API,
    FrontDoor,
    MalformedError,
    UnsupportedEventError,
    encoded,
    front_door,
    headers,
    request_id,
    trace,
)
from shadow_runtime.http import Request, Response
from tests.strategies import json_values, requests, responses

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"

OF_HTTP_API: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "GET /carts/{id}",
    "rawPath": "/prod/carts/a%20b",
    "rawQueryString": "tag=a%20b&tag=c",
    "cookies": ["cartId=7", "theme=dark"],
    "headers": {"accept": "*/*", "x-tag": "a,b", "x-amzn-trace-id": ROOT},
    "queryStringParameters": {"tag": "a b,c"},
    "pathParameters": {"id": "a b"},
    "requestContext": {
        "authorizer": {"jwt": {"claims": {"sub": "ada"}, "scopes": None}},
        "http": {"method": "GET", "path": "/carts/a b", "sourceIp": "192.0.2.1"},
        "requestId": "Z67rFiaQS3QA1A=",
        "stage": "prod",
    },
    "isBase64Encoded": False,
}
OF_REST_API: dict[str, Any] = {
    "resource": "/carts/{id}",
    "path": "/carts/a%20b",
    "httpMethod": "GET",
    "headers": {"Accept": "*/*", "Cookie": "cartId=7; theme=dark", "X-Tag": "b"},
    "multiValueHeaders": {
        "Accept": ["*/*"],
        "Cookie": ["cartId=7; theme=dark"],
        "X-Tag": ["a", "b"],
    },
    "queryStringParameters": {"tag": "c"},
    "multiValueQueryStringParameters": {"tag": ["a b", "c"]},
    "pathParameters": {"id": "a%20b"},
    "requestContext": {
        "authorizer": {"principalId": "ada", "userId": "ada"},
        "identity": {"sourceIp": "192.0.2.1"},
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "stage": "prod",
    },
    "body": None,
    "isBase64Encoded": False,
}
OF_LOAD_BALANCER: dict[str, Any] = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:…"}},
    "httpMethod": "GET",
    "path": "/carts/a%20b",
    "queryStringParameters": {"tag": "a%20b"},
    "headers": {
        "cookie": "cartId=7; theme=dark",
        "x-amzn-trace-id": ROOT,
        "x-forwarded-for": "198.51.100.7, 192.0.2.1",
    },
    "body": "",
    "isBase64Encoded": False,
}
MULTI_VALUE: dict[str, Any] = {
    **{name: part for name, part in OF_LOAD_BALANCER.items() if name != "headers"},
    "multiValueHeaders": {name: [value] for name, value in OF_LOAD_BALANCER["headers"].items()},
    "multiValueQueryStringParameters": {"tag": ["a%20b", "c"]},
}
DOORS: dict[str, tuple[dict[str, Any], FrontDoor]] = {
    "HTTP API": (OF_HTTP_API, HTTP_API),
    "REST API": (OF_REST_API, REST_API),
    "HTTP API, format 1.0": ({"version": "1.0", **OF_REST_API}, HTTP_API_1_0),
    "load balancer": (OF_LOAD_BALANCER, LOAD_BALANCER),
    "load balancer, multi-value": (MULTI_VALUE, LOAD_BALANCER_MULTI_VALUE),
}
any_door = pytest.mark.parametrize("door", [door for _, door in DOORS.values()], ids=DOORS)


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
def test_a_front_door_is_known_by_its_own_marks(event: dict[str, Any], door: FrontDoor) -> None:
    assert front_door(event) is door
    assert door.method(event) == "GET"


OTHERS: dict[str, tuple[object, str]] = {
    "WebSocket": ({"requestContext": {"connectionId": "a", "requestId": "b"}}, "a WebSocket API"),
    "authorizer of a REST API": ({**OF_REST_API, "methodArn": "arn:…"}, "an authorizer's event"),
    "authorizer of an HTTP API": ({**OF_HTTP_API, "routeArn": "arn:…"}, "an authorizer's event"),
    "SQS": ({"Records": [{"eventSource": "aws:sqs", "body": "s3cret"}]}, "an event of aws:sqs"),
    "SNS": ({"Records": [{"EventSource": "aws:sns"}]}, "an event of aws:sns"),
    "Lattice": ({"version": "2.0", "requestContext": {"serviceNetworkArn": ""}}, "VPC Lattice"),
    "EventBridge": ({"detail-type": "Scheduled Event", "detail": {}}, "an event of EventBridge"),
    "nothing": ({}, "without the marks of a front door"),
    "null": (None, "no event but a NoneType"),
    "a list": ([], "no event but a list"),
}


@pytest.mark.parametrize(("event", "words"), OTHERS.values(), ids=OTHERS)
def test_what_comes_through_no_front_door_is_refused_in_a_sentence(
    event: object, words: str
) -> None:
    with pytest.raises(UnsupportedEventError, match=words) as raised:
        front_door(event)
    assert "s3cret" not in str(raised.value)


@given(json_values)
def test_nothing_else_than_a_refusal_comes_of_any_json(event: object) -> None:
    with pytest.raises(UnsupportedEventError):
        front_door(event)


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
def test_a_request_is_read_whole(event: dict[str, Any], door: FrontDoor) -> None:
    request = door.request(event, "ada")
    assert (request.method, request.user, request.source_ip) == ("GET", "ada", "192.0.2.1")
    assert request.cookies == {"cartId": "7", "theme": "dark"}
    assert request.path.endswith("/carts/a%20b")
    assert request.parameters["tag"][0] == "a b"
    assert request.id == request_id(event) != ""


def test_what_only_some_doors_tell_is_read_too() -> None:
    http, rest = HTTP_API.request(OF_HTTP_API), REST_API.request(OF_REST_API)
    assert (http.path, http.stage, http.route_key) == (
        "/prod/carts/a%20b",
        "prod",
        "GET /carts/{id}",
    )
    assert rest.route_key == "GET /carts/{id}"
    assert http.claims == {"sub": "ada"}
    assert rest.authorizer["userId"] == "ada"
    assert (http.query, rest.query) == ("tag=a%20b&tag=c", "tag=a%20b&tag=c")
    assert LOAD_BALANCER_MULTI_VALUE.request(MULTI_VALUE).query == "tag=a%20b&tag=c"
    assert (http.headers["x-tag"], rest.headers["x-tag"]) == ("a,b", "a,b")


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "name",
    [
        *("headers", "multiValueHeaders", "queryStringParameters", "pathParameters", "cookies"),
        *("multiValueQueryStringParameters", "rawQueryString", "body", "isBase64Encoded"),
    ],
)
def test_a_member_that_is_left_out_reads_like_one_that_is_null(
    event: dict[str, Any], door: FrontDoor, name: str
) -> None:
    absent = {key: value for key, value in event.items() if key != name}
    if name == "multiValueHeaders" and door is LOAD_BALANCER_MULTI_VALUE:
        absent[name] = {}
    assert door.request({**absent, name: None}) == door.request(absent)


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
def test_a_body_is_text_or_when_it_came_in_base64_bytes(
    event: dict[str, Any], door: FrontDoor
) -> None:
    assert door.request({**event, "body": "Zürich"}).body == "Zürich"
    binary = base64.b64encode(b"\x00\xff").decode()
    assert door.request({**event, "body": binary, "isBase64Encoded": True}).body == b"\x00\xff"


@given(requests)
def test_a_request_comes_out_of_its_event_as_it_went_in(request: Request) -> None:
    event = json.loads(encoded(HTTP_API.event(request)))
    assert front_door(event) is HTTP_API
    read = HTTP_API.request(event, request.user)
    assert {**vars_of(read), "authorizer": None} == {**vars_of(request), "authorizer": None}
    assert read.claims.get("sub", "") == request.user


def vars_of(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in Request.__slots__}


def test_a_load_balancers_request_is_known_by_its_trace() -> None:
    assert request_id(OF_LOAD_BALANCER) == ROOT
    assert request_id({"requestContext": {"elb": {}}, "headers": {}}) == ""


@pytest.mark.parametrize(
    ("header", "found"), [(f"{ROOT};Sampled=1", ROOT), ("ada@example.com", ""), ("", "")]
)
def test_nothing_that_a_client_wrote_into_the_trace_header_is_logged(
    header: str, found: str
) -> None:
    assert trace({"x-amzn-trace-id": header}) == found


def test_header_names_are_lower_case_and_cookies_among_them() -> None:
    assert headers(OF_HTTP_API)["cookie"] == "cartId=7; theme=dark"
    assert headers({"headers": None, "multiValueHeaders": {"A": ["1", "2"]}}) == {"a": "1,2"}


GOOD = {"statusCode": 200, "headers": {"X-Total": "3"}, "body": "{}"}


@any_door
@given(response=responses)
def test_a_response_is_written_as_the_front_door_wants_it(
    door: FrontDoor, response: Response
) -> None:
    assert door.response(json.loads(encoded(door.payload(response)))) == response


def test_each_front_door_has_a_form_of_its_own() -> None:
    response = Response(status=201, headers={"x-a": "1"}, body=b"\xff", cookies=("a=1", "b=2"))
    body = {"body": "/w==", "isBase64Encoded": True}
    one = {"statusCode": 201, "headers": {"x-a": "1"}, **body}
    assert HTTP_API.payload(response) == {**one, "cookies": ["a=1", "b=2"]}
    assert REST_API.payload(response) == {
        **one,
        "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
    }
    assert LOAD_BALANCER_MULTI_VALUE.payload(response) == {
        "statusCode": 201,
        "statusDescription": "201 Created",
        "multiValueHeaders": {"x-a": ["1"], "set-cookie": ["a=1", "b=2"]},
        **body,
    }
    assert LOAD_BALANCER.payload(response) == {
        "statusCode": 201,
        "statusDescription": "201 Created",
        "headers": {"x-a": "1", "set-cookie": "a=1", "Set-cookie": "b=2"},
        **body,
    }


@any_door
@pytest.mark.parametrize("status", ["200", 200, 200.0, HTTPStatus.OK, Decimal(200)])
def test_a_status_is_a_number_or_says_one(door: FrontDoor, status: Any) -> None:
    assert door.response({"statusCode": status}).status == 200


@any_door
@pytest.mark.parametrize("body", [{}, {"body": None}, {"body": ""}])
def test_a_body_may_be_absent(door: FrontDoor, body: dict[str, Any]) -> None:
    assert door.response({"statusCode": 204, **body}) == Response(status=204)


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (3, "3"), (0.5, "0.5"), (True, "true"), (Decimal(3), "3.0")]
)
def test_a_headers_value_is_text_number_or_truth(value: Any, text: str) -> None:
    payload = {"statusCode": 200, "headers": {"X-A": value}}
    assert HTTP_API.response(payload).headers == {"x-a": text}


def test_a_header_that_is_null_is_none_and_so_are_no_headers() -> None:
    assert HTTP_API.response({"statusCode": 200, "headers": {"X-A": None}}).headers == {}
    assert HTTP_API.response({"statusCode": 200, "headers": None}).headers == {}


def test_cookies_are_those_of_the_list_and_those_of_the_headers() -> None:
    payload = {"statusCode": 200, "cookies": ["a=1"], "headers": {"Set-Cookie": "b=2"}}
    assert HTTP_API.response(payload).cookies == ("a=1", "b=2")


def test_of_headers_of_both_kinds_a_pair_in_both_counts_once() -> None:
    payload = {
        "statusCode": 200,
        "headers": {"X-Tag": "one"},
        "multiValueHeaders": {"X-Tag": ["one", "two"], "Set-Cookie": ["a=1", "b=2"]},
    }
    response = REST_API.response(payload)
    assert (response.headers, response.cookies) == ({"x-tag": "one,two"}, ("a=1", "b=2"))


@pytest.mark.parametrize("value", [{"id": "ada"}, [1, 2], "Hello", 42, None, {}])
def test_in_format_2_0_an_answer_without_a_status_is_the_body(value: Any) -> None:
    response = HTTP_API.response(value)
    assert (response.status, response.headers) == (200, {"content-type": "application/json"})
    assert json.loads(response.body) == value
    for door in (REST_API, HTTP_API_1_0, LOAD_BALANCER, LOAD_BALANCER_MULTI_VALUE):
        with pytest.raises(MalformedError):
            door.response(value)


def test_a_rest_api_alone_refuses_members_that_it_does_not_know() -> None:
    for door in (HTTP_API, HTTP_API_1_0, LOAD_BALANCER):
        assert door.response({**GOOD, "took": 3}).status == 200
    with pytest.raises(MalformedError):
        REST_API.response({**GOOD, "took": 3})


REFUSED = {
    "a status of 0": {"statusCode": 0},
    "a status of 99": {"statusCode": 99},
    "a status of 600": {"statusCode": 600},
    "a status that is true": {"statusCode": True},
    "a status that is null": {"statusCode": None},
    "a status of words": {"statusCode": "OK"},
    "a status and a half": {"statusCode": 200.5},
    "headers that are pairs": {"headers": [["a", "b"]]},
    "a header that is a list": {"headers": {"X-A": ["a", "b"]}},
    "a header that is an object": {"headers": {"X-A": {}}},
    "a body that is an object": {"body": {"id": "ada"}},
    "a body that is bytes": {"body": b"{}"},
    "base64 as text": {"isBase64Encoded": "false"},
    "base64 that is none": {"isBase64Encoded": True, "body": "no base64!"},
}


@pytest.mark.parametrize("door", [HTTP_API, REST_API, LOAD_BALANCER])
@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_a_front_door_refuses_is_malformed_and_served_as_502(
    door: FrontDoor, change: dict[str, Any]
) -> None:
    with pytest.raises(MalformedError):
        door.response({**GOOD, **change})
    assert door.served({**GOOD, **change}).status == 502


@any_door
@given(payload=json_values | st.dictionaries(st.sampled_from([*GOOD, "cookies"]), json_values))
def test_of_any_answer_comes_a_response_or_a_malformed_error(
    door: FrontDoor, payload: object
) -> None:
    response = door.served(payload)
    assert 100 <= response.status <= 599
    assert all(isinstance(text, str) for text in response.headers.values())


def test_the_words_of_a_refusal_hold_nothing_of_the_answer() -> None:
    for change in ({"statusCode": "s3cret"}, {"headers": {"s3cret": ["s3cret"]}}):
        with pytest.raises(MalformedError) as raised:
            HTTP_API.response({**GOOD, **change})
        assert "s3cret" not in str(raised.value)


def test_text_is_not_doubled_on_the_wire_and_a_lone_surrogate_survives() -> None:
    event: Mapping[str, Any] = {"body": "東京" * 100, "odd": "\ud83d"}
    assert len(encoded(event)) < 3 * 200 + 50
    assert json.loads(encoded(event)) == event
