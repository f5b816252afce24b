"""The shadow function: the side that did not answer runs on a copy, and is compared."""

import importlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from shadow_runtime import assignment
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import (
    EXACT,
    Comparison,
    PairClass,
    Rules,
    StaleRules,
    Verdict,
    compare,
    mask,
    pair_class,
)
from shadow_runtime.contract import MOST_NOISY_PATHS, MetricName, Variant
from shadow_runtime.copies import Copy, without_credentials
from shadow_runtime.credentials import watched
from shadow_runtime.front_doors import MalformedError, UnsupportedEventError, front_door
from shadow_runtime.handlers import MARK, call_safely, find
from shadow_runtime.http import Response
from shadow_runtime.migrating import Migration
from shadow_runtime.sampling import Deduplicator, LogSampler
from shadow_runtime.secret import secret
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import Measurements, logger, traced

OLDEST_MS = 60_000
"""A copy older than this is dropped: what it would be compared with may have changed since."""

TIMEOUT_MS = 15_000
"""Of the function, where its context does not say what is left of it."""

RESERVED_MS = 1_000
"""Kept of that time, so that a copy's end is written before Lambda ends the process."""

AGAIN_S = 0.1
"""Until a side that went on when its time was up is told once more: a finalizer swallows it."""

SECOND_SIGHT_S = 0.5
"""After a difference, before both sides are asked again."""

NOISE_PERCENT = 5
"""Share of the copies for which a repeatable control runs again, to learn how it differs itself."""

STALE_AFTER = 1_000
"""Comparisons in one execution environment after which a rule that excused nothing is reported."""


class Sight(StrEnum):
    """How sure a difference is: a write between two answers makes them differ once.

    Both sides are asked again, together. `CONFIRMED` differs again in the same place, `FIRST` does
    not differ any more; `UNSETTLED` is all else, as where control may not be asked twice.
    """

    FIRST = "first"
    UNSETTLED = "unsettled"
    CONFIRMED = "confirmed"


class SecondSights:
    """How many second sights an execution environment affords: 20 at once, one more each 2 seconds.

    In a flood of differences most are taken for what the last one in the same places was.

    Example:
        >>> seconds = SecondSights(clock=lambda: 0.0)
        >>> [seconds.sight("c0ffee", lambda: Sight.CONFIRMED) for _ in range(20)][-1]
        <Sight.CONFIRMED: 'confirmed'>
        >>> seconds.sight("c0ffee", lambda: Sight.FIRST), seconds.sight("ba4", lambda: Sight.FIRST)
        (<Sight.CONFIRMED: 'confirmed'>, <Sight.UNSETTLED: 'unsettled'>)
    """

    AT_ONCE = 20
    EACH_S = 2
    MOST_FINGERPRINTS = 1_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at = clock()
        self._last: dict[str, Sight] = {}

    def sight(self, fingerprint: str, look: Callable[[], Sight]) -> Sight:
        """What `look` finds; over the budget, what it found the last time."""
        now = self._clock()
        if self._full_at - now > self.EACH_S * (self.AT_ONCE - 1):
            return self._last.get(fingerprint, Sight.UNSETTLED)
        self._full_at = max(self._full_at, now) + self.EACH_S
        found = look()
        if fingerprint in self._last or len(self._last) < self.MOST_FINGERPRINTS:
            self._last[fingerprint] = found
        return found


_PROVING_LITTLE = {
    PairClass.REFUSED: MetricName.REFUSED,
    PairClass.EMPTY: MetricName.EMPTY,
}

_noisy_paths: set[str] = set()
_deduplicator = Deduplicator()
_log_sampler = LogSampler()
_second_sights = SecondSights()


class DroppedError(Exception):
    """A copy ends without a comparison; `reason` counts it."""

    def __init__(self, reason: MetricName) -> None:
        super().__init__(reason)
        self.reason = reason


class OverdueError(BaseException):
    """The function's time is up, and a side still runs; no `except Exception` of its own stops it.

    Lambda would end the process, and nothing would tell what became of the copy.
    """


def handler(event: object, context: object) -> None:
    """Brings a copy to its one end: compared, or dropped for a reason. Raises nothing.

    A copy that Lambda lost, or whose process ended, is in Lambda's own counts alone.
    """
    measurements = Measurements()
    try:
        copy = Copy.from_payload(event)
        measurements = Measurements(request_id=copy.id, trace=copy.trace)
        _accept(copy)
        _compare_sides(_Sides(copy, context), measurements)
    except (MalformedError, UnsupportedEventError):
        _drop(MetricName.MALFORMED, measurements)
    except DroppedError as dropped:
        _drop(dropped.reason, measurements)
    except OverdueError:
        _drop(MetricName.LATE, measurements)
    except BaseException as error:  # such as a side that cannot be imported; the copy dies here
        logger.error("copy not compared", error=type(error).__name__)
        _drop(MetricName.SIDE_FAILED, measurements)
    measurements.flush()


def _accept(copy: Copy) -> None:
    front_door(copy.event)  # or it is none
    if not _deduplicator.is_first(copy.id):
        raise DroppedError(MetricName.DUPLICATE)
    lag = time.time() * 1_000 - copy.sent_at
    if lag > OLDEST_MS:
        raise DroppedError(MetricName.EXPIRED)
    # Without a word of its end the process was killed.
    logger.info("copy begun", lag_ms=round(lag), request_id=copy.id, trace=copy.trace)


def _drop(reason: MetricName, measurements: Measurements) -> None:
    measurements.add(reason)
    if reason is not MetricName.DUPLICATE:  # of a copy that has its end
        measurements.add(MetricName.COPIES_DROPPED)
        measurements.add(MetricName.COPIES_LOST)


def _compare_sides(sides: "_Sides", measurements: Measurements) -> None:
    """Counts last, so that a copy which fails on the way has the one count of that."""
    copy = sides.copy
    with sides.in_time():
        route = _route()
    ran = sides.run(copy.variant.other)
    is_shown = copy.variant is Variant.CANDIDATE
    old, new = (ran.response, copy.response) if is_shown else (copy.response, ran.response)
    found = sides.compared(old, new)
    if not is_shown and ran.elapsed_ms > copy.deadline_ms:
        raise DroppedError(MetricName.LATE)
    if ran.lacked and not found.agrees:
        raise DroppedError(MetricName.WITHHELD)
    if old.is_fault:  # nothing to compare with, whatever the candidate does
        raise DroppedError(MetricName.SIDE_FAILED)
    if found.verdict is Verdict.UNDECIDED:
        raise DroppedError(MetricName.UNDECIDED)
    sight = sides.sight(found) if found.verdict is Verdict.MISMATCHED else None
    if not is_shown and route.is_repeatable and _is_sampled(copy):
        sides.count_noise(measurements)
    if not found.agrees:
        _write("mismatch", copy, found, sight=sight)
    usage = _usage()
    usage.add(found)
    if usage.compared == STALE_AFTER and (stale := usage.after(STALE_AFTER)):
        logger.warning("stale rules", rules=stale, compared=usage.compared)
    _count(copy, old, found, sight, measurements)


class _Ran(NamedTuple):
    """What a side answered to a copy, and whether it could for want of what the copy lacks."""

    response: Response
    lacked: bool
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides of the route, to be asked what `copy` holds, within the invocation's time."""

    copy: Copy
    context: Any

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Ends what runs in the block, wherever it is, a second before Lambda would.

        Raises:
            OverdueError: the time is up.
        """

        def ring(*_: object) -> None:
            raise OverdueError

        remaining = getattr(self.context, "get_remaining_time_in_millis", lambda: TIMEOUT_MS)
        left_ms = remaining() - RESERVED_MS
        if left_ms <= 0:
            raise OverdueError
        before = signal.signal(signal.SIGALRM, ring)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, left_ms / 1_000, AGAIN_S)
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:  # twice: it may ring in the line above, but not again so soon
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def run(self, side: Variant) -> _Ran:
        """Has a side answer a copy of its own.

        It lacked something when it refused (401, 403), or looked up a name that was withheld: then
        a difference is no fault of either side.
        """
        copy = self.copy
        asked: list[str] = []
        event = watched(copy.event, copy.withheld, asked)
        event[MARK] = {"user": copy.user}
        handler = _route().handlers[side]
        started = time.perf_counter()
        with self.in_time(), traced(side) as annotations:
            payload = call_safely(lambda: handler(event, self.context), copy.event)
            response = without_credentials(front_door(copy.event).served(payload))
            annotations["status"] = response.status
        elapsed = 1_000 * (time.perf_counter() - started)
        refused = bool(copy.withheld) and response.status in (401, 403)
        return _Ran(response, refused or bool(asked), elapsed)

    def compared(self, control: Response, candidate: Response) -> Comparison:
        """What differs; undecided if the time is up first."""
        try:
            with self.in_time():
                return compare(control, candidate, _route().rules)
        except OverdueError:
            return Comparison(Verdict.UNDECIDED)

    def sight(self, first: Comparison) -> Sight:
        """Whether the difference stays when both sides are asked again."""
        if not _route().is_repeatable:
            return Sight.UNSETTLED
        return _second_sights.sight(first.fingerprint, lambda: self._second_sight(first))

    def _second_sight(self, first: Comparison) -> Sight:
        with suppress(OverdueError, Exception):
            with self.in_time():
                time.sleep(SECOND_SIGHT_S)
            control, candidate = (self.run(side) for side in Variant)
            again = self.compared(control.response, candidate.response)
            if again.agrees:
                return Sight.FIRST
            lacked = control.lacked or candidate.lacked or control.response.is_fault
            return Sight.CONFIRMED if not lacked and again.repeats(first) else Sight.UNSETTLED
        return Sight.UNSETTLED

    def count_noise(self, measurements: Measurements) -> None:
        """How control, asked twice together, differs from itself: what users write is no noise.

        Also by path, so that a noisy field does not hide a mismatch in a quiet one.
        """
        with suppress(OverdueError, Exception):
            again = self.run(Variant.CONTROL)
            noise = self.compared(self.copy.response, again.response)
            if not noise.agrees:
                if again.lacked or again.response.is_fault:
                    return
                third = self.run(Variant.CONTROL)
                noise = self.compared(again.response, third.response)
            if noise.verdict in (Verdict.UNDECIDED, Verdict.CANDIDATE_ERRORED):
                return  # control's failures are counted where they meet users
            measurements.add(MetricName.NOISE_COMPARED)
            if noise.agrees:
                return
            measurements.add(MetricName.NOISE)
            for path in {difference.folded_path for difference in noise.differences}:
                if path in _noisy_paths or len(_noisy_paths) < MOST_NOISY_PATHS:
                    _noisy_paths.add(path)
                    measurements.add(MetricName.NOISE, path=path)
            _write("noise", self.copy, noise)


def _is_sampled(copy: Copy) -> bool:
    return assignment.is_in(copy.id, NOISE_PERCENT, route=settings().route, purpose="noise")


def _count(
    copy: Copy,
    old: Response,
    found: Comparison,
    sight: Sight | None,
    measurements: Measurements,
) -> None:
    counted = [MetricName.COMPARED]
    if found.verdict is Verdict.CANDIDATE_ERRORED:
        counted.append(MetricName.CANDIDATE_ERRORS)
    if sight is Sight.CONFIRMED:
        counted.append(MetricName.MISMATCHED)
    for name in counted:
        measurements.add(name)
        if copy.exposed and copy.variant is Variant.CANDIDATE:
            measurements.add(name, variant=Variant.CANDIDATE)
    if copy.exposed:  # what alarms hear
        for name in (MetricName.COMPARED, *[MetricName.WRONG for _ in counted[1:]]):
            measurements.add(name, exposed=True)
            measurements.add(name, version=settings().version)
    if proves_little := _PROVING_LITTLE.get(pair_class(old)):
        measurements.add(proves_little)
    if sight in (Sight.FIRST, Sight.UNSETTLED):
        measurements.add(MetricName.FIRST_SIGHT)
    if sight is Sight.UNSETTLED:
        measurements.add(MetricName.UNSETTLED)


def _write(message: str, copy: Copy, found: Comparison, **fields: Any) -> None:
    """One line that tells an operator what differs, and nobody anything private."""
    if not _log_sampler.admits(" ".join([message, found.fingerprint, *map(str, fields.values())])):
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
        **fields,
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
