"""The candidate call against a Lambda that answers, refuses, fails or hangs: a user waits no longer
than the deadline, and the candidate is never asked twice but over a connection that was dead."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from shadow_runtime.aws import Service as Client
from shadow_runtime.candidate_call import Answer, CandidateCall, Outcome, Starts
from shadow_runtime.contract import CONTROL_NEEDS_MS
from tests.runtime.played import DEAD, HANG_UP, Reply, Service, error, nobody_there, once

DEADLINE_MS = 300
LEEWAY_MS = 300
PLENTY_MS = 9_000
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:candidate:7"
ASKED = json.dumps({"path": "/users/me"}).encode()
GOOD: Any = {"statusCode": 200, "body": "ada"}


def returned(value: Any) -> Reply:
    """What Lambda answers when the handler returned `value`."""
    return Reply(body=json.dumps(value).encode())


def calling(deadline_ms: int = DEADLINE_MS) -> CandidateCall:
    return CandidateCall(Client("lambda"), FUNCTION, deadline_ms=deadline_ms)


def ask(call: CandidateCall, *, remaining_ms: int = PLENTY_MS, idempotent: bool = True) -> Answer:
    return call.ask(ASKED, idempotent=idempotent, remaining_ms=remaining_ms)


def timed(asking: Callable[[], Answer]) -> tuple[Answer, float]:
    """The answer, and the milliseconds that it took."""
    started = time.perf_counter()
    answer = asking()
    return answer, 1_000 * (time.perf_counter() - started)


@pytest.mark.parametrize("value", [GOOD, {"statusCode": 404}, "text", 7, None, [], {}])
def test_what_the_handler_returned_is_the_answer(aws_lambda: Service, value: Any) -> None:
    aws_lambda.always(returned(value))
    assert ask(calling()) == Answer(Outcome.ANSWERED, value)


def test_the_version_asked_is_the_one_named_and_it_is_asked_to_answer(aws_lambda: Service) -> None:
    aws_lambda.always(returned(GOOD))
    ask(calling())
    [received] = aws_lambda.received
    assert received.path.startswith("/2015-03-31/functions/arn%3Aaws%3Alambda%3A")
    assert received.path.endswith("%3Acandidate%3A7/invocations")
    assert received.headers["x-amz-invocation-type"] == "RequestResponse"
    assert received.body == ASKED


FAILURES = {
    "throttled": (error(429, "TooManyRequestsException"), Outcome.THROTTLED),
    "forbidden": (error(403, "AccessDeniedException"), Outcome.REFUSED),
    "not found": (error(404, "ResourceNotFoundException"), Outcome.REFUSED),
    "Lambda fails": (error(500, "ServiceException"), Outcome.REFUSED),
    "Lambda has no network": (error(502, "EC2UnexpectedException"), Outcome.REFUSED),
    "raised": (
        Reply(200, b'{"errorMessage": "..."}', {"x-amz-function-error": "Unhandled"}),
        Outcome.FAULT,
    ),
    "raised, with a good answer": (
        Reply(200, json.dumps(GOOD).encode(), {"x-amz-function-error": "Unhandled"}),
        Outcome.FAULT,
    ),
    "hangs up": (HANG_UP, Outcome.FAULT),
    "hangs up within the answer": (
        Reply(200, b'{"status', {"content-length": "99", "connection": "close"}),
        Outcome.FAULT,
    ),
    "half an answer": (Reply(200, b'{"status'), Outcome.MALFORMED),
    "no JSON": (Reply(200, b"<html>"), Outcome.MALFORMED),
    "no text": (Reply(200, b"\xff\xfe\x00"), Outcome.MALFORMED),
    "nothing": (Reply(200, b""), Outcome.MALFORMED),
    "nested too deeply": (Reply(200, b"[" * 100_000), Outcome.MALFORMED),
}


@pytest.mark.parametrize(("reply", "outcome"), FAILURES.values(), ids=FAILURES)
def test_a_candidate_that_fails_is_told_by_its_outcome_and_never_asked_again(
    aws_lambda: Service, reply: Reply | None, outcome: Outcome
) -> None:
    aws_lambda.always(reply)
    assert ask(calling()) == Answer(outcome)
    assert len(aws_lambda.received) == 1


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_a_read_whose_connection_was_dead_is_asked_once_more_within_the_deadline(
    aws_lambda: Service, dead: Reply | None
) -> None:
    aws_lambda.script = once(returned(GOOD), dead)
    call = calling()
    ask(call)
    answer, took_ms = timed(lambda: ask(call))
    assert answer == Answer(Outcome.ANSWERED, GOOD)
    assert took_ms < DEADLINE_MS
    assert len(aws_lambda.received) == 3


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_a_write_is_never_asked_twice(aws_lambda: Service, dead: Reply | None) -> None:
    aws_lambda.script = once(returned(GOOD), dead)
    call = calling()
    ask(call)
    assert ask(call, idempotent=False).outcome in {Outcome.FAULT, Outcome.TIMEOUT}
    assert len(aws_lambda.received) == 2


def test_a_refused_connection_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        assert ask(calling()).outcome is Outcome.FAULT


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=json.dumps(GOOD).encode(), delay=5), id="sleeps"),
        pytest.param(Reply(body=b" " * 1_000, pause=0.01), id="trickles"),
    ],
)
def test_a_candidate_that_is_too_slow_costs_the_deadline_and_no_more(
    aws_lambda: Service, reply: Reply
) -> None:
    aws_lambda.always(reply)
    answer, took_ms = timed(lambda: ask(calling()))
    assert answer == Answer(Outcome.TIMEOUT)
    assert took_ms < DEADLINE_MS + LEEWAY_MS
    assert len(aws_lambda.received) == 1


def test_a_candidate_in_time_is_waited_for(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=json.dumps(GOOD).encode(), delay=0.3))
    assert ask(calling(2_000)).outcome is Outcome.ANSWERED


def test_a_candidate_that_may_have_to_start_is_waited_for_beyond_the_deadline(
    aws_lambda: Service,
) -> None:
    aws_lambda.always(Reply(body=json.dumps(GOOD).encode(), delay=2 * DEADLINE_MS / 1_000))
    remaining_ms = CONTROL_NEEDS_MS + 4 * DEADLINE_MS
    answer = calling().ask(ASKED, idempotent=True, remaining_ms=remaining_ms, starts=True)
    assert answer == Answer(Outcome.ANSWERED, GOOD)


def test_a_start_takes_no_more_than_the_invocation_can_spare(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=json.dumps(GOOD).encode(), delay=5))
    remaining_ms = CONTROL_NEEDS_MS + 2 * DEADLINE_MS
    answer, took_ms = timed(
        lambda: calling().ask(ASKED, idempotent=True, remaining_ms=remaining_ms, starts=True)
    )
    assert answer == Answer(Outcome.TIMEOUT)
    assert 2 * DEADLINE_MS - 10 < took_ms < 2 * DEADLINE_MS + LEEWAY_MS


def test_the_first_request_and_the_first_after_a_pause_may_meet_a_start() -> None:
    now = [0.0]
    starts = Starts(idle=300, clock=lambda: now[0])
    found = []
    for at in (0, 1, 300, 601, 602):
        now[0] = at
        found.append(starts.next())
    assert found == [True, False, False, True, False]


def test_what_is_left_of_the_invocation_less_what_control_needs_bounds_the_wait(
    aws_lambda: Service,
) -> None:
    aws_lambda.always(Reply(body=json.dumps(GOOD).encode(), delay=5))
    remaining_ms = CONTROL_NEEDS_MS + 299
    answer, took_ms = timed(lambda: ask(calling(3_000), remaining_ms=remaining_ms))
    assert answer == Answer(Outcome.TIMEOUT)
    assert 290 < took_ms < 299 + LEEWAY_MS


@pytest.mark.parametrize("remaining_ms", [-5, 0, CONTROL_NEEDS_MS, CONTROL_NEEDS_MS + 99])
def test_a_candidate_is_not_asked_when_control_needs_all_that_is_left(
    aws_lambda: Service, remaining_ms: int
) -> None:
    assert ask(calling(), remaining_ms=remaining_ms) == Answer(Outcome.TIMEOUT)
    assert aws_lambda.received == []


def test_a_payload_of_5_mb_goes_and_comes_whole(aws_lambda: Service) -> None:
    large = json.dumps("x" * 5_000_000).encode()
    aws_lambda.script = lambda received: Reply(body=received.body)
    answer = calling(3_000).ask(large, idempotent=True, remaining_ms=PLENTY_MS)
    assert answer == Answer(Outcome.ANSWERED, "x" * 5_000_000)


def test_the_next_user_is_served_after_every_kind_of_failure(aws_lambda: Service) -> None:
    call = calling()
    for reply, _ in FAILURES.values():
        aws_lambda.always(reply)
        ask(call, idempotent=False)
        aws_lambda.always(returned(GOOD))
        assert ask(call) == Answer(Outcome.ANSWERED, GOOD)
    assert len(aws_lambda.received) == 2 * len(FAILURES)
