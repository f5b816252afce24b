"""The shadow function: the side that did not answer runs on a copy, and is compared."""

import importlib
import os
import time
from functools import cache
from typing import Any

from shadow_runtime.answering import answered
from shadow_runtime.compare import Comparison, Verdict, compare, mask
from shadow_runtime.contract import MetricName, Variable, Variant
from shadow_runtime.http import MalformedError, Response
from shadow_runtime.secret import secret
from shadow_runtime.tee import Copy
from shadow_runtime.telemetry import Measurements, arm, logger

OLDEST_MS = 60_000
"""A copy older than this is dropped: what it would be compared with may have changed since."""


def handler(event: object, _context: object) -> None:
    """Compares one copy. Counts what it drops; keeps nothing and raises nothing."""
    try:
        copy = Copy.from_payload(event)
    except MalformedError:
        copy = None
    lag = 0.0 if copy is None else time.time() * 1_000 - copy.sent_at
    if copy is None or lag > OLDEST_MS:
        measurements = Measurements()
        measurements.add(MetricName.COPIES_DROPPED)
    else:
        measurements = Measurements(request_id=copy.request.id, trace=copy.request.trace)
        measurements.add(MetricName.SHADOW_LAG, max(0.0, lag))
        _report(copy, _compared(copy, measurements), measurements)
    measurements.flush()


def _compared(copy: Copy, measurements: Measurements) -> Comparison:
    other = Variant.CONTROL if copy.variant is Variant.CANDIDATE else Variant.CANDIDATE
    sides = _sides()
    started = time.perf_counter()
    with arm(other) as annotations:
        response = answered(sides[other].answer, copy.request)
        annotations["status"] = response.status
    measurements.add(MetricName.SHADOW_LATENCY, 1_000 * (time.perf_counter() - started))
    answers: dict[Variant, Response] = {copy.variant: copy.response, other: response}
    rules = sides[Variant.CANDIDATE].rules
    return compare(answers[Variant.CONTROL], answers[Variant.CANDIDATE], rules)


def _report(copy: Copy, comparison: Comparison, measurements: Measurements) -> None:
    measurements.add(MetricName.COMPARED)
    match comparison.verdict:
        case Verdict.CANDIDATE_ERRORED:
            measurements.add(MetricName.CANDIDATE_ERRORS)
        case Verdict.MISMATCHED:
            measurements.add(MetricName.MISMATCHED)
            key = _masking_key()
            logger.info(
                "mismatch",
                fingerprint=comparison.fingerprint,
                differences=[difference.record(key) for difference in comparison.differences],
                user=mask(copy.request.user, key),
                request_id=copy.request.id,
                trace=copy.request.trace,
            )


@cache
def _sides() -> dict[Variant, Any]:
    """The route's two handlers; imported here, so that a broken one is counted, not thrown."""
    package = os.environ[Variable.ROUTE_PACKAGE]
    return {side: importlib.import_module(f"{package}.{side}").handler for side in Variant}


@cache
def _masking_key() -> bytes:
    return secret(os.environ[Variable.MASKING_KEY]).encode()
