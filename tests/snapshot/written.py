"""Which metrics the runtime writes, found by letting it run: there is no list to grow old."""

import json
import math
import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, product
from typing import Any
from unittest.mock import patch

from shadow_runtime import shadow
from shadow_runtime.aws import Service
from shadow_runtime.candidate import Candidate
from shadow_runtime.candidate_call import Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.compare import Comparison, Rules, StaleRules, Verdict
from shadow_runtime.contract import NAMESPACE, Position, Stage, Variant
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import Handler
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.respond import RouteRuntime
from shadow_runtime.tee import LIMIT, Tee
from tests.runtime.routes import CandidateFunction, Context, Flag, event_of
from tests.runtime.test_copies import copied

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
    region = patch.dict(os.environ, {"AWS_REGION": "eu-central-1"})
    with region, patch("shadow_runtime.telemetry._write", out.append):
        for stage, outcome in product((Stage.SHADOW, Stage.LIVE, Stage.COMPLETE), Outcome):
            for answer in (GOOD, FAULT, HUGE):
                _serve(stage, outcome, partial(_same, answer))
        with patch.object(_Tee, "_invoke"):
            _serve(Stage.SHADOW, Outcome.ANSWERED, lambda _: GOOD)
        for answer in (OTHER, FAULT):
            _compare(Variant.CONTROL, answer)
        for answer in (GOOD, FAULT):  # of which control, asked again, fails
            _compare(Variant.CONTROL, answer, control=FAULT)
        _compare(Variant.CONTROL, OTHER, is_repeatable=False)
        _compare(Variant.CANDIDATE, OTHER)  # its faults reach no user
        for control in (Response(status=204), Response(status=404), FAULT):
            _compare(Variant.CANDIDATE, GOOD, control=control)
        _compare(Variant.CONTROL, GOOD, sent_at=0)
        for _ in range(2):
            _compare(Variant.CONTROL, GOOD, id="delivered twice")
        with patch.object(shadow, "compare", lambda *_: Comparison(Verdict.UNDECIDED)):
            _compare(Variant.CONTROL, GOOD)
        _compare(Variant.CONTROL, GOOD, deadline_ms=0)
        _compare(Variant.CONTROL, Response(status=401))
        _serve(Stage.LIVE, Outcome.ANSWERED, lambda _: GOOD, user="")
        _serve(Stage.LIVE, Outcome.ANSWERED, lambda _: GOOD, method="PUT")
        shadow.handler({}, None)
    return set(_read("\n".join(out)))


def _same(answer: Response, _: Request) -> Response:
    return answer


class _Tee(Tee):
    """A tee in a network that is down."""

    def _invoke(self, payload: bytes) -> Any:
        raise ConnectionError


def _serve(stage: Stage, outcome: Outcome, control: Handler, **request: Any) -> None:
    runtime = RouteRuntime(
        flag=Flag(Position(stage), is_unread=True, age=600),
        ceiling=Stage.COMPLETE,
        candidate=CandidateFunction(outcome, HTTP_API.payload(GOOD)),
        circuit_breaker=CircuitBreaker(failures=1, pause=math.inf),
        tee=_Tee(Service("lambda"), "shadow"),
        deadline_ms=2_000,
    )
    route = Migration(control, runtime)
    for _ in range(2):  # the breaker opens after the first
        route(event_of(id=next(_ids), **request), Context())


def _compare(
    variant: Variant,
    answer: Response,
    *,
    control: Response = GOOD,
    is_repeatable: bool = True,
    **copy: Any,
) -> None:
    handlers = {
        Variant.CONTROL: Migration(lambda _: control, None),
        Variant.CANDIDATE: Candidate(lambda _: answer, Rules()),
    }
    seen = GOOD if variant is Variant.CONTROL else answer
    sent = {"id": next(_ids), "sent_at": time.time() * 1_000, "exposed": True, **copy}
    sent |= {"event": event_of(), "variant": variant, "response": seen}
    route = shadow._Route(handlers, Rules(), is_repeatable=is_repeatable)
    with patch.multiple(
        shadow,
        SECOND_SIGHT_S=0,
        _route=lambda: route,
        _usage=lambda: StaleRules(Rules()),
        _masking_key=lambda: b"key",
    ):
        shadow.handler(json.loads(copied(**sent).payload()), None)


def _read(out: str) -> Iterator[str]:
    for document in map(json.loads, out.splitlines()):
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]:
                dimensions = {name: document[name] for name in names}
                yield from (shape(m["Name"], dimensions) for m in directive["Metrics"])
