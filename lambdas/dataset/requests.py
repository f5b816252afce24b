"""What a request of a route does with its dataset: it writes, it reads, or it rehearses a write."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from dataset.register import EFFECT_S, FENCE_S, SKEW_S, Lease, Register
from dataset.steps import (
    Applied,
    Apply,
    Ask,
    ChangeRegister,
    Clock,
    Copy,
    Dataset,
    Intent,
    Look,
    Mark,
    Operation,
    PutMark,
    ReadRegister,
    Record,
    Refusal,
    Rehearse,
    Rows,
    Seen,
    Send,
    Steps,
    Together,
    UnavailableError,
    Wait,
)
from shadow_runtime.contract import Variant

POLL_S = 0.25
"""How often a write that is held looks whether it may begin."""


class End(StrEnum):
    """How a write ended."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # nothing has happened: 503, to be tried again
    AMBIGUOUS = "ambiguous"  # it may have taken effect: 504, to be tried again under the same id
    CONFLICT = "conflict"  # 409 or 422
    MISSING = "missing"  # 404
    REJECTED = "rejected"  # 400, 413...


@dataclass(frozen=True, slots=True)
class Written:
    """The end of a write.

    Attributes:
        end: how.
        records: the states that it left in the authority.
        answers: the side that tells the user.
        unreconciled: keys whose intent could not be sent.
    """

    end: End
    records: tuple[Record, ...] = ()
    answers: Variant = Variant.CONTROL
    unreconciled: int = 0


def write(
    dataset: Dataset,
    operation: Operation,
    *,
    is_exposed: bool,
    attempt: str,
    hold_s: float,
    now: Clock,
) -> Steps[Written]:
    """Applies `operation` to the authority, and copies the state that it made to the follower.

    In this order: the register, the intents, the effect, the copy, the answer. What dies in
    between, or cannot copy, is found by the intent. Where none can be sent a mark stands for it.

    Args:
        dataset: of the route.
        operation: what to apply.
        is_exposed: whether the user is on the candidate: without an intent, none is written for
            them.
        attempt: another one each time that an operation is tried.
        hold_s: how long the request may wait for a fence.
        now: the wall's clock.
    """
    held_until = now() + hold_s
    while True:
        lease = Lease(now())
        register: Register | None = yield ReadRegister()
        if register is not None and register.fence is None:
            break
        if register is None or now() >= held_until:
            return Written(End.REFUSED)
        yield from lift_forgotten(register, now)
        yield Wait(POLL_S)
    authority, follower = register.phase.authority, register.phase.follower
    unreconciled = 0
    if follower is not None:
        for key in operation.keys:
            if (yield Send(Intent(key, operation.id, attempt))):
                continue
            unsent = Mark(key, follower, version=0, unsent_at=now())
            if is_exposed or not (yield PutMark(unsent)):
                return Written(End.REFUSED)
            unreconciled += 1
    if not lease.covers(now()):
        return Written(End.REFUSED)
    applied: Applied = yield Apply(authority, operation, until=now() + EFFECT_S)
    if isinstance(applied, Refusal):
        return Written(_ENDS[applied], unreconciled=unreconciled)
    if follower is not None:
        for record in applied:
            if (yield from _copied(dataset, follower, record)):
                continue
            if not (yield PutMark(Mark(record.key, follower, record.version))):
                return Written(End.AMBIGUOUS, unreconciled=unreconciled)
    is_told = is_exposed and register.phase.serves(Variant.CANDIDATE)
    answers = Variant.CANDIDATE if is_told else authority
    return Written(End.ACKNOWLEDGED, applied, answers, unreconciled)


def _copied(dataset: Dataset, follower: Variant, record: Record) -> Steps[bool]:
    try:
        state = dataset.toward(follower, record)
    except UnavailableError:  # the user has what they asked for; the dead letters tell its author
        return False
    return bool((yield Copy(follower, state)))


def lift_forgotten(register: Register, now: Clock) -> Steps[None]:
    """Lifts a fence whose owner has died; who comes back to it finds another epoch."""
    if register.fence is not None and now() > register.fence.at + FENCE_S + SKEW_S:
        yield ChangeRegister(register.epoch, register.lifted())


_ENDS = {
    Refusal.CONFLICT: End.CONFLICT,
    Refusal.MISSING: End.MISSING,
    Refusal.REJECTED: End.REJECTED,
    Refusal.UNKNOWN: End.AMBIGUOUS,
}


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer, or None where nobody gave one; the side that did, and what was seen meanwhile.

    `is_unheard` says that the other side had answered, and may have been behind.
    """

    answer: Any
    side: Variant
    seen: Seen | None
    is_unheard: bool = False


def read(side: Variant, keys: tuple[str, ...], *, now: Clock) -> Steps[ReadAnswer]:
    """Asks `side`; the other one answers where that side may be behind for one of `keys`.

    It stands in for a side without an answer, too, unless it may be behind itself: then nobody
    answers. A side that the phase does not let answer is never heard, whatever a flag says. Where
    the register cannot be read control answers.
    """
    answer, seen = yield Together(Ask(side), Look(keys))
    is_heard = may_answer(side, seen, now())
    if is_heard and (answer is not None or not may_answer(side.other, seen, now())):
        return ReadAnswer(answer, side, seen)
    second = yield Ask(side.other)
    return ReadAnswer(second, side.other, seen, is_unheard=not is_heard and answer is not None)


def may_answer(side: Variant, seen: Seen | None, now: float) -> bool:
    """Whether what `side` answers holds all that was acknowledged before it was asked.

    The authority does: a mark that tells of it came late, and from before it was one.
    """
    if seen is None:
        return side is Variant.CONTROL
    if side is seen.register.phase.authority:
        return True
    behind = any(mark.tells_of(side, now) for mark in seen.marks)
    return seen.register.phase.serves(side) and not behind


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a dry run of the candidate came to.

    Attributes:
        answer: the candidate's.
        pairs: of each key, the rows that control left, as the candidate would hold them, and those
            that the candidate left; None where there is none.
    """

    answer: Any
    pairs: tuple[tuple[Rows | None, Rows | None], ...]


def rehearse(
    dataset: Dataset,
    operation: Operation,
    before: tuple[Record, ...],
    after: tuple[Record, ...],
) -> Steps[Rehearsed]:
    """The shadow of a write: what the candidate would answer, and leave.

    It begins at control's state `before`: without that seed, all that earlier rehearsals did not
    leave behind would be missing.

    Args:
        dataset: of the route.
        operation: what control has applied.
        before: control's records of its keys; those that it did not know are left out.
        after: those that it left.

    Raises:
        UnavailableError: it was not run.
    """
    toward = partial(dataset.toward, Variant.CANDIDATE)
    answer, found = yield Rehearse(tuple(map(toward, before)), operation)
    wanted = {record.key: toward(record).rows for record in after}
    left = {record.key: record.rows for record in found}
    return Rehearsed(answer, tuple((wanted.get(k), left.get(k)) for k in operation.keys))


def differing(expected: Record, found: Record | None) -> tuple[str, ...]:
    """The columns in which two records of a key differ; `*` where one has no row.

    Example:
        >>> differing(Record("ada", 1, {"a": 1, "b": 2}), Record("ada", 1, {"a": 1, "b": 3}))
        ('b',)
    """
    wanted, held = expected.rows, found.rows if found else None
    if wanted is None or held is None:
        return () if wanted is held else ("*",)
    columns = {**wanted, **held}
    return tuple(c for c in columns if c not in wanted or c not in held or wanted[c] != held[c])
