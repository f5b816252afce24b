"""One request and its answer: who is asked, who stands in, what is copied."""

import time
from collections.abc import Iterator
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

    `deadline_ms` is how long a user waits for a candidate that has started.
    """

    flag: Flag
    ceiling: Stage
    candidate: CandidateFunction
    circuit_breaker: CircuitBreaker
    tee: Copies
    deadline_ms: int
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


class _Answer(NamedTuple):
    """What a client gets, the payload that says so, and what was raised instead of one."""

    response: Response
    payload: Any
    raised: BaseException | None = None

    def hand_out(self) -> Any:
        if self.raised is not None:
            raise self.raised
        return self.payload


def respond(runtime: RouteRuntime, control: Side, call: Call, measurements: Measurements) -> Any:
    """The payload that goes back to the front door: control's or the candidate's, as it came.

    By version an invocation is bad once: a fault, a fallback, or an error that Lambda itself counts
    because control raised, or answered what has no JSON form.

    Raises:
        BaseException: what control raised, as it would have without us.
    """
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
        if call.may_write:
            measurements.add(MetricName.WRITES)
            variant = Variant.CONTROL
        else:
            if not call.user:
                measurements.add(MetricName.UNKEYED)
            variant = assignment.variant(
                call.user, call.wish, position, stage, route=settings().route
            )
        copied = _copied(call, stage, position, measurements)  # before anybody can change it
        if variant is Variant.CONTROL:
            answer = _ask_control(control, call, measurements)
        elif (asked := _ask_candidate(runtime, call, stage, measurements)) is not None:
            answer = asked
        else:
            return _stand_in(control, call, measurements).hand_out()
        if copied is not None:
            event, withheld = copied
            copy = Copy(
                event=event,
                withheld=tuple(withheld),
                user=call.user,
                id=call.id,
                trace=call.trace,
                traceparent=traceparent(),
                variant=variant,
                response=answer.response,
                exposed=stage > Stage.SHADOW,
                is_recorded=time.time() < position.record_until,
                candidate_version=settings().candidate_version,
                deadline_ms=runtime.deadline_ms,
            )
            runtime.tee.send(copy, measurements)
        return answer.hand_out()


def _ask_control(control: Side, call: Call, measurements: Measurements) -> _Answer:
    with _measured(Variant.CONTROL, measurements) as annotations:
        try:
            payload = control(call.event, call.context, call.user)
            answer = _Answer(call.door.served(payload), payload)
        except BaseException as error:
            answer = _Answer(_RAISED, None, error)
        annotations["status"] = answer.response.status
        annotations["outcome"] = Outcome.FAULT if answer.response.is_fault else Outcome.ANSWERED
    if answer.response.is_fault and answer.raised is None and is_answered(answer.payload):
        measurements.add(MetricName.FAILED, version=settings().version)
    return answer


def _ask_candidate(
    runtime: RouteRuntime, call: Call, stage: Stage, measurements: Measurements
) -> _Answer | None:
    """Its answer; None when it has none that a user may see, and there is a control."""
    is_judged = stage < Stage.COMPLETE and not call.is_drill
    version = settings().candidate_version if is_judged else None
    if stage < Stage.COMPLETE and not runtime.circuit_breaker.allows():
        measurements.add(MetricName.SHORT_CIRCUITED)
        for name in (MetricName.REQUESTS, MetricName.FAULTS):  # as if it had failed once more
            measurements.add(name, variant=Variant.CANDIDATE, candidate_version=version)
        return None
    starts = runtime.starts.next()
    with _measured(
        Variant.CANDIDATE, measurements, candidate_version=version, starts=starts
    ) as annotations:
        outcome, answer = _judged(call, _asked(runtime, call, starts=starts))
        annotations["status"] = answer.response.status
        annotations["outcome"] = outcome
    runtime.circuit_breaker.record(ok=outcome is Outcome.ANSWERED)
    if outcome is Outcome.TIMEOUT:
        measurements.add(MetricName.TIMEOUTS)
    if outcome is Outcome.ANSWERED:
        return answer
    if stage < Stage.COMPLETE:
        return None
    measurements.add(MetricName.FAILED, version=settings().version)
    return answer


def _asked(runtime: RouteRuntime, call: Call, *, starts: bool) -> Answer:
    event = without_headers(call.event, call.withhold) if call.withhold else call.event
    mark = {"user": call.user} | ({"drill": True} if call.is_drill else {})
    try:
        payload = encoded({**event, MARK: mark})
    except (TypeError, ValueError):  # a decorator of the route's own put something into it
        return Answer(Outcome.FAULT)
    return runtime.candidate.ask(
        payload,
        idempotent=not call.may_write,
        remaining_ms=call.context.get_remaining_time_in_millis(),
        starts=starts,
    )


def _judged(call: Call, answer: Answer) -> tuple[Outcome, _Answer]:
    """How the candidate met the call, and what a client would get where there is no control."""
    outcome = answer.outcome
    if outcome is Outcome.ANSWERED:
        try:
            response = call.door.response(answer.payload)
        except MalformedError:
            outcome = Outcome.MALFORMED
        else:
            outcome = Outcome.FAULT if response.is_fault else Outcome.ANSWERED
            return outcome, _Answer(response, answer.payload)
    nothing = Response.error(502, "Bad Gateway")
    return outcome, _Answer(nothing, call.door.payload(nothing))


def _stand_in(control: Side, call: Call, measurements: Measurements) -> _Answer:
    """Control answers for a candidate that did not."""
    measurements.add(MetricName.FALLBACKS)
    measurements.flush()  # what is known is written, should control not come back
    answer = _ask_control(control, call, measurements)
    if not answer.response.is_fault:
        measurements.add(MetricName.FAILED, version=settings().version)
        version = None if call.is_drill else settings().candidate_version
        measurements.add(MetricName.STOOD_IN, candidate_version=version)
    return answer


def _copied(
    call: Call, stage: Stage, position: Position, measurements: Measurements
) -> tuple[Event, list[Path]] | None:
    """The event without its credentials, and what they were; None when no copy is to be sent."""
    is_shadowed = Stage.SHADOW <= stage < Stage.COMPLETE and not call.is_probe
    if not is_shadowed or call.may_write:
        return None
    share = position.shadow_percent
    if not assignment.is_in(call.id, share, route=settings().route, purpose="shadow"):
        return None
    try:
        return stripped(call.event)
    except Exception as error:  # nothing here may change the answer
        measurements.add(MetricName.TEE_FAILED)
        measurements.add(MetricName.COPIES_LOST)
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
