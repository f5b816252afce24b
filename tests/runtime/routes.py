"""A migrated route with every part in the test's hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shadow_runtime.candidate_call import Answer, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import Handler
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.respond import RouteRuntime
from shadow_runtime.telemetry import Measurements

CONTROL = {"statusCode": 200, "body": "control"}
CANDIDATE = {"statusCode": 200, "body": "candidate"}
DEADLINE_MS = 2_000


class Context:
    """Lambda's context, as far as the runtime looks at it."""

    aws_request_id = "lambda-1"

    def get_remaining_time_in_millis(self) -> int:
        return 9_000


class Flag:
    """A flag that stands where it is put."""

    def __init__(self, position: Position, *, is_unread: bool = False, age: float = 0.0) -> None:
        self.position = position
        self.age = age
        self.is_unread = is_unread

    @contextmanager
    def current(self) -> Iterator[Position]:
        yield self.position


class CandidateFunction:
    """A candidate that meets every request in one way, and keeps them."""

    def __init__(self, outcome: Outcome, payload: Any) -> None:
        self.answer = Answer(outcome, payload if outcome is Outcome.ANSWERED else None)
        self.asked: list[Any] = []
        self.starts: list[bool] = []

    def ask(self, payload: bytes, *, idempotent: bool, remaining_ms: int, starts: bool) -> Answer:
        self.asked.append(json.loads(payload))
        self.starts.append(starts)
        return self.answer


class Tee:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.sent: list[Copy] = []

    def send(self, copy: Copy, measurements: Measurements) -> None:
        self.sent.append(copy)

    @property
    def answers(self) -> list[tuple[Variant, str | bytes]]:
        return [(copy.variant, copy.response.body) for copy in self.sent]


class Route:
    """A route at `stage`, whose candidate ends with `outcome`."""

    def __init__(
        self,
        stage: Stage,
        control: Handler = lambda event, context: CONTROL,
        *,
        outcome: Outcome = Outcome.ANSWERED,
        payload: Any = None,
        ceiling: Stage = Stage.COMPLETE,
        declared: dict[str, Any] | None = None,
        **position: Any,
    ) -> None:
        self.candidate = CandidateFunction(outcome, payload or CANDIDATE)
        self.tee = Tee()
        self.flag = Flag(Position(stage, **position))
        runtime = RouteRuntime(
            flag=self.flag,
            ceiling=ceiling,
            candidate=self.candidate,
            circuit_breaker=CircuitBreaker(clock=lambda: 0.0),
            tee=self.tee,
            deadline_ms=DEADLINE_MS,
        )
        self.handler = Migration(control, runtime, **(declared or {}))

    def ask(self, event: Any = None, **request: Any) -> Any:
        """What the handler answers to `event`, or to a request of Ada's."""
        return self.handler(event or event_of(**request), Context())


def event_of(**request: Any) -> dict[str, Any]:
    """An event of an HTTP API."""
    asked = {"method": "GET", "path": "/users/me", "user": "ada", "id": "1", **request}
    return HTTP_API.event(Request(**asked))


def counted(capfd: pytest.CaptureFixture[str]) -> dict[str, float]:
    """What was written: sums by metric and its dimensions, such as `Faults Variant=control`."""
    found: dict[str, float] = {}
    for line in capfd.readouterr().out.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                by = "".join(f" {name}={document[name]}" for name in names if name != "Route")
                for metric in directive["Metrics"]:
                    key = f"{metric['Name']}{by}"
                    found[key] = found.get(key, 0) + sum(document[metric["Name"]])
    return found


def typed(request: Request) -> Response:
    """Control in the typed form."""
    return Response.json({"user": request.user})
