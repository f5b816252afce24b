"""Who answers: the one decision between a user and two data sources."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config

from shadow_runtime import buckets
from shadow_runtime.answering import Side, answered
from shadow_runtime.candidate_call import CandidateCall, Outcome
from shadow_runtime.contract import MetricName, Stage, Variable, Variant
from shadow_runtime.flag import FlagReader
from shadow_runtime.http import Request, Response
from shadow_runtime.tee import Tee
from shadow_runtime.telemetry import ROUTE, VERSION, Measurements, arm

_SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing, so that running the other side too changes nothing either."""


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Machinery:
    """What the construct's settings bring: flag, ceiling, candidate and tee."""

    flag: FlagReader
    ceiling: Stage
    candidate: CandidateCall
    tee: Tee


class Migration:
    """A Lambda handler around the old code; `answer` is that code itself.

    Example:
        >>> @migrating
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.answer(Request(method="GET", path="/", user="ada")).status
        200
    """

    def __init__(self, answer: Side, machinery: Machinery | None) -> None:
        self.answer = answer
        self._machinery = machinery

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answers the HTTP API's `event`, and counts what happened."""
        request = Request.from_event(event)
        if not request.user:  # before any data is read
            return Response.error(401, "Unauthorized").payload()
        measurements = Measurements(request_id=request.id, trace=request.trace)
        try:
            response = self._respond(request, context, measurements)
            if response.is_fault:
                measurements.add(MetricName.FAULTS, version=VERSION)
            return response.payload()
        finally:
            measurements.flush()

    def _respond(
        self, request: Request, context: LambdaContext, measurements: Measurements
    ) -> Response:
        machinery = self._machinery
        if machinery is None:
            raise RuntimeError("this handler runs in a function that ShadowCanaryService made")
        position = machinery.flag.read()
        measurements.add(MetricName.FLAG_AGE, machinery.flag.age)
        stage = min(machinery.ceiling, position.stage)

        variant = Variant.CONTROL
        if _drawn(request.user, stage.candidate_percent, "canary"):
            variant = Variant.CANDIDATE
            asked = _ask(machinery.candidate, request, context, measurements)
            if asked is None:
                return self._instead(request, stage, measurements)
            response = asked
        else:
            response = self._control(request, measurements)

        shadowed = Stage.SHADOW <= stage < Stage.COMPLETE and request.method in _SAFE
        if shadowed and _drawn(request.id, position.shadow_percent, "shadow"):
            machinery.tee.send(request, variant, response, measurements)
        return response

    def _control(self, request: Request, measurements: Measurements) -> Response:
        with _measured(Variant.CONTROL, measurements) as annotations:
            response = answered(self.answer, request)
            annotations["outcome"] = Outcome.FAULT if response.is_fault else Outcome.ANSWERED
        return response

    def _instead(self, request: Request, stage: Stage, measurements: Measurements) -> Response:
        """Control answers for a candidate that did not, as long as there is a control."""
        if stage == Stage.COMPLETE:
            return Response.error(502, "Bad Gateway")
        measurements.add(MetricName.FALLBACKS)
        return answered(self.answer, request)


def migrating(answer: Side) -> Migration:
    """Makes `answer`, the old code of a route, the handler of the route function."""
    return Migration(answer, _machinery() if Variable.FLAG_PROFILE in os.environ else None)


def _drawn(key: str, percent: float, purpose: str) -> bool:
    return buckets.is_in(key, percent, route=ROUTE, purpose=purpose)


def _ask(
    candidate: CandidateCall,
    request: Request,
    context: LambdaContext,
    measurements: Measurements,
) -> Response | None:
    """The candidate's answer; None when it has none that a user may see."""
    with _measured(Variant.CANDIDATE, measurements) as annotations:
        answer = candidate.ask(request, remaining_ms=context.get_remaining_time_in_millis())
        annotations["outcome"] = answer.outcome
    if answer.outcome is Outcome.TIMEOUT:
        measurements.add(MetricName.TIMEOUTS)
    return answer.response if answer.outcome is Outcome.ANSWERED else None


@contextmanager
def _measured(variant: Variant, measurements: Measurements) -> Iterator[dict[str, Any]]:
    """Traces and counts one side's work; the block says its `outcome`."""
    started = time.perf_counter()
    with arm(variant) as annotations:
        yield annotations
    elapsed = 1_000 * (time.perf_counter() - started)
    measurements.add(MetricName.REQUESTS, variant=variant)
    measurements.add(MetricName.LATENCY, elapsed, variant=variant)
    if annotations["outcome"] is not Outcome.ANSWERED:
        measurements.add(MetricName.FAULTS, variant=variant)


def _machinery() -> Machinery:
    flag = boto3.client(
        "appconfigdata",
        config=Config(connect_timeout=0.2, read_timeout=0.5, retries={"total_max_attempts": 1}),
    )
    return Machinery(
        flag=FlagReader(
            flag,
            application=os.environ[Variable.FLAG_APPLICATION],
            environment=os.environ[Variable.FLAG_ENVIRONMENT],
            profile=os.environ[Variable.FLAG_PROFILE],
        ),
        ceiling=Stage.parse(os.environ[Variable.CEILING]),
        candidate=CandidateCall(
            os.environ[Variable.CANDIDATE],
            deadline_ms=int(os.environ[Variable.CANDIDATE_DEADLINE_MS]),
        ),
        tee=Tee(os.environ[Variable.SHADOW]),
    )
