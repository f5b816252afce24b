"""The shadow function: the side that did not answer runs on a copy, and is compared."""

import importlib
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from shadow_runtime import assignment
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import EXACT, Comparison, Rules, StaleRules, Verdict, compare, mask
from shadow_runtime.contract import MetricName, Variant
from shadow_runtime.copies import Copy, without_credentials
from shadow_runtime.credentials import watched
from shadow_runtime.front_doors import MalformedError, front_door
from shadow_runtime.handlers import MARK, call_safely, find
from shadow_runtime.http import Response
from shadow_runtime.migrating import Migration
from shadow_runtime.sampling import Deduplicator, LogSampler
from shadow_runtime.secret import secret
from shadow_runtime.settings import settings
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


def handler(event: object, context: object) -> None:
    """Compares one copy. Counts what it drops; keeps nothing and raises nothing."""
    try:
        copy = Copy.from_payload(event)
    except MalformedError:
        return _drop()
    lag = time.time() * 1_000 - copy.sent_at
    if lag > OLDEST_MS:
        return _drop()
    if not _deduplicator.is_first(copy.id):
        return None
    measurements = Measurements(request_id=copy.id, trace=copy.trace)
    measurements.add(MetricName.SHADOW_LAG, max(0.0, lag))
    try:
        _compare_sides(copy, context, measurements)
    except Exception as error:  # such as a side that cannot be imported; the copy dies here
        logger.error("copy not compared", error=type(error).__name__)
        measurements.add(MetricName.COPIES_DROPPED)
    measurements.flush()
    return None


def _drop() -> None:
    measurements = Measurements()
    measurements.add(MetricName.COPIES_DROPPED)
    measurements.flush()


class _Ran(NamedTuple):
    """What a side answered to a copy, and whether it could for want of what the copy lacks."""

    response: Response
    lacked: bool


def _compare_sides(copy: Copy, context: object, measurements: Measurements) -> None:
    route = _route()
    if copy.variant is Variant.CANDIDATE:
        ran = _run(Variant.CONTROL, copy, context, measurements)
        old, new = ran.response, copy.response
    else:
        ran = _run(Variant.CANDIDATE, copy, context, measurements)
        old, new = copy.response, ran.response
    found = compare(old, new, route.rules)
    if ran.lacked and not found.agrees:
        measurements.add(MetricName.WITHHELD)
        return
    if copy.variant is Variant.CONTROL and route.is_repeatable and _is_sampled(copy):
        again = _run(Variant.CONTROL, copy, context, Measurements())
        noise = compare(old, again.response, route.rules)
        if noise.agrees or not again.lacked:
            _count_noise(copy, noise, measurements)
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


def _run(side: Variant, copy: Copy, context: object, measurements: Measurements) -> _Ran:
    """Has a side answer a copy of its own.

    It lacked something when it refused (401, 403), or looked up a name that was withheld: then a
    difference is no fault of either side.
    """
    asked: list[str] = []
    event = watched(copy.event, copy.withheld, asked)
    event[MARK] = {"user": copy.user}
    handler = _route().handlers[side]
    started = time.perf_counter()
    with traced(side) as annotations:
        payload = call_safely(lambda: handler(event, context), copy.event)
        response = without_credentials(front_door(copy.event).served(payload))
        annotations["status"] = response.status
    elapsed = 1_000 * (time.perf_counter() - started)
    measurements.add(MetricName.SHADOW_LATENCY, elapsed)
    if side is Variant.CANDIDATE and elapsed > copy.deadline_ms:
        measurements.add(MetricName.LATE)
    refused = bool(copy.withheld) and response.status in (401, 403)
    return _Ran(response, refused or bool(asked))


def _is_sampled(copy: Copy) -> bool:
    return assignment.is_in(copy.id, NOISE_PERCENT, route=settings().route, purpose="noise")


def _count(found: Comparison, measurements: Measurements, **dimensions: Any) -> None:
    measurements.add(MetricName.COMPARED, **dimensions)
    if found.verdict in _COUNTED_AS:
        measurements.add(_COUNTED_AS[found.verdict], **dimensions)


def _count_noise(copy: Copy, noise: Comparison, measurements: Measurements) -> None:
    """Also by path, so that a noisy field does not hide a mismatch in a quiet one."""
    measurements.add(MetricName.NOISE_COMPARED)
    if noise.agrees:
        return
    measurements.add(MetricName.NOISE)
    for path in {difference.folded_path for difference in noise.differences}:
        if path in _noisy_paths or len(_noisy_paths) < MOST_NOISY_PATHS:
            _noisy_paths.add(path)
            measurements.add(MetricName.NOISE, path=path)
    _write("noise", copy, noise)


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
        user=mask(copy.user, key),
        answered_by=copy.variant,
        request_id=copy.id,
        trace=copy.trace,
    )


@dataclass(frozen=True, slots=True)
class _Route:
    """The route's two handlers with all their decorators, and what ours among these say."""

    handlers: dict[Variant, Any]
    rules: Rules
    is_repeatable: bool


@cache
def _route() -> _Route:
    handlers = {
        side: importlib.import_module(f"{settings().route_package}.{side}").handler
        for side in Variant
    }
    control = find(Migration, handlers[Variant.CONTROL])
    candidate = find(Candidate, handlers[Variant.CANDIDATE])
    return _Route(
        handlers,
        rules=candidate.rules if candidate else EXACT,
        is_repeatable=control is not None and control.repeatable,
    )


@cache
def _usage() -> StaleRules:
    return StaleRules(_route().rules)


@cache
def _masking_key() -> bytes:
    return secret(settings().masking_key).encode()
