"""The candidate call against a Lambda that answers, refuses, fails or hangs: a user waits no longer
than the deadline, and the candidate is never asked twice."""

import json
import time
from collections.abc import Callable

import pytest

from shadow_runtime import candidate_call
from shadow_runtime.candidate_call import Answer, CandidateCall, Outcome
from shadow_runtime.contract import CONTROL_NEEDS_MS
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Response
from tests.runtime.played import HANG_UP, Reply, Service, error, nobody_there

DEADLINE_MS = 300
LEEWAY_MS = 300
PLENTY_MS = 9_000
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:candidate:7"
PAYLOAD = '{"path": "/users/東京"}'.encode()
GOOD = Response.json({"id": "ada"})


ANSWERED = Answer(Outcome.ANSWERED, HTTP_API.payload(GOOD))


def payload(response: Response) -> bytes:
    return json.dumps(HTTP_API.payload(response)).encode()


def ask(deadline_ms: int = DEADLINE_MS, remaining_ms: int = PLENTY_MS) -> Answer:
    call = CandidateCall(FUNCTION, deadline_ms=deadline_ms)
    return call.ask(PAYLOAD, idempotent=True, remaining_ms=remaining_ms)


def timed(asking: Callable[[], Answer]) -> tuple[Answer, float]:
    """The answer, and the milliseconds that it took."""
    started = time.perf_counter()
    answer = asking()
    return answer, 1_000 * (time.perf_counter() - started)


def test_the_candidates_answer_is_the_users(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=payload(GOOD)))
    assert ask() == ANSWERED


@pytest.mark.parametrize("answer", [{"id": "ada"}, [], "text", 0, None, {"statusCode": 503}])
def test_what_an_answer_means_is_not_judged_here(aws_lambda: Service, answer: object) -> None:
    aws_lambda.always(Reply(body=json.dumps(answer).encode()))
    assert ask() == Answer(Outcome.ANSWERED, answer)


def test_the_version_asked_is_the_one_named_and_it_is_asked_to_answer(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=payload(GOOD)))
    ask()
    [received] = aws_lambda.received
    assert received.path.startswith("/2015-03-31/functions/arn%3Aaws%3Alambda%3A")
    assert received.path.endswith("%3Acandidate%3A7/invocations")
    assert received.headers.get("x-amz-invocation-type", "RequestResponse") == "RequestResponse"


def test_the_candidate_is_sent_the_payload_as_it_is(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=payload(GOOD)))
    ask()
    [received] = aws_lambda.received
    assert received.body == PAYLOAD


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
        Reply(200, payload(GOOD), {"x-amz-function-error": "Unhandled"}),
        Outcome.FAULT,
    ),
    "hangs up": (HANG_UP, Outcome.FAULT),
    "hangs up within the answer": (
        Reply(200, payload(GOOD)[:20], {"content-length": "99", "connection": "close"}),
        Outcome.FAULT,
    ),
    "half an answer": (Reply(200, payload(GOOD)[:20]), Outcome.MALFORMED),
    "no JSON": (Reply(200, b"<html>"), Outcome.MALFORMED),
    "no text": (Reply(200, b"\xff\xfe\x00"), Outcome.MALFORMED),
    "nothing": (Reply(200, b""), Outcome.MALFORMED),
}


@pytest.mark.parametrize(("reply", "outcome"), FAILURES.values(), ids=FAILURES)
def test_a_candidate_that_fails_is_told_by_its_outcome_and_never_asked_again(
    aws_lambda: Service, reply: Reply | None, outcome: Outcome
) -> None:
    aws_lambda.always(reply)
    assert ask().outcome is outcome
    assert len(aws_lambda.received) == 1


def test_an_answer_nested_too_deeply_is_malformed(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(200, b"[" * 100_000))
    assert ask().outcome is Outcome.MALFORMED


def test_a_refused_connection_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        candidate_call._client.cache_clear()
        assert ask().outcome is Outcome.FAULT


def test_a_candidate_that_sleeps_costs_the_deadline_and_no_more(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=payload(GOOD), delay=5))
    answer, took_ms = timed(ask)
    assert answer == Answer(Outcome.TIMEOUT)
    assert took_ms < DEADLINE_MS + LEEWAY_MS
    assert len(aws_lambda.received) == 1


def test_a_candidate_in_time_is_waited_for(aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=payload(GOOD), delay=0.3))
    assert ask(deadline_ms=2_000).outcome is Outcome.ANSWERED


def test_what_is_left_of_the_invocation_less_what_control_needs_bounds_the_wait(
    aws_lambda: Service,
) -> None:
    aws_lambda.always(Reply(body=payload(GOOD), delay=5))
    remaining_ms = CONTROL_NEEDS_MS + 299
    answer, took_ms = timed(lambda: ask(deadline_ms=3_000, remaining_ms=remaining_ms))
    assert answer == Answer(Outcome.TIMEOUT)
    assert took_ms < remaining_ms - CONTROL_NEEDS_MS + LEEWAY_MS


@pytest.mark.parametrize("remaining_ms", [-5, 0, CONTROL_NEEDS_MS, CONTROL_NEEDS_MS + 99])
def test_a_candidate_is_not_asked_when_control_needs_all_that_is_left(
    aws_lambda: Service, remaining_ms: int
) -> None:
    assert ask(remaining_ms=remaining_ms) == Answer(Outcome.TIMEOUT)
    assert aws_lambda.received == []


def test_an_answer_of_5_mb_arrives_whole(aws_lambda: Service) -> None:
    large = Response.json("x" * 5_000_000)
    aws_lambda.always(Reply(body=payload(large)))
    assert ask(deadline_ms=3_000) == Answer(Outcome.ANSWERED, HTTP_API.payload(large))


def test_the_next_user_is_served_after_every_kind_of_failure(aws_lambda: Service) -> None:
    call = CandidateCall(FUNCTION, deadline_ms=DEADLINE_MS)
    for reply, _ in FAILURES.values():
        aws_lambda.always(reply)
        call.ask(PAYLOAD, idempotent=True, remaining_ms=PLENTY_MS)
        aws_lambda.always(Reply(body=payload(GOOD)))
        assert call.ask(PAYLOAD, idempotent=True, remaining_ms=PLENTY_MS) == ANSWERED
    assert len(aws_lambda.received) == 2 * len(FAILURES)
