"""How much a route logs is what its plan says that it will cost."""

import json
import time
from typing import Any

import pytest

from shadow_runtime import shadow
from shadow_runtime.aws import Service
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import Rules, StaleRules
from shadow_runtime.contract import Stage, Variant
from shadow_runtime.http import Response
from shadow_runtime.migrating import Migration
from shadow_runtime.sampling import Deduplicator
from shadow_runtime.tee import Tee
from shadow_runtime.telemetry import Measurements
from shadowctl.plan.usage import (
    CANDIDATE_BYTES,
    COPY_BYTES,
    EXPOSED_BYTES,
    ROUTE_BYTES,
    SENT_BYTES,
    SERVED_BYTES,
)
from tests.runtime.routes import Route, event_of
from tests.runtime.test_copies import copied

PAYLOAD: dict[str, Any] = {"statusCode": 200, "body": '{"name": "Ada"}'}
REQUEST_ID = "Z67rFiaQS3QA1A="
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"
EVENT = event_of(id=REQUEST_ID, headers={"x-amzn-trace-id": TRACE})


def control(event: Any, context: Any) -> Any:
    return PAYLOAD


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Any:
    return lambda: len(capfd.readouterr().out.encode())


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(Stage.OFF, ROUTE_BYTES), (Stage.SHADOW, ROUTE_BYTES), (Stage.LIVE, CANDIDATE_BYTES)],
)
def test_a_request(stage: Stage, expected: int, logged: Any) -> None:
    route = Route(stage, control, payload=PAYLOAD, ceiling=stage)
    route.ask(EVENT)
    logged()  # the first of an environment, which also says what does not change after it
    route.ask(EVENT)
    assert logged() == pytest.approx(expected, rel=0.05)


class SentTee(Tee):
    """A tee whose copies are all taken."""

    def _invoke(self, payload: bytes) -> Any:
        return None


def test_a_copy_that_is_sent(logged: Any) -> None:
    measurements = Measurements(request_id=REQUEST_ID, trace=TRACE)
    measurements.note(flag_age=1.234)
    SentTee(Service("lambda"), "shadow").send(copied(), measurements)
    measurements.flush()
    assert logged() == pytest.approx(SENT_BYTES, rel=0.05)


@pytest.mark.parametrize(
    ("variant", "exposed", "expected"),
    [
        (Variant.CONTROL, False, COPY_BYTES),
        (Variant.CONTROL, True, EXPOSED_BYTES),
        (Variant.CANDIDATE, True, SERVED_BYTES),
    ],
)
def test_a_copy(
    variant: Variant, exposed: bool, expected: int, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = {
        Variant.CONTROL: Migration(control, None),
        Variant.CANDIDATE: Candidate(control, Rules()),
    }
    route = shadow._Route(handlers, Rules(), is_repeatable=False)
    monkeypatch.setattr(shadow, "_route", lambda: route)
    monkeypatch.setattr(shadow, "_usage", lambda: StaleRules(Rules()))
    monkeypatch.setattr(shadow, "_deduplicator", Deduplicator())
    answer = Response(status=200, body=PAYLOAD["body"])
    copy = copied(
        event=EVENT,
        id=REQUEST_ID,
        trace=TRACE,
        variant=variant,
        response=answer,
        exposed=exposed,
        sent_at=time.time() * 1_000,
    )
    shadow.handler(json.loads(copy.payload()), None)
    assert logged() == pytest.approx(expected, rel=0.05)
