"""One request and its answer: who is asked, who stands in, what is copied."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shadow_runtime import assignment, buckets
from shadow_runtime.answering import Side, answered
from shadow_runtime.candidate_call import CandidateCall, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import MetricName, Position, Stage, Variant
from shadow_runtime.flag import FlagReader
from shadow_runtime.http import Request, Response
from shadow_runtime.settings import settings
from shadow_runtime.tee import Copy, Tee
from shadow_runtime.telemetry import Measurements, traced

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing, so that running the other side too changes nothing either."""


@dataclass(frozen=True, slots=True)
class Machinery:
    """What stands between control and the users, once per execution environment."""

    flag: FlagReader
    ceiling: Stage
    candidate: CandidateCall
    breaker: CircuitBreaker
    tee: Tee


class Exchange:
    """One request on its way to one answer.

    `remaining_ms` is what is left of the invocation; the candidate may use it up to its deadline.

    Example:
        >>> Exchange(machinery, control, request, 9_000, Measurements()).respond()  # doctest: +SKIP
    """

    def __init__(
        self,
        machinery: Machinery,
        control: Side,
        request: Request,
        remaining_ms: int,
        measurements: Measurements,
    ) -> None:
        self._machinery = machinery
        self._control = control
        self._request = request
        self._remaining_ms = remaining_ms
        self._measurements = measurements

    def respond(self) -> Response:
        """The answer that the user receives. Never raises."""
        position = self._machinery.flag.read()
        self._measurements.add(MetricName.FLAG_AGE, self._machinery.flag.age)
        stage = min(self._machinery.ceiling, position.stage)
        self._measurements.add(MetricName.STAGE, stage.rank)
        self._measurements.add(MetricName.CANDIDATE_PERCENT, stage.candidate_percent)

        variant = assignment.variant(self._request, position, stage, route=settings().route)
        is_candidate = variant is Variant.CANDIDATE
        response = self._ask_candidate(stage) if is_candidate else self._ask_control()
        if response is None:
            return self._stand_in(stage)
        if self._is_shadowed(stage, position):
            copy = Copy(self._request, variant, response, exposed=stage > Stage.SHADOW)
            self._machinery.tee.send(copy, self._measurements)
        return response

    def _ask_control(self) -> Response:
        with self._measured(Variant.CONTROL) as annotations:
            response = answered(self._control, self._request)
            annotations["outcome"] = Outcome.FAULT if response.is_fault else Outcome.ANSWERED
        return response

    def _ask_candidate(self, stage: Stage) -> Response | None:
        """Its answer; None when it has none that a user may see."""
        if stage < Stage.COMPLETE and not self._machinery.breaker.allows():
            self._measurements.add(MetricName.SHORT_CIRCUITED)
            return None
        with self._measured(Variant.CANDIDATE) as annotations:
            answer = self._machinery.candidate.ask(self._request, remaining_ms=self._remaining_ms)
            annotations["outcome"] = answer.outcome
        is_good = answer.outcome is Outcome.ANSWERED
        self._machinery.breaker.record(ok=is_good)
        if answer.outcome is Outcome.TIMEOUT:
            self._measurements.add(MetricName.TIMEOUTS)
        return answer.response if is_good else None

    def _stand_in(self, stage: Stage) -> Response:
        """Control answers for a candidate that did not, as long as there is a control."""
        if stage == Stage.COMPLETE:
            return Response.error(502, "Bad Gateway")
        self._measurements.add(MetricName.FALLBACKS)
        self._measurements.add(MetricName.FALLBACKS, version=settings().version)
        return answered(self._control, self._request)

    def _is_shadowed(self, stage: Stage, position: Position) -> bool:
        in_sample = buckets.is_in(
            self._request.id, position.shadow_percent, route=settings().route, purpose="shadow"
        )
        return Stage.SHADOW <= stage < Stage.COMPLETE and self._request.method in SAFE and in_sample

    @contextmanager
    def _measured(self, variant: Variant) -> Iterator[dict[str, Any]]:
        """Traces and counts one side's work; the block says its `outcome`."""
        started = time.perf_counter()
        with traced(variant) as annotations:
            yield annotations
        elapsed = 1_000 * (time.perf_counter() - started)
        self._measurements.add(MetricName.REQUESTS, variant=variant)
        self._measurements.add(MetricName.LATENCY, elapsed, variant=variant)
        if annotations["outcome"] is not Outcome.ANSWERED:
            self._measurements.add(MetricName.FAULTS, variant=variant)
