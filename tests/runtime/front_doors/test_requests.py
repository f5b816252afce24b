"""Handlers of a `Request`: it holds what the client sent, and a `Response` arrives whole."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from shadow_runtime.contract import Position
from shadow_runtime.http import Request, Response
from shadow_runtime.user import per_request
from tests.runtime.front_doors.answers import Received, received
from tests.runtime.front_doors.doors import ADDRESS, HOST
from tests.runtime.front_doors.events import CLAIMS, DOORS, SAMPLES, Sample
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.stages import STAGES, WITH_A_STAND_IN
from tests.runtime.played import error

SENT = {name: sample for name, sample in SAMPLES.items() if HOST in json.dumps(sample.event)}
"""Without the console's test and the health check, which no client sent."""

each_sample = pytest.mark.parametrize("sample", SENT.values(), ids=SENT)

RESPONSES = {
    "a text": Response(status=200, body="東京", headers={"content-type": "text/plain"}),
    "bytes": Response(
        status=200, body=b"\x89PNG\r\n\x00\xff", headers={"content-type": "image/png"}
    ),
    "nothing": Response(status=204),
    "JSON": Response.json({"id": "ada", "total": 19.9}, status=201),
    "a refusal": Response.error(404, "no such cart"),
    "a failure": Response.error(503, "later"),
    "cookies": Response(status=200, cookies=("cartId=c-42; Path=/; HttpOnly", "theme=dark")),
    "a redirect with a cookie": Response(
        status=303, headers={"location": "/carts/42"}, cookies=("seen=1",)
    ),
}


class Side:
    """A handler that answers `response`, and keeps the request that it was handed."""

    def __init__(self) -> None:
        self.response = Response(status=204)
        self.request = Request(method="", path="")

    def __call__(self, request: Request) -> Response:
        self.request = request
        return self.response


class PlainSide:
    """The same without a `Request`: it answers as its front door wants."""

    def __call__(self, event: Any, context: Any) -> Any:
        headers = {"content-type": "application/json"}
        if "multiValueHeaders" in event and "elb" in event["requestContext"]:
            several = {name: [value] for name, value in headers.items()}
            return {"statusCode": 200, "multiValueHeaders": several, "body": "{}"}
        return {"statusCode": 200, "headers": headers, "body": "{}"}


CONTROL, CANDIDATE, PLAIN = Side(), Side(), PlainSide()


@each_sample
def test_a_request_holds_what_the_client_sent(aws: Aws, sample: Sample) -> None:
    request, sent, event = handed(aws, sample), sample.sent, sample.event
    prefix = f"/{sent.stage}" if sent.stage and event.get("version") == "2.0" else ""
    assert request.method == sent.method
    assert unquote(request.path) == unquote(prefix + sent.path)
    assert request.body == sent.body
    assert request.source_ip == ADDRESS
    assert request.path_parameters == (event.get("pathParameters") or {})
    assert request.stage == event["requestContext"].get("stage", "")


@each_sample
def test_a_query_arrives_with_all_its_values_and_its_encoding(aws: Aws, sample: Sample) -> None:
    sent = parse_qs(sample.sent.query, keep_blank_values=True)
    if sample.door == "load balancer":  # without multi-value headers the last one is left
        sent = {name: values[-1:] for name, values in sent.items()}
    request = handed(aws, sample)
    assert request.parameters == sent
    assert parse_qs(request.query, keep_blank_values=True) == sent
    assert "rawQueryString" not in sample.event or request.query == sample.sent.query


@each_sample
def test_headers_and_cookies_arrive(aws: Aws, sample: Sample) -> None:
    sent: dict[str, list[str]] = {}
    for name, value in sample.sent.headers:
        sent.setdefault(name, []).append(value)
    if sample.door == "load balancer":
        sent = {name: values[-1:] for name, values in sent.items()}
    request = handed(aws, sample)
    assert {name: request.headers[name] for name in sent} == {
        name: ",".join(values) for name, values in sent.items()
    }
    assert request.cookies == dict(cookie.split("=", 1) for cookie in sample.sent.cookies)


@each_sample
def test_the_user_is_who_the_route_names(aws: Aws, sample: Sample) -> None:
    request = handed(aws, sample)
    assert request.user == (sample.key or (request.id if sample.user is per_request else ""))


@pytest.mark.parametrize(
    "name", ["HTTP API: a JWT", "HTTP API, format 1.0: Cognito claims", "REST API: Cognito claims"]
)
def test_the_claims_of_the_token_arrive(aws: Aws, name: str) -> None:
    assert handed(aws, SAMPLES[name]).claims == CLAIMS


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith("authorizer")])
def test_the_whole_context_of_an_authorizer_arrives(aws: Aws, name: str) -> None:
    sample = SAMPLES[name]
    assert handed(aws, sample).authorizer == sample.event["requestContext"]["authorizer"]


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("door", DOORS)
def test_a_response_arrives_whole_whoever_gives_it(aws: Aws, door: str, response: Response) -> None:
    CONTROL.response = CANDIDATE.response = response
    for stage in STAGES:
        assert ask(aws, door, stage) == arriving(response), stage
    aws.functions.always(error(429, "TooManyRequestsException"))
    for stage in WITH_A_STAND_IN:
        assert ask(aws, door, stage) == arriving(response), stage


@pytest.mark.parametrize("door", DOORS)
def test_the_two_sides_may_be_of_different_forms(aws: Aws, door: str) -> None:
    CONTROL.response = CANDIDATE.response = Response.json({})
    for stage in STAGES:
        assert ask(aws, door, stage, candidate=PLAIN) == arriving(CONTROL.response), stage
        assert ask(aws, door, stage, control=PLAIN) == arriving(CONTROL.response), stage


def handed(aws: Aws, sample: Sample) -> Request:
    """The request that a handler is handed."""
    aws.ask(CONTROL, CONTROL, sample.event, at=Position.OFF, context=Context(), user=sample.user)
    return CONTROL.request


def ask(
    aws: Aws, door: str, stage: str, *, control: Any = CONTROL, candidate: Any = CANDIDATE
) -> Received:
    sample = next(sample for sample in SENT.values() if sample.door == door and sample.key)
    position = STAGES[stage](sample.key)
    answer = aws.ask(
        control, candidate, sample.event, at=position, context=Context(), user=sample.user
    )
    return received(door, answer)


def arriving(response: Response) -> Received:
    body = response.body
    return Received(
        response.status,
        tuple(sorted(response.headers.items())),
        response.cookies,
        body if isinstance(body, bytes) else body.encode(),
    )
