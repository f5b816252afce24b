"""One request and its answer: who is asked, who stands in, what is copied."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from shadow_runtime import assignment
from shadow_runtime.candidate_call import Answer, Outcome, Starts
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import SAFE_METHODS, MetricName, Position, Stage, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.credentials import Path, stripped, without_headers
from shadow_runtime.flag import YOUNG
from shadow_runtime.front_doors import (
    Event,
    FrontDoor,
    MalformedError,
    encoded,
    front_door,
    headers,
    is_answered,
    request_id,
    trace,
)
from shadow_runtime.handlers import MARK, Side
from shadow_runtime.http import Response
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import Gauges, Measurements, logger, traced, traceparent
from shadow_runtime.user import User, key_of

_RAISED = Response.error(500, "Internal Server Error")


class Flag(Protocol):
    """Where the flag says that the route is."""

    @property
    def age(self) -> float:
        """Seconds since it was last confirmed."""

    @property
    def is_unread(self) -> bool:
        """Whether none was ever read, so that control answers for want of one."""

    def current(self) -> AbstractContextManager[Position]:
        """The position to act on for one request. Never raises."""


class CandidateFunction(Protocol):
    """The candidate, behind a synchronous invocation."""

    def ask(self, payload: bytes, *, idempotent: bool, remaining_ms: int, starts: bool) -> Answer:
        """Its answer, or why there is none. Never raises."""


class Copies(Protocol):
    """Where copies go."""

    def send(self, copy: Copy, measurements: Measurements) -> None:
        """Sends one. Never raises."""


@dataclass(frozen=True, slots=True)
class RouteRuntime:
    """What stands between control and the users, once per execution environment.

    `deadline_ms` is how long a user waits for a candidate that has started. Without a `dataset` a
    request that may change data is control's alone.
    """

    flag: Flag
    ceiling: Stage
    candidate: CandidateFunction
    circuit_breaker: CircuitBreaker
    tee: Copies
    deadline_ms: int
    dataset: "RouteDataset | None" = None
    gauges: Gauges = field(default_factory=Gauges)
    starts: Starts = field(default_factory=Starts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One invocation by a front door.

    `wish` is a tester's header. `withhold` names headers, in lower case, that the candidate is not
    handed. The hook's `is_probe` is in no count and no copy. What the candidate fails in a drill,
    which `is_drill`, is held against no version of it.
    """

    event: Event
    context: Any
    door: FrontDoor
    user: str
    method: str
    id: str
    trace: str
    wish: str | None
    withhold: frozenset[str]
    is_probe: bool
    is_drill: bool

    @property
    def may_write(self) -> bool:
        """Whether it may change data: a second side would change it twice, or elsewhere."""
        return self.method not in SAFE_METHODS

    @classmethod
    def of(
        cls,
        event: Event,
        context: Any,
        *,
        user: User,
        withhold: frozenset[str],
        is_probe: bool,
        drill: str = "",
    ) -> Self:
        """The invocation with `event`, whose user `user` finds; of a drill `drill` is the user.

        Raises:
            UnsupportedEventError: no front door sent it.
        """
        door, found = front_door(event), headers(event)
        return cls(
            event=event,
            context=context,
            door=door,
            user=drill or key_of(user, event),
            method=door.method(event),
            id=request_id(event) or getattr(context, "aws_request_id", ""),
            trace=trace(found),
            wish=found.get(assignment.HEADER),
            withhold=withhold,
            is_probe=is_probe,
            is_drill=bool(drill),
        )


class Served(NamedTuple):
    """What a client gets, the payload that says so, and what was raised instead of one."""

    response: Response
    payload: Any
    raised: BaseException | None = None

    def hand_out(self) -> Any:
        """The payload for the front door.

        Raises:
            BaseException: what control raised.
        """
        if self.raised is not None:
            raise self.raised
        return self.payload


class Read(NamedTuple):
    """The answer to a request that reads, and the side that gave it.

    It `is_equal` where neither side is known to be behind the other: else they are not compared.
    """

    served: Served
    side: Variant
    is_equal: bool = True


class Pair(NamedTuple):
    """What is compared: an answer, and for a write what `Copy.write` says of it."""

    served: Served
    write: Mapping[str, Any] | None = None


class Written(NamedTuple):
    """The answer to a request that writes, and control's own, if there is something to rehearse."""

    served: Served
    pair: Pair | None = None


class RouteDataset(Protocol):
    """The data of a route while it moves: which side may answer, and how a write is done."""

    def read(self, sides: "Sides", variant: Variant) -> Read:
        """What a user of `variant` is answered. Raises nothing but what control raises."""

    def write(self, sides: "Sides", *, is_exposed: bool, is_copied: bool) -> Written:
        """Does a write and tells its user. Raises nothing: what control raised is in the answer."""


def respond(runtime: RouteRuntime, control: Side, call: Call, measurements: Measurements) -> Any:
    """The payload that goes back to the front door: control's or the candidate's, as it came.

    By version an invocation is bad once: a fault, a fallback, or an error that Lambda itself counts
    because control raised, or answered what has no JSON form.

    Raises:
        BaseException: what control raised, as it would have without us.
    """
    if call.may_write and (call.is_probe or call.is_drill):  # nobody's data is changed by these
        return call.door.payload(Response(status=204))
    with runtime.flag.current() as position:
        stage = min(runtime.ceiling, position.stage)
        age = runtime.flag.age
        measurements.note(flag_age=round(age, 3))
        if age > YOUNG:
            measurements.add(MetricName.FLAG_AGE, age)
        if runtime.flag.is_unread:
            measurements.add(MetricName.UNREAD)
        if not call.is_probe:
            runtime.gauges.add(measurements, MetricName.STAGE, stage.rank)
            percent = stage.candidate_percent
            runtime.gauges.add(measurements, MetricName.CANDIDATE_PERCENT, percent)
        sides = Sides(runtime, control, call, stage, measurements)
        copied = _copied(sides, position)  # before anybody can change it
        if call.may_write:
            measurements.add(MetricName.WRITES)
        elif not call.user:
            measurements.add(MetricName.UNKEYED)
        variant = assignment.variant(call.user, call.wish, position, stage, route=settings().bucket)
        if call.may_write and runtime.dataset is not None:
            served, pair = runtime.dataset.write(
                sides,
                is_exposed=variant is Variant.CANDIDATE,
                is_copied=copied is not None,
            )
            variant = Variant.CONTROL
        else:
            read = _read(sides, variant)
            served, variant = read.served, read.side
            pair = Pair(served) if read.is_equal else None
        if copied is not None and pair is not None:
            event, withheld = copied
            copy = Copy(
                event=event,
                withheld=tuple(withheld),
                user=call.user,
                id=call.id,
                trace=call.trace,
                traceparent=traceparent(),
                variant=variant,
                response=pair.served.response,
                write=pair.write,
                exposed=stage > Stage.SHADOW,
                is_recorded=time.time() < position.record_until,
                candidate_version=settings().candidate_version,
                deadline_ms=runtime.deadline_ms,
            )
            runtime.tee.send(copy, measurements)
        return served.hand_out()


def _read(sides: "Sides", variant: Variant) -> Read:
    """What a user of `variant` is answered, where one side is asked; a write is control's."""
    if sides.runtime.dataset is not None:
        return sides.runtime.dataset.read(sides, variant)
    if sides.call.may_write or variant is Variant.CONTROL:
        return Read(sides.control(), Variant.CONTROL)
    asked = sides.candidate(is_alone=sides.stage == Stage.COMPLETE)
    if asked is not None:
        return Read(asked, Variant.CANDIDATE)
    return Read(sides.stand_in(), Variant.CONTROL, is_equal=False)


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a route, as one request asks them: traced, measured and counted.

    `handler` is control's.
    """

    runtime: RouteRuntime
    handler: Side
    call: Call
    stage: Stage
    measurements: Measurements

    def control(self) -> Served:
        """What control answers, or raises."""
        call = self.call
        with _measured(Variant.CONTROL, self.measurements) as annotations:
            try:
                payload = self.handler(call.event, call.context, call.user)
                served = Served(call.door.served(payload), payload)
            except BaseException as error:
                served = Served(_RAISED, None, error)
            annotations["status"] = served.response.status
            is_fault = served.response.is_fault
            annotations["outcome"] = Outcome.FAULT if is_fault else Outcome.ANSWERED
        if is_fault and served.raised is None and is_answered(served.payload):
            self.measurements.add(MetricName.FAILED, version=settings().version)
        return served

    def candidate(self, *, is_alone: bool) -> Served | None:
        """Its answer; None when it has none that a user may see, unless it `is_alone`."""
        measurements, breaker = self.measurements, self.runtime.circuit_breaker
        version = self._judged_version
        if not is_alone and not breaker.allows():
            measurements.add(MetricName.SHORT_CIRCUITED)
            for name in (MetricName.REQUESTS, MetricName.FAULTS):  # as if it had failed once more
                measurements.add(name, variant=Variant.CANDIDATE, candidate_version=version)
            return None
        starts = self.runtime.starts.next()
        with _measured(
            Variant.CANDIDATE, measurements, candidate_version=version, starts=starts
        ) as annotations:
            outcome, served = self._judged(self._asked({}, starts=starts))
            annotations["status"] = served.response.status
            annotations["outcome"] = outcome
        self._record(outcome)
        if outcome is Outcome.ANSWERED:
            return served
        if not is_alone:
            return None
        measurements.add(MetricName.FAILED, version=settings().version)
        return served

    def stand_in(self) -> Served:
        """Control answers for a candidate that did not."""
        self.measurements.add(MetricName.FALLBACKS)
        self.measurements.flush()  # what is known is written, should control not come back
        served = self.control()
        if not served.response.is_fault:
            self._count_stood_in()
        return served

    def stood_in(self, served: Served) -> Served:
        """What control has `served` already, for a candidate that did not answer."""
        self.measurements.add(MetricName.FALLBACKS)
        self._count_stood_in()
        return served

    def refuse(self, response: Response) -> Served:
        """An answer of ours, which a user sees fail."""
        self.measurements.add(MetricName.FAILED, version=settings().version)
        return Served(response, self.call.door.payload(response))

    def carry(
        self, write: Mapping[str, Any], *, is_told: bool, is_alone: bool
    ) -> tuple[Mapping[str, Any] | None, Served | None]:
        """What the candidate says to a dataset's `write`; then its answer, where a user is told it.

        A candidate that has kept failing is not asked, unless it `is_alone`. Who is not told does
        not wait until one has started. `None` stands for whatever is not there, or is no good.
        """
        if not is_alone and not self.runtime.circuit_breaker.allows():
            if is_told:
                self.measurements.add(MetricName.SHORT_CIRCUITED)
            return None, None
        starts = self.runtime.starts.next()
        if not is_told:
            with traced(Variant.CANDIDATE):
                outcome, reply = self._carried(self._asked({"dataset": write}, starts=False))
            self.runtime.circuit_breaker.record(ok=outcome is Outcome.ANSWERED)
            return reply, None
        with _measured(
            Variant.CANDIDATE,
            self.measurements,
            candidate_version=self._judged_version,
            starts=starts,
        ) as annotations:
            outcome, reply = self._carried(self._asked({"dataset": write}, starts=starts))
            answer = Answer(outcome, reply["payload"] if reply else None)
            outcome, served = self._judged(answer)
            annotations["status"] = served.response.status
            annotations["outcome"] = outcome
        self._record(outcome)
        if reply is None:
            return None, None
        if is_alone and outcome is not Outcome.ANSWERED:
            self.measurements.add(MetricName.FAILED, version=settings().version)
        return reply, served

    def _asked(self, more: Mapping[str, Any], *, starts: bool) -> Answer:
        call = self.call
        event = without_headers(call.event, call.withhold) if call.withhold else call.event
        told = {"user": call.user, **({"drill": True} if call.is_drill else {}), **more}
        try:
            payload = encoded({**event, MARK: told})
        except (TypeError, ValueError):  # a decorator of the route's own put something into it
            return Answer(Outcome.FAULT)
        return self.runtime.candidate.ask(
            payload,
            idempotent=not call.may_write,
            remaining_ms=call.context.get_remaining_time_in_millis(),
            starts=starts,
        )

    def _carried(self, answer: Answer) -> tuple[Outcome, Mapping[str, Any] | None]:
        match answer.payload:
            case {"copied": list(), "records": list(), "payload": _} as reply:
                return answer.outcome, reply
        is_other = answer.outcome is Outcome.ANSWERED
        return Outcome.MALFORMED if is_other else answer.outcome, None

    def _judged(self, answer: Answer) -> tuple[Outcome, Served]:
        """How the candidate met the call, and what a client would get without a control."""
        door, outcome = self.call.door, answer.outcome
        if outcome is Outcome.ANSWERED:
            try:
                response = door.response(answer.payload)
            except MalformedError:
                outcome = Outcome.MALFORMED
            else:
                outcome = Outcome.FAULT if response.is_fault else Outcome.ANSWERED
                return outcome, Served(response, answer.payload)
        nothing = Response.error(502, "Bad Gateway")
        return outcome, Served(nothing, door.payload(nothing))

    def _record(self, outcome: Outcome) -> None:
        self.runtime.circuit_breaker.record(ok=outcome is Outcome.ANSWERED)
        if outcome is Outcome.TIMEOUT:
            self.measurements.add(MetricName.TIMEOUTS)

    def _count_stood_in(self) -> None:
        version = None if self.call.is_drill else settings().candidate_version
        self.measurements.add(MetricName.FAILED, version=settings().version)
        self.measurements.add(MetricName.STOOD_IN, candidate_version=version)

    @property
    def _judged_version(self) -> str | None:
        is_judged = self.stage < Stage.COMPLETE and not self.call.is_drill
        return settings().candidate_version if is_judged else None


def _copied(sides: Sides, position: Position) -> tuple[Event, list[Path]] | None:
    """The event without its credentials, and what they were; None when no copy is to be sent."""
    call = sides.call
    is_shadowed = Stage.SHADOW <= sides.stage < Stage.COMPLETE and not call.is_probe
    if not is_shadowed or (call.may_write and sides.runtime.dataset is None):
        return None
    share = position.shadow_percent
    if not assignment.is_in(call.id, share, route=settings().route, purpose="shadow"):
        return None
    try:
        return stripped(call.event)
    except Exception as error:  # nothing here may change the answer
        sides.measurements.add(MetricName.TEE_FAILED)
        sides.measurements.add(MetricName.COPIES_LOST)
        logger.warning("copy not made", error=type(error).__name__, request_id=call.id)
        return None


@contextmanager
def _measured(
    variant: Variant,
    measurements: Measurements,
    *,
    candidate_version: str | None = None,
    starts: bool = False,
) -> Iterator[dict[str, Any]]:
    """Traces and counts one side's work; the block says its `outcome`.

    Where it may have started first, its time is in the trace and the log, and in no latency: the
    side would be judged by how few have used it yet.
    """
    started = time.perf_counter()
    with traced(variant) as annotations:
        yield annotations
    elapsed = 1_000 * (time.perf_counter() - started)
    if starts:
        measurements.note(start_ms=round(elapsed))
    else:
        measurements.add(MetricName.LATENCY, elapsed, variant=variant)
    counted = [MetricName.REQUESTS]
    if annotations["outcome"] is not Outcome.ANSWERED:
        counted.append(MetricName.FAULTS)
    for name in counted:
        measurements.add(name, variant=variant, candidate_version=candidate_version)
