"""The shadow function: the side that did not answer runs on a copy, and is compared."""

import importlib
import time
from functools import cache
from typing import Any

from shadow_runtime import buckets
from shadow_runtime.answering import answered
from shadow_runtime.compare import Comparison, StaleRules, Verdict, compare, mask
from shadow_runtime.contract import MetricName, Variant
from shadow_runtime.http import MalformedError, Response
from shadow_runtime.sampling import Deduplicator, LogSampler
from shadow_runtime.secret import secret
from shadow_runtime.settings import settings
from shadow_runtime.tee import Copy
from shadow_runtime.telemetry import Measurements, logger, traced

OLDEST_MS = 60_000
"""A copy older than this is dropped: what it would be compared with may have changed since."""

NOISE_PERCENT = 5
"""Share of the copies for which a repeatable control runs again, to learn how it differs itself."""

STALE_AFTER = 1_000
"""Comparisons in one execution environment after which a rule that excused nothing is reported."""

MOST_NOISY_PATHS = 20
"""Paths that are counted one by one: each is a metric of its own, and is paid for."""

_COUNTED_AS = {
    Verdict.MISMATCHED: MetricName.MISMATCHED,
    Verdict.CANDIDATE_ERRORED: MetricName.CANDIDATE_ERRORS,
}

_noisy_paths: set[str] = set()
_deduplicator = Deduplicator()
_log_sampler = LogSampler()


def handler(event: object, _context: object) -> None:
    """Compares one copy. Counts what it drops; keeps nothing and raises nothing."""
    try:
        copy = Copy.from_payload(event)
    except MalformedError:
        return _drop()
    lag = time.time() * 1_000 - copy.sent_at
    if lag > OLDEST_MS:
        return _drop()
    if not _deduplicator.is_first(copy.request.id):
        return None
    measurements = Measurements(request_id=copy.request.id, trace=copy.request.trace)
    measurements.add(MetricName.SHADOW_LAG, max(0.0, lag))
    try:
        _compare_sides(copy, measurements)
    except Exception as error:  # such as a side that cannot be imported; the copy dies here
        logger.error("copy not compared", error=type(error).__name__)
        measurements.add(MetricName.COPIES_DROPPED)
    measurements.flush()
    return None


def _drop() -> None:
    measurements = Measurements()
    measurements.add(MetricName.COPIES_DROPPED)
    measurements.flush()


def _compare_sides(copy: Copy, measurements: Measurements) -> None:
    control, candidate = (_sides()[side] for side in Variant)
    if copy.variant is Variant.CANDIDATE:
        old = _run(Variant.CONTROL, copy, measurements)
        found = compare(old, copy.response, candidate.rules)
    else:
        old, new = copy.response, _run(Variant.CANDIDATE, copy, measurements)
        found = compare(old, new, candidate.rules)
        if control.repeatable and buckets.is_in(
            copy.request.id, NOISE_PERCENT, route=settings().route, purpose="noise"
        ):
            noise = compare(old, answered(control.answer, copy.request), candidate.rules)
            measurements.add(MetricName.NOISE_COMPARED)
            if not noise.agrees:
                measurements.add(MetricName.NOISE)
                _count_paths(noise, measurements)
                _write("noise", copy, noise)
    _count(found, measurements)
    if copy.exposed and not old.is_fault:  # what control fails is no reason to go back to it
        _count(found, measurements, exposed=True)
        _count(found, measurements, version=settings().version)
        if copy.variant is Variant.CANDIDATE:
            _count(found, measurements, variant=Variant.CANDIDATE)
    if not found.agrees:
        _write("mismatch", copy, found)
    usage = _usage()
    usage.add(found)
    if usage.compared == STALE_AFTER and (stale := usage.after(STALE_AFTER)):
        logger.warning("stale rules", rules=stale, compared=usage.compared)


def _count(found: Comparison, measurements: Measurements, **dimensions: Any) -> None:
    measurements.add(MetricName.COMPARED, **dimensions)
    if found.verdict in _COUNTED_AS:
        measurements.add(_COUNTED_AS[found.verdict], **dimensions)


def _count_paths(noise: Comparison, measurements: Measurements) -> None:
    """Noise by path, so that a noisy field does not hide a mismatch in a quiet one."""
    for path in {difference.folded_path for difference in noise.differences}:
        if path in _noisy_paths or len(_noisy_paths) < MOST_NOISY_PATHS:
            _noisy_paths.add(path)
            measurements.add(MetricName.NOISE, path=path)


def _run(side: Variant, copy: Copy, measurements: Measurements) -> Response:
    started = time.perf_counter()
    with traced(side) as annotations:
        response = answered(_sides()[side].answer, copy.request)
        annotations["status"] = response.status
    measurements.add(MetricName.SHADOW_LATENCY, 1_000 * (time.perf_counter() - started))
    return response


def _write(message: str, copy: Copy, found: Comparison) -> None:
    """One line that tells an operator what differs, and nobody anything private."""
    if not _log_sampler.admits(f"{message} {found.fingerprint}"):
        return
    key = _masking_key()
    logger.info(
        message,
        verdict=found.verdict,
        fingerprint=found.fingerprint,
        differences=[difference.record(key) for difference in found.differences],
        user=mask(copy.request.user, key),
        answered_by=copy.variant,
        request_id=copy.request.id,
        trace=copy.request.trace,
    )


@cache
def _sides() -> dict[Variant, Any]:
    """The route's two handlers, `control.py`'s first."""
    return {
        side: importlib.import_module(f"{settings().route_package}.{side}").handler
        for side in Variant
    }


@cache
def _usage() -> StaleRules:
    return StaleRules(_sides()[Variant.CANDIDATE].rules)


@cache
def _masking_key() -> bytes:
    return secret(settings().masking_key).encode()
