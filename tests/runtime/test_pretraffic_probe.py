"""Recorded requests, asked of a version that answers, refuses or fails: what is wrong is named,
and nothing of what was recorded or answered."""

import json
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from hypothesis import given

from pretraffic.probe import MOST, NOBODYS, event, fault, to_ask
from shadow_runtime.http import Request, Response
from tests.runtime.played import HANG_UP, Reply, Service, error
from tests.strategies import requests

SECRET = "s3cret"
OWN = Request(
    method="GET",
    path=f"/users/{SECRET}",
    user=SECRET,
    id="recorded",
    route_key="GET /users/{id}",
    path_parameters={"id": SECRET},
    query=f"name={SECRET}",
    headers={"accept": "*/*", "x-odd": SECRET},
)


def answer(status: int) -> Reply:
    return Reply(body=json.dumps(Response(status=status, body=SECRET).payload()).encode())


def failed(type_: str) -> Reply:
    body = json.dumps({"errorMessage": SECRET, "errorType": type_, "stackTrace": [SECRET]})
    return Reply(200, body.encode(), {"x-amz-function-error": "Unhandled"})


def probed() -> str:
    once = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    return fault(boto3.client("lambda", config=once), "get-user:8", OWN, id_="d-ABCDEF123-1")


@pytest.mark.parametrize("status", [200, 204, 301, 401, 404, 499])
def test_an_answer_below_500_is_one_that_users_may_see(aws_lambda: Service, status: int) -> None:
    aws_lambda.always(answer(status))
    assert probed() == ""


FAULTS = {
    "500": (answer(500), "answered 500"),
    "503": (answer(503), "answered 503"),
    "a failed import": (failed("Runtime.ImportModuleError"), "Runtime.ImportModuleError"),
    "a timeout": (failed("Sandbox.Timedout"), "failed with Sandbox.Timedout"),
    "no type": (Reply(200, b"{}", {"x-amz-function-error": "Unhandled"}), "Unhandled"),
    "no answer of a route": (Reply(body=b'{"id": "s3cret"}'), "gave no answer (MalformedError)"),
    "no JSON": (Reply(body=b"s3cret"), "gave no answer (JSONDecodeError)"),
    "nested too deeply": (Reply(body=b"[" * 100_000), "gave no answer (RecursionError)"),
    "throttled": (error(429, "TooManyRequestsException"), "could not be asked (TooManyRequests"),
    "forbidden": (error(403, "AccessDeniedException"), "could not be asked (AccessDenied"),
    "Lambda fails": (error(500, "ServiceException"), "could not be asked (ServiceException)"),
    "hung up": (HANG_UP, "gave no answer (ConnectionClosedError)"),
    "hangs": (Reply(delay=5), "gave no answer (ReadTimeoutError)"),
}


@pytest.mark.parametrize(("reply", "words"), FAULTS.values(), ids=FAULTS)
def test_whatever_else_comes_is_named_without_its_content_and_not_asked_again(
    aws_lambda: Service, reply: Reply | None, words: str
) -> None:
    aws_lambda.always(reply)
    assert words in probed()
    assert SECRET not in probed()
    assert len(aws_lambda.received) == 2


def test_a_version_is_asked_as_an_http_api_asks_for_a_user(aws_lambda: Service) -> None:
    aws_lambda.always(answer(200))
    probed()
    [received] = aws_lambda.received
    assert received.path.endswith("/functions/get-user%3A8/invocations")
    assert received.headers.get("x-amz-invocation-type", "RequestResponse") == "RequestResponse"
    request = Request.from_event(received.json)
    assert request.id == "d-ABCDEF123-1", "of its own, as every request has one"
    assert {**request.copy(), "id": OWN.id} == OWN.copy()


@given(requests)
def test_whatever_can_be_recorded_arrives_as_it_was(request: Request) -> None:
    copied = Request.from_copy(json.loads(json.dumps(request.copy())))
    sent = json.loads(json.dumps(event(copied, id_=request.id)))
    assert Request.from_event(sent) == copied


def test_no_more_than_the_first_twenty_are_asked(tmp_path: Path) -> None:
    each = [Request(method="GET", path=f"/{number}") for number in range(MOST + 5)]
    assert to_ask(file(tmp_path, *each)) == each[:20]


def test_what_looks_like_the_end_of_a_line_may_stand_in_a_request(tmp_path: Path) -> None:
    odd = Request(method="GET", path="/", user="\u2028\x85\x0b")
    assert to_ask(file(tmp_path, odd)) == [odd]


def test_a_route_without_recorded_requests_is_asked_what_nobody_sent(tmp_path: Path) -> None:
    assert to_ask(tmp_path / "requests.jsonl") == to_ask(file(tmp_path)) == [NOBODYS]
    assert Request.from_event(event(NOBODYS, id_="1")).user == ""


@pytest.mark.parametrize("line", ["", "{", "[]", '{"path": "s3cret"}', '"s3cret"'])
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str) -> None:
    with file(tmp_path, OWN).open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"requests.jsonl:2 is no request: (?!.*s3cret)"):
        to_ask(tmp_path / "requests.jsonl")


def file(folder: Path, *each: Request) -> Path:
    """Written as text for people: only JSON's own characters are escaped."""
    lines = [f"{json.dumps(request.copy(), ensure_ascii=False)}\n" for request in each]
    path = folder / "requests.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path
