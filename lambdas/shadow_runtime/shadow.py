"""The shadow function: the side that did not answer runs on a copy, and is compared."""

import importlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

from shadow_runtime import assignment
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import (
    EXACT,
    Comparison,
    PairClass,
    Pairs,
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
from shadow_runtime.front_doors import (
    HTTP_API,
    MalformedError,
    UnsupportedEventError,
    front_door,
)
from shadow_runtime.handlers import MARK, call_safely, find
from shadow_runtime.http import Response
from shadow_runtime.migrating import Migration
from shadow_runtime.recording import form, masked
from shadow_runtime.sampling import AskedAgain, Deduplicator, LogSampler
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

STALE_AFTER = 1_000
"""Comparisons in one execution environment after which a rule that excused nothing is reported."""


class Sight(StrEnum):
    """What a difference is: a write between two answers makes them differ once, noise again.

    Both sides are asked again, together, and control twice. `CONFIRMED`: the candidate differs
    again in the same place, and wherever control differs from itself; or it failed, and control
    does not. `CONTROL` is the same with the roles changed, so that where both sides are alike the
    two are as likely. `BOTH`: they differ in one another's places. `FIRST`: nothing differs any
    more. `UNSETTLED` is all else, as where control may not be asked twice.
    """

    FIRST = "first"
    UNSETTLED = "unsettled"
    CONFIRMED = "confirmed"
    CONTROL = "control"
    BOTH = "both"


class SecondSights:
    """How many second sights an execution environment affords: 20 at once, one more each 2 seconds.

    In a flood of differences most are taken for what those in the same places were found to be; if
    they were found to be this and that, nothing is settled.

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
        self._found: dict[str, Sight] = {}

    def sight(self, fingerprint: str, look: Callable[[], Sight]) -> Sight:
        """What `look` finds; over the budget, what it found each time so far."""
        now = self._clock()
        if self._full_at - now > self.EACH_S * (self.AT_ONCE - 1):
            return self._found.get(fingerprint, Sight.UNSETTLED)
        self._full_at = max(self._full_at, now) + self.EACH_S
        found = look()
        if fingerprint in self._found or len(self._found) < self.MOST_FINGERPRINTS:
            before = self._found.get(fingerprint, found)
            self._found[fingerprint] = found if before is found else Sight.UNSETTLED
        return found


class Rehearsed(Protocol):
    """What the candidate came to in a dry run: its answer, and the rows of both sides."""

    @property
    def answer(self) -> Any: ...

    @property
    def pairs(self) -> Pairs: ...


class Rehearsals(Protocol):
    """What is loaded for the copy of a write: `dataset_runtime.rehearsal`."""

    def rehearsed(self, write: Mapping[str, Any], answer: Callable[[], Any]) -> Rehearsed:
        """What calling `answer` came to, on the state that control had; nothing of it is left."""


_PROVING_LITTLE = {
    PairClass.REFUSED: MetricName.REFUSED,
    PairClass.EMPTY: MetricName.EMPTY,
}

_noisy_paths: set[str] = set()
_deduplicator = Deduplicator()
_log_sampler = LogSampler()
_second_sights = SecondSights()
_asked_again = AskedAgain()


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
        _route()  # it is imported: of what it lacks, the first copy tells
    ran = sides.run(copy.variant.other)
    is_shown = copy.variant is Variant.CANDIDATE
    old, new = (ran.response, copy.response) if is_shown else (copy.response, ran.response)
    found = sides.compared(old, new, ran.rows)
    if not is_shown and ran.elapsed_ms > copy.deadline_ms:
        raise DroppedError(MetricName.LATE)
    if ran.lacked and not found.agrees:
        raise DroppedError(MetricName.WITHHELD)
    if old.is_fault:  # nothing to compare with, whatever the candidate does
        if is_shown:
            measurements.add(
                MetricName.CONTROL_ERRORS,
                variant=Variant.CANDIDATE,
                candidate_version=copy.candidate_version,
            )
        raise DroppedError(MetricName.SIDE_FAILED)
    if found.verdict is Verdict.UNDECIDED:
        raise DroppedError(MetricName.UNDECIDED)
    asked_again = _asked_again.share() if sides.are_repeatable else 0.0
    is_drawn = assignment.is_in(copy.id, 100 * asked_again, route=settings().route, purpose="noise")
    sight = sides.sight(old, found, is_drawn=is_drawn, measurements=measurements)
    if not found.agrees:
        _write("mismatch", copy, found, sight=sight)
    if copy.is_recorded and copy.write is None:  # whoever asks what was recorded changes nothing
        with suppress(Exception):  # no copy goes uncounted for it
            _record(copy)
    usage = _usage()
    usage.add(found)
    if usage.compared == STALE_AFTER and (stale := usage.after(STALE_AFTER)):
        logger.warning("stale rules", rules=stale, compared=usage.compared)
    _count(copy, old, found, sight, asked_again, measurements)


class _Ran(NamedTuple):
    """What a side answered to a copy, and whether it could for want of what the copy lacks.

    Of a write there are `rows` too: those that control left, and the candidate in its rehearsal.
    """

    response: Response
    lacked: bool
    elapsed_ms: float
    rows: Pairs


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides of the route, to be asked what `copy` holds, within the invocation's time."""

    copy: Copy
    context: Any

    @property
    def are_repeatable(self) -> bool:
        """Whether control may be asked once more."""
        return _route().is_repeatable and self.copy.write is None

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

        def ask() -> tuple[Any, float]:
            started = time.perf_counter()
            payload = call_safely(lambda: handler(event, self.context), copy.event)
            return payload, 1_000 * (time.perf_counter() - started)

        with self.in_time(), traced(side) as annotations:
            (payload, elapsed_ms), rows = (
                (ask(), ()) if copy.write is None else _rehearsed(copy.write, ask)
            )
            response = without_credentials(front_door(copy.event).served(payload))
            annotations["status"] = response.status
        refused = bool(copy.withheld) and response.status in (401, 403)
        return _Ran(response, refused or bool(asked), elapsed_ms, rows)

    def compared(self, control: Response, candidate: Response, rows: Pairs = ()) -> Comparison:
        """What differs; undecided if the time is up first."""
        try:
            with self.in_time():
                return compare(control, candidate, _route().rules, rows)
        except OverdueError:
            return Comparison(Verdict.UNDECIDED)

    def sight(
        self, old: Response, found: Comparison, *, is_drawn: bool, measurements: Measurements
    ) -> Sight | None:
        """What the difference from `old`, control's answer, is; None where nothing differs.

        Where the copy `is_drawn` control is asked again first, and may be what differs.
        """
        if self.copy.write is not None:
            return None if found.agrees else self._sight_of_write(old, found)
        if not _route().is_repeatable:
            is_failed = found.verdict is Verdict.CANDIDATE_ERRORED
            unknown = Sight.CONFIRMED if is_failed else Sight.UNSETTLED
            return None if found.agrees else unknown
        noise = self._noise(old) if is_drawn else None
        if found.agrees and (noise is None or noise.agrees):
            return None
        differing = " ".join(each.fingerprint for each in (found, noise) if each is not None)
        return _second_sights.sight(
            differing, lambda: self._second_sight(old, found, noise, measurements)
        )

    def _sight_of_write(self, old: Response, found: Comparison) -> Sight:
        """By another rehearsal, on the same state: control does not write again."""

        def look() -> Sight:
            with suppress(OverdueError, Exception):
                ran = self.run(Variant.CANDIDATE)
                again = self.compared(old, ran.response, ran.rows)
                if again.agrees:
                    return Sight.FIRST
                if again.repeats(found) and not ran.lacked:
                    return Sight.CONFIRMED
            return Sight.UNSETTLED

        return _second_sights.sight(found.fingerprint, look)

    def _noise(self, old: Response) -> Comparison | None:
        """How control, asked again, differs from `old`; None where it cannot be told."""
        with suppress(OverdueError, Exception):
            again = self.run(Variant.CONTROL)
            noise = self.compared(old, again.response)
            if not again.lacked and noise.verdict is not Verdict.UNDECIDED:
                return noise
        return None

    def _second_sight(
        self,
        old: Response,
        found: Comparison,
        noise: Comparison | None,
        measurements: Measurements,
    ) -> Sight:
        is_failed = found.verdict is Verdict.CANDIDATE_ERRORED
        if is_failed and noise is None:
            noise = self._noise(old)
        fails_itself = noise is not None and noise.verdict is Verdict.CANDIDATE_ERRORED
        if is_failed or fails_itself:
            one = Sight.CONFIRMED if is_failed else Sight.CONTROL
            return Sight.BOTH if is_failed and fails_itself else one
        with suppress(OverdueError, Exception):
            with self.in_time():
                time.sleep(SECOND_SIGHT_S)
            sides = (Variant.CONTROL, Variant.CANDIDATE, Variant.CONTROL)
            old_again, new_again, third = (self.run(side) for side in sides)
            again = self.compared(old_again.response, new_again.response)
            noise_again = self.compared(old_again.response, third.response)
            self._write_noise(noise_again, measurements)
            lacked = old_again.lacked or new_again.lacked or third.lacked
            if lacked or old_again.response.is_fault or third.response.is_fault:
                return Sight.UNSETTLED
            if again.agrees and noise_again.agrees:
                return Sight.FIRST
            if again.places > noise_again.places:
                return Sight.CONFIRMED if again.repeats(found) else Sight.UNSETTLED
            if again.places < noise_again.places and noise and noise_again.repeats(noise):
                return Sight.CONTROL
            return Sight.FIRST if again.agrees else Sight.BOTH
        return Sight.UNSETTLED

    def _write_noise(self, noise: Comparison, measurements: Measurements) -> None:
        """By path, so that people find the field."""
        for path in noise.places:
            if path in _noisy_paths or len(_noisy_paths) < MOST_NOISY_PATHS:
                _noisy_paths.add(path)
                measurements.add(MetricName.NOISE, path=path)
        if noise.places:
            _write("noise", self.copy, noise)


def _rehearsed(
    write: Mapping[str, Any], ask: Callable[[], tuple[Any, float]]
) -> tuple[tuple[Any, float], Pairs]:
    rehearsals = cast("Rehearsals", importlib.import_module("dataset_runtime.rehearsal"))
    found = rehearsals.rehearsed(write, ask)
    return found.answer, found.pairs


def _count(
    copy: Copy,
    old: Response,
    found: Comparison,
    sight: Sight | None,
    asked_again: float,
    measurements: Measurements,
) -> None:
    """By the candidate's version, for the judge; what is confirmed also for alarms."""
    counted = [MetricName.COMPARED]
    if sight is Sight.CONFIRMED:
        is_failed = found.verdict is Verdict.CANDIDATE_ERRORED
        counted.append(MetricName.CANDIDATE_ERRORS if is_failed else MetricName.MISMATCHED)
    others = [_PROVING_LITTLE[each] for each in [pair_class(old)] if each in _PROVING_LITTLE]
    if sight is Sight.CONTROL:
        others.append(MetricName.NOISE)
    if not found.agrees:
        others += _UNCONFIRMED.get(sight, ())
    for name in (*counted, *others):
        measurements.add(name, candidate_version=copy.candidate_version, asked_again=asked_again)
    if copy.exposed and copy.variant is Variant.CANDIDATE:
        for name in counted:
            version = copy.candidate_version
            measurements.add(name, variant=Variant.CANDIDATE, candidate_version=version)
    if copy.exposed:  # what alarms hear
        for name in (MetricName.COMPARED, *[MetricName.WRONG for _ in counted[1:]]):
            measurements.add(name, exposed=True)
            measurements.add(name, version=settings().version)


_UNCONFIRMED: dict[Sight | None, tuple[MetricName, ...]] = {
    Sight.FIRST: (MetricName.FIRST_SIGHT,),
    Sight.UNSETTLED: (MetricName.FIRST_SIGHT, MetricName.UNSETTLED),
    Sight.CONTROL: (MetricName.FIRST_SIGHT, MetricName.UNSETTLED),
    Sight.BOTH: (MetricName.BOTH_DIFFER,),
}


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


def _record(copy: Copy) -> None:
    """One line with the form of a request, for people who ask for it, and no value of a user's."""
    door, key = front_door(copy.event), _masking_key()
    line = masked(door.request(copy.event, copy.user), key) if door is HTTP_API else None
    if _log_sampler.admits(f"recorded {form(line)}"):
        logger.info("recorded", request=line, status=copy.response.status)


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
