"""The tee against a Lambda that takes copies, refuses, fails or hangs: what cannot be sent is
counted, and nobody waits for it."""

import json
import sys
import time
from typing import Any

import pytest

from shadow_runtime.aws import Service as Client
from shadow_runtime.contract import NAMESPACE
from shadow_runtime.copies import Copy
from shadow_runtime.http import Response
from shadow_runtime.tee import LIMIT, PATIENCE, Tee
from shadow_runtime.telemetry import Measurements
from tests.runtime.played import HANG_UP, RESET, SILENCE, Reply, Service, error, nobody_there, once
from tests.runtime.test_copies import copied

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:shadow:7"
TAKEN = Reply(202)
LONGEST = PATIENCE + 0.3  # seconds, and what a busy machine adds
COPY = copied(id="Z67rFiaQS3QA1A=")


def answering(response: Response) -> Copy:
    return copied(id=COPY.id, response=response)


@pytest.fixture
def counted(capfd: pytest.CaptureFixture[str]) -> "Counted":
    return Counted(capfd)


class Counted:
    """What CloudWatch reads of one send: the metrics and their values."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self._tee: Tee | None = None

    def send(self, copy: Copy = COPY) -> dict[str, Any]:
        measurements = Measurements(request_id=copy.id)
        self._tee = self._tee or Tee(Client("lambda"), FUNCTION)
        self._tee.send(copy, measurements)
        measurements.flush()
        lines = self._capfd.readouterr().out.splitlines()
        found: dict[str, Any] = {}
        for document in (json.loads(line) for line in lines if '"_aws"' in line):
            [directive] = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == NAMESPACE
            assert directive["Dimensions"] == [["Route"]]
            assert document["request_id"] == copy.id
            found |= {metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]}
        return found


def test_a_copy_is_handed_to_the_queue_of_the_version_named(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    assert counted.send() == {"CopiesSent": [1.0]}
    [received] = aws_lambda.received
    assert received.headers["x-amz-invocation-type"] == "Event"
    assert received.path.endswith("%3Ashadow%3A7/invocations")


def test_a_copy_is_sent_whole(aws_lambda: Service, counted: Counted) -> None:
    aws_lambda.always(TAKEN)
    counted.send()
    [received] = aws_lambda.received
    assert Copy.from_payload(received.json) == COPY


def test_a_copy_over_the_limit_is_skipped_and_counted_never_truncated(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    assert counted.send(answering(Response(status=200, body="x" * LIMIT))) == {
        "TeeSkipped": [1.0],
        "CopiesLost": [1.0],
    }
    assert aws_lambda.received == []


def test_the_limit_counts_bytes_on_the_wire_not_characters(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    two_bytes_each = Response(status=200, body="é" * (LIMIT // 2))
    assert counted.send(answering(two_bytes_each)) == {"TeeSkipped": [1.0], "CopiesLost": [1.0]}
    fits = Response(status=200, body="é" * (LIMIT // 2 - 600))
    assert counted.send(answering(fits)) == {"CopiesSent": [1.0]}
    [received] = aws_lambda.received
    assert LIMIT - 1_200 < len(received.body) <= LIMIT


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
    assert counted.send() == {"TeeFailed": [1.0], "CopiesLost": [1.0]}
    assert time.perf_counter() - started < LONGEST
    assert len(aws_lambda.received) == 1


def test_one_connection_is_kept_for_all_copies(aws_lambda: Service, counted: Counted) -> None:
    aws_lambda.always(TAKEN)
    for _ in range(5):
        counted.send()
    assert [received.nth for received in aws_lambda.received] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("dead", [HANG_UP, RESET], ids=["closed", "reset"])
def test_a_copy_whose_connection_was_dead_is_sent_once_more(
    aws_lambda: Service, counted: Counted, dead: Reply | None
) -> None:
    aws_lambda.script = once(TAKEN, dead)
    counted.send()
    started = time.perf_counter()
    assert counted.send() == {"CopiesSent": [1]}
    assert time.perf_counter() - started < PATIENCE
    assert [received.nth for received in aws_lambda.received] == [1, 2, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="a network that forgets is played on Linux")
def test_a_copy_that_nobody_received_is_sent_once_more(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.always(TAKEN)
    counted.send()
    aws_lambda.fall_silent()
    started = time.perf_counter()
    assert counted.send() == {"CopiesSent": [1]}
    assert time.perf_counter() - started < PATIENCE
    assert [received.nth for received in aws_lambda.received] == [1, 1]


def test_a_lambda_that_is_slow_is_sent_a_copy_once_or_it_would_be_compared_twice(
    aws_lambda: Service, counted: Counted
) -> None:
    aws_lambda.script = once(TAKEN, Reply(202, delay=0.7 * PATIENCE))
    assert [counted.send() for _ in range(2)] == [{"CopiesSent": [1]}] * 2
    assert [received.nth for received in aws_lambda.received] == [1, 2]


@pytest.mark.parametrize("reply", [SILENCE, Reply(202, b"x" * 500, pause=0.01)])
def test_a_lambda_that_hangs_costs_one_user_half_a_second_and_is_then_left_alone(
    aws_lambda: Service, counted: Counted, reply: Reply
) -> None:
    aws_lambda.always(reply)
    started = time.perf_counter()
    assert [counted.send() for _ in range(50)] == [{"TeeFailed": [1], "CopiesLost": [1]}] * 50
    assert time.perf_counter() - started < LONGEST
    assert len(aws_lambda.received) == 1


def test_a_lambda_that_refuses_is_told_and_asked_again(
    aws_lambda: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    aws_lambda.always(error(403, "AccessDeniedException"))
    tee, measurements = Tee(Client("lambda"), FUNCTION), Measurements()
    for _ in range(2):
        tee.send(COPY, measurements)
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["error"] for line in said] == ["Lambda answered 403 AccessDeniedException"] * 2
    assert len(aws_lambda.received) == 2


def test_a_refused_connection_is_counted(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        assert counted.send() == {"TeeFailed": [1.0], "CopiesLost": [1.0]}


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
    assert counted.send(answering(response)) == {"TeeFailed": [1.0], "CopiesLost": [1.0]}
    assert aws_lambda.received == []
