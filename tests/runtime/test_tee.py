"""The tee against a Lambda that takes copies, refuses, fails or hangs: what cannot be sent is
counted, and nobody waits for it."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadow_runtime.contract import NAMESPACE, Variant
from shadow_runtime.credentials import HEADERS as CREDENTIAL_HEADERS
from shadow_runtime.http import MalformedError, Request, Response
from shadow_runtime.tee import LIMIT, Copy, Tee
from shadow_runtime.telemetry import Measurements
from tests.runtime.played import HANG_UP, Reply, Service, error, nobody_there
from tests.strategies import json_values, requests, responses

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:shadow:7"
TAKEN = Reply(202)
LONGEST = 0.7 + 0.3  # seconds, and what a busy machine adds
REQUEST = Request(method="GET", path="/users/me", user="ada", id="Z67rFiaQS3QA1A=")
RESPONSE = Response.json({"id": "ada"})

copies = st.builds(
    Copy, requests, st.sampled_from(Variant), responses, st.floats(0, 1e13), st.booleans()
)


@pytest.fixture
def counted(capfd: pytest.CaptureFixture[str]) -> "Counted":
    return Counted(capfd)


class Counted:
    """What CloudWatch reads of one send: the metrics and their values."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capsys = capfd

    def send(self, request: Request = REQUEST, response: Response = RESPONSE) -> dict[str, Any]:
        measurements = Measurements(request_id=request.id)
        Tee(FUNCTION).send(Copy(request, Variant.CONTROL, response), measurements)
        measurements.flush()
        lines = self._capsys.readouterr().out.splitlines()
        found: dict[str, Any] = {}
        for document in (json.loads(line) for line in lines if '"_aws"' in line):
            [directive] = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == NAMESPACE
            assert directive["Dimensions"] == [["Route"]]
            assert document["request_id"] == request.id
            found |= {metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]}
        return found


def test_a_copy_is_handed_to_the_queue_of_the_version_named(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    assert counted.send() == {}
    [received] = aws_lambda.received
    assert received.headers["x-amz-invocation-type"] == "Event"
    assert received.path.endswith("%3Ashadow%3A7/invocations")


def test_a_copy_carries_its_marker_who_answered_how_and_when(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    counted.send()
    [received] = aws_lambda.received
    assert received.json["marker"] == "shadow-canary/1"
    copy = Copy.from_payload(received.json)
    assert (copy.request, copy.variant, copy.response) == (REQUEST, Variant.CONTROL, RESPONSE)
    assert 0 <= time.time() * 1_000 - copy.sent_at < 10_000


@pytest.mark.parametrize("name", sorted({*CREDENTIAL_HEADERS, "Authorization", "SET-COOKIE"}))
def test_no_credential_is_sent_in_either_direction(
    aws_lambda: Service, counted: Counted, name: str
) -> None:
    aws_lambda.always(TAKEN)
    headers = {name: "s3cret", "x-kept": "kept"}
    request = Request(method="GET", path="/", user="ada", headers=headers)
    counted.send(request, Response(status=200, headers=headers))
    [received] = aws_lambda.received
    assert b"s3cret" not in received.body
    assert received.body.count(b'"x-kept": "kept"') == 2


def test_a_copy_over_the_limit_is_skipped_and_counted_never_truncated(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    assert counted.send(response=Response(status=200, body="x" * LIMIT)) == {"TeeSkipped": [1.0]}
    assert aws_lambda.received == []


def test_the_limit_counts_bytes_on_the_wire_not_characters(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    two_bytes_each = Response(status=200, body="é" * (LIMIT // 2))
    assert counted.send(response=two_bytes_each) == {"TeeSkipped": [1.0]}
    fits = Response(status=200, body="é" * (LIMIT // 2 - 500))
    assert counted.send(response=fits) == {}
    [received] = aws_lambda.received
    assert LIMIT - 1_000 < len(received.body) <= LIMIT


FAILURES = {
    "throttled": error(429, "TooManyRequestsException"),
    "no permission": error(403, "AccessDeniedException"),
    "no function": error(404, "ResourceNotFoundException"),
    "too large after all": error(413, "RequestTooLargeException"),
    "Lambda fails": error(500, "ServiceException"),
    "another protocol": Reply(503, b"<html>"),
    "hangs up": HANG_UP,
    "hangs": Reply(202, delay=5),
}


@pytest.mark.parametrize("reply", FAILURES.values(), ids=FAILURES)
def test_a_copy_that_is_not_taken_is_counted_never_raised_never_repeated_and_waited_for_briefly(
    aws_lambda: Service, counted: Counted, reply: Reply | None
) -> None:
    aws_lambda.always(reply)
    started = time.perf_counter()
    assert counted.send() == {"TeeFailed": [1.0]}
    assert time.perf_counter() - started < LONGEST
    assert len(aws_lambda.received) == 1


def test_a_refused_connection_is_counted(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        assert counted.send() == {"TeeFailed": [1.0]}


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(Response(status=200, body={1, 2}), id="a body that is no text"),  # type: ignore[arg-type]
        pytest.param(Response(status=200, headers=None), id="no headers"),  # type: ignore[arg-type]
        pytest.param(
            Response(status=200, headers=[("a", "b")]),  # type: ignore[arg-type]
            id="headers that are pairs",
        ),
        pytest.param(
            Response(status=200, headers={1: "b"}),  # type: ignore[dict-item]
            id="a header's name that is a number",
        ),
    ],
)
def test_an_answer_that_cannot_be_copied_is_counted_never_raised(
    aws_lambda: Service, counted: Counted, response: Response
) -> None:
    assert counted.send(response=response) == {"TeeFailed": [1.0]}
    assert aws_lambda.received == []


@given(copies)
@example(Copy(Request(method="GET", path="/", user="\ud800"), Variant.CANDIDATE, RESPONSE, 0))
def test_a_copy_comes_out_of_json_as_it_went_in(copy: Copy) -> None:
    assert Copy.from_payload(json.loads(copy.payload())) == copy


@given(json_values)
def test_what_is_no_copy_is_refused_with_a_malformed_error_and_no_other(payload: object) -> None:
    with pytest.raises(MalformedError):
        Copy.from_payload(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"marker": "shadow-canary/2"},
        {"request": None},
        {"request": {}},
        {"response": None},
        {"response": {"status": 200}},
        {"sent_at": None},
        {"sent_at": "now"},
        {"variant": "another"},
    ],
)
def test_a_copy_with_one_wrong_field_is_refused(change: dict[str, Any]) -> None:
    sound = json.loads(Copy(REQUEST, Variant.CONTROL, RESPONSE, 0).payload())
    with pytest.raises(MalformedError):
        Copy.from_payload({**sound, **change})
