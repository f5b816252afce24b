"""How much a route logs is what its plan says that it will cost."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from shadow_runtime import shadow
from shadow_runtime.candidate import Candidate
from shadow_runtime.candidate_call import Answer, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.compare import Rules, StaleRules
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.exchange import Machinery
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.sampling import Deduplicator
from shadow_runtime.tee import Copy, Tee
from shadowctl.plan.usage import COPY_BYTES, EXPOSED_BYTES, ROUTE_BYTES, SERVED_BYTES

ANSWER = Response.json({"name": "Ada"})
REQUEST_ID = "Z67rFiaQS3QA1A="
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"
EVENT = {
    "rawPath": "/users/me",
    "headers": {"x-amzn-trace-id": TRACE},
    "requestContext": {
        "requestId": REQUEST_ID,
        "http": {"method": "GET"},
        "authorizer": {"jwt": {"claims": {"sub": "ada"}}},
    },
}
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 9_000)


class Sent(Tee):
    def __init__(self) -> None:
        pass

    def _invoke(self, payload: bytes) -> Any:
        return None


def control(_: Request) -> Response:
    return ANSWER


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Any:
    return lambda: len(capfd.readouterr().out.encode())


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.LIVE])
def test_a_request(stage: Stage, logged: Any) -> None:
    machinery = Machinery(
        flag=SimpleNamespace(read=lambda: Position(stage), age=11.734),  # type: ignore[arg-type]
        ceiling=stage,
        candidate=SimpleNamespace(  # type: ignore[arg-type]
            ask=lambda *_, **__: Answer(Outcome.ANSWERED, ANSWER)
        ),
        breaker=CircuitBreaker(),
        tee=Sent(),
    )
    Migration(control, machinery, repeatable=False)(EVENT, CONTEXT)
    assert logged() == pytest.approx(ROUTE_BYTES, rel=0.05)


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
    sides = {
        Variant.CONTROL: Migration(control, None, repeatable=False),
        Variant.CANDIDATE: Candidate(control, Rules()),
    }
    monkeypatch.setattr(shadow, "_sides", lambda: sides)
    monkeypatch.setattr(shadow, "_usage", lambda: StaleRules(Rules()))
    monkeypatch.setattr(shadow, "_deduplicator", Deduplicator())
    request = Request.from_event(EVENT)
    copy = Copy(request, variant, ANSWER, exposed=exposed)
    shadow.handler(json.loads(copy.payload()), None)
    assert logged() == pytest.approx(expected, rel=0.05)
