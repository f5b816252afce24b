"""What a copy proves: the same as the request itself, and no more than it can."""

import time
from itertools import count
from typing import Any

import pytest

from shadow_runtime.contract import Variable
from tests.runtime.front_doors.answers import ANSWERS, BARE, REFUSED
from tests.runtime.front_doors.events import DOORS, READ, SAMPLES, WRITTEN, Sample, renewed
from tests.runtime.front_doors.measured import counted, named
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.sides import CANDIDATE, CONTROL, GOOD
from tests.runtime.front_doors.stages import EXPOSED, STAGES

EVERY = ANSWERS | BARE | REFUSED
BY_DOOR = {sample.door: sample for sample in SAMPLES.values() if sample.key}

INVOCATIONS = count()
UNLIKE = {"Mismatched", "CandidateErrors", "Withheld", "CopiesDropped"}


def method_and_path(event: Any) -> Any:
    """An answer that needs no credential."""
    asked = event["requestContext"].get("http") or event
    method = asked.get("method") or asked["httpMethod"]
    query = event.get("rawQueryString") or event.get("queryStringParameters") or ""
    return {"statusCode": 200, "body": f"{method} {asked['path']} {query}"}


def asked(aws: Aws, sample: Sample, stage: str) -> Any:
    return aws.ask(
        CONTROL,
        CANDIDATE,
        renewed(sample.event),
        at=STAGES[stage](sample.key),
        context=Context(aws_request_id=str(next(INVOCATIONS))),
        user=sample.user,
    )


def found(aws: Aws, capfd: pytest.CaptureFixture[str], sample: Sample, stage: str) -> set[str]:
    """What the shadow counts of the one copy of a request."""
    aws.functions.copies.clear()
    asked(aws, sample, stage)
    [copy] = aws.functions.copies
    capfd.readouterr()
    aws.compare(copy)
    return named(counted(capfd.readouterr().out))


@pytest.mark.parametrize("sample", READ.values(), ids=READ)
def test_two_sides_that_agree_are_at_parity_whatever_the_event(
    aws: Aws, capfd: pytest.CaptureFixture[str], sample: Sample
) -> None:
    CONTROL.answer = CANDIDATE.answer = method_and_path
    for stage in ("shadow", "live"):
        counts = found(aws, capfd, sample, stage)
        assert "Compared" in counts, stage
        assert counts.isdisjoint(UNLIKE), stage


@pytest.mark.parametrize("sample", WRITTEN.values(), ids=WRITTEN)
def test_a_request_that_may_change_something_is_not_copied(aws: Aws, sample: Sample) -> None:
    CONTROL.answer = CANDIDATE.answer = GOOD
    for stage in STAGES:
        asked(aws, sample, stage)
    assert aws.functions.copies == []


@pytest.mark.parametrize("answer", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("door", DOORS)
def test_what_the_route_refuses_from_a_candidate_the_shadow_counts_as_its_error(
    aws: Aws, capfd: pytest.CaptureFixture[str], door: str, answer: Any
) -> None:
    CONTROL.answer, CANDIDATE.answer = GOOD, answer
    sample = BY_DOOR[door]
    is_error = "CandidateErrors" in found(aws, capfd, sample, "canary, user of control")
    asked(aws, sample, "canary, user of the candidate")
    is_refused = "Fallbacks" in named(counted(capfd.readouterr().out))
    assert is_error == is_refused


def test_a_candidate_that_users_would_not_wait_for_is_late(
    aws: Aws, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.CANDIDATE_DEADLINE_MS, "200")

    def slow(_: Any) -> Any:
        time.sleep(0.25)
        return GOOD

    CONTROL.answer, CANDIDATE.answer = GOOD, slow
    assert "Late" in found(aws, capfd, SAMPLES["HTTP API: a JWT"], "shadow")
    CANDIDATE.answer = GOOD
    assert "Late" not in found(aws, capfd, SAMPLES["HTTP API: a JWT"], "shadow")


def with_the_token(event: Any) -> Any:
    """An answer that needs the credential."""
    return {"statusCode": 200 if event["headers"].get("authorization") else 401, "body": "{}"}


def test_a_side_that_lacks_what_was_withheld_is_told_from_one_that_differs(
    aws: Aws, capfd: pytest.CaptureFixture[str]
) -> None:
    CONTROL.answer = CANDIDATE.answer = with_the_token
    for stage in ("shadow", *EXPOSED):
        counts = found(aws, capfd, SAMPLES["HTTP API: a JWT"], stage)
        assert "Withheld" in counts, stage
        assert counts.isdisjoint({"Compared", "Mismatched", "CandidateErrors"}), stage


def test_a_healthy_candidate_gets_the_token_where_it_answers(aws: Aws) -> None:
    CONTROL.answer = CANDIDATE.answer = with_the_token
    for stage in STAGES:
        assert asked(aws, SAMPLES["HTTP API: a JWT"], stage)["statusCode"] == 200, stage


def test_what_a_route_withholds_its_candidate_is_not_handed(aws: Aws) -> None:
    CONTROL.answer = CANDIDATE.answer = GOOD
    CANDIDATE.calls.clear()
    sample = SAMPLES["REST API: cookies"]
    aws.ask(
        CONTROL,
        CANDIDATE,
        sample.event,
        at=STAGES["live"](sample.key),
        context=Context(),
        user=sample.user,
        withhold=("Cookie", "x-forwarded-for"),
    )
    [(event, _)] = CANDIDATE.calls
    for part in ("headers", "multiValueHeaders"):
        left = {name.lower() for name in event[part]}
        assert left == {name.lower() for name in sample.event[part]} - {"cookie", "x-forwarded-for"}
