"""Recorded requests, asked of a version that answers, refuses or fails: what is wrong is named,
and nothing of what was recorded or answered."""

import json
import tempfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pretraffic.probe import MOST, NOTHING, fault, named, probe, to_ask
from shadow_runtime.front_doors import front_door, request_id
from shadow_runtime.handlers import MARK
from shadow_runtime.recorded import Recorded, RecordingError
from tests.runtime.played import HANG_UP, Reply, Service, error
from tests.runtime.test_front_doors import DOORS

SECRET = "s3cret"
OWN = {
    "method": "GET",
    "path": f"/users/{SECRET}",
    "user": SECRET,
    "route_key": "GET /users/{id}",
    "path_parameters": {"id": SECRET},
    "query": f"name={SECRET}",
    "headers": {"accept": "*/*", "x-odd": SECRET},
}


def read(*lines: object) -> list[Recorded]:
    """What a file of these lines is read as."""
    with tempfile.TemporaryDirectory() as folder:
        return to_ask(file(Path(folder), *lines))


def answer(status: int) -> Reply:
    return Reply(body=json.dumps({"statusCode": status, "body": SECRET}).encode())


def failed(type_: str) -> Reply:
    body = json.dumps({"errorMessage": SECRET, "errorType": type_, "stackTrace": [SECRET]})
    return Reply(200, body.encode(), {"x-amz-function-error": "Unhandled"})


def probed(**recorded: object) -> str:
    once = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    [own] = read({**OWN, **recorded})
    return fault(boto3.client("lambda", config=once), "get-user:8", own, id_="d-ABCDEF123-1")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_one_only_if_it_was_recorded(aws_lambda: Service, status: int) -> None:
    aws_lambda.always(answer(status))
    assert probed() == probed(status=200) == f"answered {status}"
    assert probed(status=status) == ""


@pytest.mark.parametrize("status", [200, 204, 301, 404, 499])
def test_an_answer_below_500_is_one_that_users_may_see(aws_lambda: Service, status: int) -> None:
    aws_lambda.always(answer(status))
    assert probed() == ""


FAULTS = {
    "500": (answer(500), "answered 500"),
    "503": (answer(503), "answered 503"),
    "a failed import": (failed("Runtime.ImportModuleError"), "Runtime.ImportModuleError"),
    "a timeout": (failed("Sandbox.Timedout"), "failed with Sandbox.Timedout"),
    "no type": (Reply(200, b"{}", {"x-amz-function-error": "Unhandled"}), "Unhandled"),
    "no answer of a route": (
        Reply(body=b'{"statusCode": 200, "body": ["s3cret"]}'),
        "gave no answer: a body is text",
    ),
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
    request = front_door(received.json).request(received.json)
    assert (request.id, request.claims["sub"]) == ("d-ABCDEF123-1", SECRET)
    assert received.json[MARK] == {"probe": True}


@pytest.mark.parametrize("event", [event for event, _ in DOORS.values()], ids=DOORS)
def test_a_recorded_event_is_asked_as_it_was_under_an_id_of_its_own(
    event: dict[str, Any],
) -> None:
    [recorded] = read(event)
    asked = probe(recorded, id_="d-1")
    assert request_id(asked) == "d-1"
    asked["requestContext"] = event["requestContext"]
    assert asked == {**event, MARK: {"probe": True}}
    assert named(recorded).startswith("GET")


def test_no_more_than_the_first_twenty_are_asked() -> None:
    each = [{"method": "GET", "path": f"/{number}"} for number in range(MOST + 5)]
    assert [asked.event["rawPath"] for asked in read(*each)] == [f"/{n}" for n in range(MOST)]


def test_what_looks_like_the_end_of_a_line_may_stand_in_a_request() -> None:
    [asked] = read({"method": "GET", "path": "/", "user": "\u2028\x85\x0b"})
    assert front_door(asked.event).request(asked.event).claims["sub"] == "\u2028\x85\x0b"


def test_a_route_of_which_nothing_is_recorded_is_asked_nothing(tmp_path: Path) -> None:
    assert to_ask(tmp_path / "requests.jsonl") == to_ask(file(tmp_path)) == [NOTHING]
    assert probe(NOTHING, id_="1") == {MARK: {"probe": True}}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_change_data_is_asked_of_no_version(method: str) -> None:
    [asked] = read(OWN | {"method": method}, OWN)
    assert front_door(asked.event).method(asked.event) == "GET"
    assert read(OWN | {"method": method}) == [NOTHING]


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[]", '{"path": "s3cret"}', '"s3cret"', '{"Records": ["s3cret"]}'),
        *('{"method": "GET"}', '{"method": "GET", "path": "/", "s3cret": 1}'),
        '{"method": "GET", "path": "/", "status": "s3cret"}',
    ],
)
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str) -> None:
    with file(tmp_path, OWN).open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(RecordingError, match=r"requests.jsonl:2 holds no request (?!.*s3cret)"):
        to_ask(tmp_path / "requests.jsonl")


def file(folder: Path, *each: object) -> Path:
    """Written as text for people: only JSON's own characters are escaped."""
    path = folder / "requests.jsonl"
    lines = [f"{json.dumps(line, ensure_ascii=False)}\n" for line in each]
    path.write_text("".join(lines), encoding="utf-8")
    return path
