"""What the requests of a route do with its dataset, carried out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dataset.register import EFFECT_S, Phase, Register
from dataset.requests import End, read, write
from dataset.requests import Written as Ended
from dataset.steps import (
    Applied,
    Apply,
    Ask,
    Copy,
    Dataset,
    Load,
    Operation,
    ReadRegister,
    Record,
    Refusal,
    Seen,
    Step,
    Together,
    UnavailableError,
)
from dataset_runtime.operation import Attempt, carrying, operation_of
from dataset_runtime.perform import Performer, run
from dataset_runtime.store import Keys, is_key
from dataset_runtime.team import team
from dataset_runtime.wire import from_json, to_json
from shadow_runtime.contract import MetricName, Stage, Variant
from shadow_runtime.front_doors import MalformedError
from shadow_runtime.http import RefusedError, Response
from shadow_runtime.respond import Call, Pair, Read, Served, Sides, Written
from shadow_runtime.telemetry import logger

RESERVED_S = 1.0
"""Of the invocation, for the answer, once a write that was held has been done."""

_REFUSALS = {
    404: Refusal.MISSING,
    409: Refusal.CONFLICT,
    422: Refusal.CONFLICT,
}
_LATER = Response(
    status=503,
    headers={"content-type": "application/json", "retry-after": "1"},
    body='{"message": "Service Unavailable"}',
)
_UNKNOWN = Response.error(504, "Gateway Timeout")
_ALONE = Seen(Register(phase=Phase.COMPLETE), ())


def route_dataset() -> "RouteData":
    """The dataset that the construct's settings describe; its package is imported."""
    dataset, keys, perform = team(Variant.CONTROL)
    return RouteData(dataset, keys, perform)


@dataclass(frozen=True, slots=True)
class RouteData:
    """The dataset of a route: `keys` are those that a request is about.

    Example:
        >>> data = RouteData(
        ...     Dataset("Users/users", dict, dict),
        ...     keys=lambda request: (request.user,),
        ...     perform=performer)  # doctest: +SKIP
        >>> data.read(sides, Variant.CANDIDATE).side  # doctest: +SKIP
        <Variant.CANDIDATE: 'candidate'>
    """

    dataset: Dataset
    keys: Keys
    perform: Performer
    now: Callable[[], float] = time.time

    def read(self, sides: Sides, variant: Variant) -> Read:
        """What a user of `variant` is answered, by a side that holds what they wrote.

        At `complete` the candidate is believed to be alone where the register cannot be read.
        """
        reading = _Reading(self, sides, variant)
        found = run(read(variant, self.keys_of(sides.call), now=self.now), reading)
        if found.is_unheard:
            sides.measurements.add(MetricName.DIRTY_READS, dataset=self.dataset.name)
        served = found.answer or sides.refuse(Response.error(502, "Bad Gateway"))
        return Read(
            served, found.side, is_equal=not reading.has_failed and self._is_equal(found.seen)
        )

    def write(self, sides: Sides, *, is_exposed: bool, is_copied: bool) -> Written:
        """Does a write. Each answer says what has happened, or that it is not known.

        503: nothing; 504: perhaps. Both may be asked again, under the same `Idempotency-Key`.
        """
        call = sides.call
        try:
            operation = operation_of(call.door.request(call.event, call.user), self.keys_of(call))
        except RefusedError as refused:
            return Written(Served(refused.response, call.door.payload(refused.response)))
        except MalformedError:  # a body that is no base64: the handler says so
            operation = Operation(uuid4().hex, "", ())
        return _Writing(self, sides, operation, is_exposed=is_exposed, is_copied=is_copied).done()

    def keys_of(self, call: Call) -> tuple[str, ...]:
        """The keys that a request is about.

        Empty where the author's function fails to tell, or tells what is nobody's.
        """
        try:
            keys = tuple(map(str, self.keys(call.door.request(call.event, call.user))))
        except Exception as error:  # such as for a body that is no JSON: the handler refuses it
            logger.warning("keys unknown", error=type(error).__name__, request_id=call.id)
            return ()
        return keys if all(map(is_key, keys)) else ()

    def _is_equal(self, seen: Seen | None) -> bool:
        if seen is None:
            return True
        behind = any(mark.tells_of(mark.stale, self.now()) for mark in seen.marks)
        return seen.register.phase is not Phase.COMPLETE and not behind


class _Reading:
    """Performs the steps of a read."""

    def __init__(self, data: RouteData, sides: Sides, variant: Variant) -> None:
        self.has_failed = False
        self._data = data
        self._sides = sides
        self._is_complete = sides.stage == Stage.COMPLETE
        self._is_last = {Variant.CANDIDATE: self._is_complete or variant is Variant.CONTROL}

    def __call__(self, step: Step) -> Any:
        match step:
            case Together(ask, look):
                glance = self._data.perform.register.look(look.keys)
                answer = self._ask(ask.side)
                return answer, glance.seen() or (_ALONE if self._is_complete else None)
            case Ask(side):
                return self._ask(side)
        raise TypeError(f"{type(step).__name__} is no step of a read")

    def _ask(self, side: Variant) -> Served | None:
        if side is Variant.CONTROL:
            return self._sides.stand_in() if self.has_failed else self._sides.control()
        served = self._sides.candidate(is_alone=self._is_last[side])
        self.has_failed = served is None
        return served


class _Writing:
    """Performs the steps of a write, and keeps what its sides say."""

    def __init__(
        self,
        data: RouteData,
        sides: Sides,
        operation: Operation,
        *,
        is_exposed: bool,
        is_copied: bool,
    ) -> None:
        self._data = data
        self._sides = sides
        self._operation = operation
        self._is_exposed = is_exposed
        self._is_copied = is_copied
        self._register = Register()
        self._told: dict[Variant, Served] = {}
        self._before: tuple[Record, ...] | None = None
        self._after: tuple[Record, ...] = ()
        self._copied: dict[str, bool] | None = None  # by key, once the candidate was asked
        self._is_begun = False

    def done(self) -> Written:
        sides, data = self._sides, self._data
        left_s = sides.call.context.get_remaining_time_in_millis() / 1_000
        steps = write(
            data.dataset,
            self._operation,
            is_exposed=self._is_exposed,
            attempt=uuid4().hex,
            hold_s=left_s - EFFECT_S - sides.runtime.deadline_ms / 1_000 - RESERVED_S,
            now=data.now,
        )
        try:
            ended = run(steps, self)
        except Exception as error:  # of ours: whoever asks again is told what became of it
            logger.error("write failed", error=type(error).__name__, request_id=sides.call.id)
            ended = Ended(End.AMBIGUOUS if self._is_begun else End.REFUSED)
        if ended.unreconciled:
            name, keys = data.dataset.name, ended.unreconciled
            sides.measurements.add(MetricName.UNRECONCILED, keys, dataset=name)
        return Written(self._served(ended), self._pair(ended))

    def __call__(self, step: Step) -> Any:
        match step:
            case ReadRegister():
                found: Register | None = self._data.perform(step)
                self._register = found or self._register
                return found
            case Apply(Variant.CONTROL, _, until):
                return self._apply_to_control(until)
            case Apply(_, _, until):
                return self._apply_to_candidate(until)
            case Copy(Variant.CANDIDATE, record):
                return self._copy_to_candidate(record)
        return self._data.perform(step)

    def _apply_to_control(self, until: float) -> Applied:
        if self._is_copied and self._register.phase.follower is not None:
            self._before = self._loaded()
        self._is_begun = True
        with carrying(self._attempt(until)):
            served = self._told[Variant.CONTROL] = self._sides.control()
        if refusal := _refusal(served):
            return refusal
        if self._register.phase.follower is None:
            return ()
        found = self._loaded()
        if found is None:
            return Refusal.UNKNOWN
        self._after = found
        return found

    def _apply_to_candidate(self, until: float) -> Applied:
        self._is_begun = True
        operation = self._asked(self._attempt(until).until)
        reply, served = self._sides.carry(
            {"copies": [], "operation": operation}, is_told=True, is_alone=True
        )
        if reply is None or served is None:
            return Refusal.UNKNOWN
        self._told[Variant.CANDIDATE] = served
        if refusal := _refusal(served):
            return refusal
        try:
            return tuple(map(from_json, reply["records"]))
        except MalformedError:
            return Refusal.UNKNOWN

    def _copy_to_candidate(self, record: Record) -> bool:
        """All that was applied at once, and one who is on the candidate is answered by it."""
        if self._copied is None:
            is_told = self._is_exposed and self._register.phase.serves(Variant.CANDIDATE)
            operation = self._asked(0.0) if is_told else None
            copies = self._translated()
            reply, served = self._sides.carry(
                {"copies": [*map(to_json, copies)], "operation": operation},
                is_told=is_told,
                is_alone=False,
            )
            came = reply["copied"] if reply else []
            self._copied = {
                copy.key: held is True for copy, held in zip(copies, came, strict=False)
            }
            if served is not None:
                self._told[Variant.CANDIDATE] = served
        return self._copied.get(record.key, False)

    def _translated(self) -> tuple[Record, ...]:
        found = []
        for record in self._after:
            try:
                found.append(self._data.dataset.toward(Variant.CANDIDATE, record))
            except UnavailableError:
                continue
        return tuple(found)

    def _loaded(self) -> tuple[Record, ...] | None:
        """Control's records; None where it does not give them."""
        try:
            steps = (Load(Variant.CONTROL, key) for key in self._operation.keys)
            return tuple(record for step in steps if (record := self._data.perform(step)))
        except UnavailableError:
            return None

    def _attempt(self, until: float) -> Attempt:
        """Without a key nothing is applied: nobody would copy it."""
        return Attempt(self._operation, until if self._operation.keys else 0.0)

    def _asked(self, until: float) -> Mapping[str, Any]:
        return {**self._named, "until": until}

    @property
    def _named(self) -> Mapping[str, Any]:
        operation = self._operation
        return {"id": operation.id, "digest": operation.digest, "keys": [*operation.keys]}

    def _served(self, ended: Ended) -> Served:
        authority = self._register.phase.authority
        said = self._told.get(authority)
        if ended.end is End.REFUSED:
            return self._sides.refuse(_LATER)
        if said is None or (ended.end is End.AMBIGUOUS and not _is_failure(said)):
            return self._sides.refuse(_UNKNOWN)
        copied, told = self._copied, self._told.get(Variant.CANDIDATE)
        if ended.end is not End.ACKNOWLEDGED or ended.answers is authority or copied is None:
            return said
        is_held = all(copied.get(record.key) for record in self._after)
        if told is not None and is_held and told.response.status < 400:
            return told
        return self._sides.stood_in(said)

    def _pair(self, ended: Ended) -> Pair | None:
        """What a rehearsal needs, where control alone has moved what it is about."""
        served, before = self._told.get(Variant.CONTROL), self._before
        if served is None or before is None:
            return None
        after = self._after if ended.end is End.ACKNOWLEDGED else before
        known = {record.key: record.version for record in before}
        follows = all(record.version == known.get(record.key, 0) + 1 for record in after)
        if ended.end in (End.AMBIGUOUS, End.REFUSED) or (after is not before and not follows):
            return None
        write = {
            "operation": self._named,
            "before": [*map(to_json, before)],
            "after": [*map(to_json, after)],
        }
        return Pair(served, write)


def _refusal(served: Served) -> Refusal | None:
    """What an answer says of the operation; None where it took effect."""
    status = served.response.status
    if _is_failure(served):
        return Refusal.UNKNOWN
    return _REFUSALS.get(status, Refusal.REJECTED) if status >= 400 else None


def _is_failure(served: Served) -> bool:
    return served.raised is not None or served.response.is_fault
