"""Which metrics the runtime writes, found by letting it run: there is no list to grow old."""

import json
import math
from collections.abc import Iterator
from itertools import count, product
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from shadow_runtime import shadow
from shadow_runtime.answering import Side
from shadow_runtime.candidate import Candidate
from shadow_runtime.candidate_call import Answer, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.compare import Rules, StaleRules
from shadow_runtime.contract import NAMESPACE, Position, Stage, Variant
from shadow_runtime.exchange import Machinery
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.tee import LIMIT, Copy, Tee

GOOD, FAULT = Response.json({"name": "Ada"}), Response.error(500, "broken")
OTHER, HUGE = Response.json({"name": "Augusta"}), Response(status=200, body="x" * LIMIT)
_ids = map(str, count())


def shape(name: str, dimensions: dict[str, str]) -> str:
    """A metric as a kind, such as `Requests{Route, Variant=candidate}`: any route, any version."""
    fixed = {"Variant", "Exposed"}
    kinds = [f"{d}={value}" if d in fixed else d for d, value in sorted(dimensions.items())]
    return f"{name}{{{', '.join(kinds)}}}"


def written() -> set[str]:
    """The kinds of metrics that a route and its shadow write, whatever happens to them."""
    out: list[str] = []
    with patch("shadow_runtime.telemetry._write", out.append):
        for stage, outcome in product((Stage.SHADOW, Stage.LIVE, Stage.COMPLETE), Outcome):
            for answer in (GOOD, FAULT, HUGE):
                _serve(stage, outcome, control=lambda _, answer=answer: answer)  # type: ignore[misc]
        for answer in (OTHER, FAULT):
            _compare(Variant.CONTROL, answer)
        _compare(Variant.CANDIDATE, OTHER)  # its faults reach no user
        shadow.handler({}, None)
    return set(_read("\n".join(out)))


class _Tee(Tee):
    """A tee in a network that is down."""

    def __init__(self) -> None:
        pass

    def _invoke(self, payload: bytes) -> Any:
        raise ConnectionError


def _serve(stage: Stage, outcome: Outcome, *, control: Side) -> None:
    answer = Answer(outcome, GOOD if outcome is Outcome.ANSWERED else None)
    machinery = Machinery(
        flag=SimpleNamespace(read=lambda: Position(stage), age=0.0),  # type: ignore[arg-type]
        ceiling=Stage.COMPLETE,
        candidate=SimpleNamespace(ask=lambda *_, **__: answer),  # type: ignore[arg-type]
        breaker=CircuitBreaker(failures=1, pause=math.inf),
        tee=_Tee(),
    )
    event = {
        "rawPath": "/users/me",
        "requestContext": {
            "requestId": next(_ids),
            "http": {"method": "GET"},
            "authorizer": {"jwt": {"claims": {"sub": "ada"}}},
        },
    }
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 9_000)
    route = Migration(control, machinery, repeatable=False)
    for _ in range(2):  # the breaker opens after the first
        route(event, context)


def _compare(variant: Variant, answer: Response) -> None:
    request = Request(method="GET", path="/users/me", user="ada", id=next(_ids))
    sides = {
        Variant.CONTROL: Migration(lambda _: GOOD, None, repeatable=False),
        Variant.CANDIDATE: Candidate(lambda _: answer, Rules()),
    }
    seen = GOOD if variant is Variant.CONTROL else answer
    copy = Copy(request, variant, seen, exposed=True)
    with patch.multiple(
        shadow,
        _sides=lambda: sides,
        _usage=lambda: StaleRules(Rules()),
        _masking_key=lambda: b"key",
    ):
        shadow.handler(json.loads(copy.payload()), None)


def _read(out: str) -> Iterator[str]:
    for document in map(json.loads, out.splitlines()):
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]:
                dimensions = {name: document[name] for name in names}
                yield from (shape(m["Name"], dimensions) for m in directive["Metrics"])
