"""Requests and answers: what API Gateway sends, what a copy holds, what is refused."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlmodel import SQLModel

from shadow_runtime.credentials import HEADERS as CREDENTIAL_HEADERS
from shadow_runtime.http import MalformedError, Request, Response
from tests.strategies import json_values, requests, responses

EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "GET /users/{id}",
    "rawPath": "/users/ada",
    "rawQueryString": "fields=name&fields=plan",
    "cookies": ["session=1"],
    "headers": {
        "accept": "application/json",
        "authorization": "Bearer eyJhbGciOi",
        "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
    },
    "queryStringParameters": {"fields": "name,plan"},
    "pathParameters": {"id": "ada"},
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "a1b2c3",
        "authorizer": {
            "jwt": {
                "claims": {"aud": "web", "iss": "https://issuer.example", "sub": "ada"},
                "scopes": None,
            }
        },
        "domainName": "a1b2c3.execute-api.eu-central-1.amazonaws.com",
        "http": {
            "method": "GET",
            "path": "/users/ada",
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.1",
            "userAgent": "test",
        },
        "requestId": "Z67rFiaQS3QA1A=",
        "routeKey": "GET /users/{id}",
        "stage": "$default",
        "time": "07/Jan/2030:09:00:00 +0000",
        "timeEpoch": 1893999600000,
    },
    "isBase64Encoded": False,
}


def from_event(**changes: Any) -> Request:
    return Request.from_event({**EVENT, **changes})


def authorized(authorizer: object) -> Request:
    return from_event(requestContext={**EVENT["requestContext"], "authorizer": authorizer})


def test_an_event_of_payload_format_2_0_is_read_whole() -> None:
    assert from_event() == Request(
        method="GET",
        path="/users/ada",
        user="ada",
        id="Z67rFiaQS3QA1A=",
        route_key="GET /users/{id}",
        path_parameters={"id": "ada"},
        query="fields=name&fields=plan",
        headers=EVENT["headers"],
        body="",
    )


def test_the_trace_is_the_one_that_api_gateway_hands_on() -> None:
    assert from_event().trace == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert from_event(headers={}).trace == ""


def test_the_user_is_the_subject_that_the_authorizer_checked_and_nothing_else() -> None:
    spoofed = {"sub": "eve", "user": "eve", "x-user": "eve"}
    assert from_event(headers=spoofed, pathParameters=spoofed).user == "ada"


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"jwt": {}},
        {"jwt": {"claims": None}},
        {"jwt": {"claims": {"iss": "https://issuer.example"}}},
        {"jwt": {"claims": {"sub": ""}}},
        {"jwt": {"claims": {"sub": None}}},
        {"lambda": {"claims": {"sub": "ada"}}},
        {"iam": {"userId": "ada"}},
    ],
)
def test_without_a_subject_there_is_no_user(authorizer: object) -> None:
    assert authorized(authorizer).user == ""


def test_without_an_authorizer_there_is_no_user() -> None:
    context = {k: v for k, v in EVENT["requestContext"].items() if k != "authorizer"}
    assert from_event(requestContext=context).user == ""


@pytest.mark.parametrize(
    "name", ["routeKey", "rawQueryString", "headers", "pathParameters", "body", "isBase64Encoded"]
)
def test_a_field_that_api_gateway_leaves_out_or_empty_reads_as_empty(name: str) -> None:
    absent = Request.from_event({k: v for k, v in EVENT.items() if k != name})
    assert from_event(**{name: None}) == absent


def test_a_body_is_text_or_when_the_client_sent_binary_data_bytes() -> None:
    assert from_event(body='{"name": "Ada"}').body == '{"name": "Ada"}'
    encoded = base64.b64encode(b"\x00\xff").decode()
    assert from_event(body=encoded, isBase64Encoded=True).body == b"\x00\xff"


@given(requests)
def test_a_copy_comes_out_of_json_as_the_request_that_went_in(request: Request) -> None:
    assert Request.from_copy(json.loads(json.dumps(request.copy()))) == request


@given(st.sampled_from(sorted(CREDENTIAL_HEADERS)), st.data())
def test_no_credential_enters_a_copy_however_it_is_spelled(name: str, data: st.DataObject) -> None:
    spelled = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in name)
    headers = {spelled: "s3cret", "accept": "*/*"}
    copy = Request(method="GET", path="/", user="ada", headers=headers).copy()
    assert copy["headers"] == {"accept": "*/*"}
    assert "s3cret" not in json.dumps(copy)


def test_the_credentials_kept_back_are_these() -> None:
    assert {"authorization", "cookie", "set-cookie", "x-api-key"} <= CREDENTIAL_HEADERS


@given(json_values)
def test_what_is_no_copied_request_is_refused_with_a_malformed_error_and_no_other(
    payload: Any,
) -> None:
    with pytest.raises(MalformedError):
        Request.from_copy(payload)


@given(requests, st.data(), json_values)
def test_a_copied_request_with_one_odd_field_is_refused_or_is_a_sound_request(
    request: Request, data: st.DataObject, value: object
) -> None:
    copy = request.copy()
    copy[data.draw(st.sampled_from([*copy, "extra"]))] = value
    try:
        read = Request.from_copy(copy)
    except MalformedError:
        return
    assert read.copy().keys() == copy.keys()
    texts = (read.method, read.path, read.user, read.id, read.route_key, read.query)
    assert all(isinstance(text, str) for text in (*texts, *read.headers.values()))


@given(responses)
def test_an_answer_comes_out_of_json_as_the_response_that_went_in(response: Response) -> None:
    assert Response.from_payload(json.loads(json.dumps(response.payload()))) == response


def test_an_answer_is_a_payload_of_format_2_0() -> None:
    assert Response.json({"id": "ada"}, status=201).payload() == {
        "statusCode": 201,
        "headers": {"content-type": "application/json"},
        "body": '{"id": "ada"}',
        "isBase64Encoded": False,
    }
    binary = Response(status=200, body=b"\x00\xff").payload()
    assert (binary["body"], binary["isBase64Encoded"]) == ("AP8=", True)


@given(json_values)
def test_what_is_no_answer_is_refused_with_a_malformed_error_and_no_other(payload: object) -> None:
    with pytest.raises(MalformedError):
        Response.from_payload(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"statusCode": 0},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": 200.0},
        {"headers": None},
        {"headers": {"x-count": 1}},
        {"headers": [["a", "b"]]},
        {"body": None},
        {"body": {"id": "ada"}},
        {"isBase64Encoded": "false"},
        {"isBase64Encoded": True, "body": "no base64!"},
        {"cookies": ["session=1"]},
    ],
)
def test_an_answer_with_one_wrong_field_is_refused(change: dict[str, Any]) -> None:
    sound = Response.json({"id": "ada"}).payload()
    with pytest.raises(MalformedError):
        Response.from_payload({**sound, **change})


def test_a_server_that_failed_is_told_from_one_that_refused() -> None:
    assert [s for s in (200, 404, 499, 500, 503) if Response(status=s).is_fault] == [500, 503]


class Plan(BaseModel):
    price: Decimal


class Account(SQLModel):
    name: str
    since: datetime


def test_models_are_answered_in_their_json_form_alone_in_lists_and_nested() -> None:
    account = Account(name="Åda", since=datetime(2030, 1, 7, 9, tzinfo=UTC))
    form = {"name": "Åda", "since": "2030-01-07T09:00:00Z"}
    assert json.loads(Response.json(account).body) == form
    assert json.loads(Response.json([account, account]).body) == [form, form]
    nested = Response.json({"plan": Plan(price=Decimal("1.50"))}).body
    assert json.loads(nested) == {"plan": {"price": "1.50"}}


def test_text_is_answered_as_it_is_written_not_escaped() -> None:
    assert Response.json("Å").body == '"Å"'


def test_a_value_without_a_json_form_is_refused_by_its_type_never_by_its_content() -> None:
    with pytest.raises(TypeError, match="set") as e:
        Response.json({"secret"})
    assert "secret" not in str(e.value)


def test_a_refusal_has_the_shape_of_api_gateways_own() -> None:
    assert Response.error(401, "Unauthorized").body == '{"message": "Unauthorized"}'


@pytest.mark.parametrize("name", ["access_token", "API_KEY", "api%5Fkey", "token", "sig"])
def test_a_credential_in_the_query_never_enters_a_copy(name: str) -> None:
    request = Request(method="GET", path="/", query=f"page=2&{name}=s3cr3t&page=3")
    assert request.copy()["query"] == "page=2&page=3"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
        ),
        ("ada@example.com", ""),
        ("", ""),
    ],
)
def test_nothing_that_a_client_wrote_into_the_trace_header_is_logged(
    header: str, trace: str
) -> None:
    headers = {"x-amzn-trace-id": header}
    assert Request(method="GET", path="/", headers=headers).trace == trace
