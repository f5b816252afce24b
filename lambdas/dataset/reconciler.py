"""What makes the follower equal to the authority, and proves it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dataset.register import (
    DELAY_S,
    LEASE_S,
    READ_S,
    SKEW_S,
    Backfill,
    Difference,
    Phase,
    Register,
    Suspect,
    Verification,
)
from dataset.requests import differing
from dataset.steps import (
    ChangeRegister,
    ClearMark,
    Clock,
    Copy,
    Dataset,
    Drain,
    Intent,
    Load,
    Marked,
    Marker,
    Page,
    ReadRegister,
    Record,
    SendAll,
    Steps,
    UnavailableError,
    Wait,
)
from shadow_runtime.contract import Variant

REPAIRS = 3
"""How often a repair looks at a key: somebody may write it meanwhile."""

MOST_SUSPECTS = 100
"""A verification that finds more ends there: the sides are not equal."""


def reconcile(dataset: Dataset, message: Intent | Marker, *, now: Clock) -> Steps[bool]:
    """Takes one message: copies what the authority holds for its key, if the follower lacks it.

    Returns:
        Whether something was copied.

    Raises:
        UnavailableError: it is not done; the queue delivers the message again, and after five times
            to the dead letters.
    """
    if isinstance(message, Marker):
        if not (yield Drain(message)):
            raise UnavailableError("the register")
        return False
    register = yield ReadRegister()
    if register is None:
        raise UnavailableError("the register")
    return (yield from _made_equal(dataset, register, message.key, now))


def _made_equal(dataset: Dataset, register: Register, key: str, now: Clock) -> Steps[bool]:
    authority, follower = register.phase.authority, register.phase.follower
    if follower is None:
        return False
    looked_at = now()
    record: Record | None = yield Load(authority, key)
    held: Record | None = yield Load(follower, key)
    lacks = record is not None and (held is None or held.version < record.version)
    if record is not None and lacks:
        copied: bool = yield Copy(follower, dataset.toward(follower, record))
        if not copied:
            raise UnavailableError(follower)
    yield ClearMark(
        key,
        version=record.version if record else 0,
        unsent_before=looked_at - DELAY_S - SKEW_S,
        until=now() + READ_S + 2 * SKEW_S,
    )
    return lacks


def sweep(dataset: Dataset, *, now: Clock, limit: int = 100) -> Steps[int]:
    """Copies the keys that are marked, as the intent of one could not be sent, or came before it.

    Nobody else comes to them.

    Returns:
        How many it looked at.

    Raises:
        UnavailableError: it is not done.
    """
    register = yield ReadRegister()
    if register is None:
        raise UnavailableError("the register")
    keys: tuple[str, ...] = yield Marked(limit)
    for key in keys:
        yield from _made_equal(dataset, register, key, now)
    return len(keys)


class Repair(StrEnum):
    """What became of a key that was to be repaired."""

    REPAIRED = "repaired"
    EQUAL = "equal"
    MISSING = "missing"  # neither side has ever known it
    AHEAD = "ahead"  # the follower has a newer version, which no copy replaces
    DIFFERS = "differs"  # again, each time: the store does not give back what it was given


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of a key, and the columns that differed before."""

    outcome: Repair
    columns: tuple[str, ...] = ()


def repair(dataset: Dataset, key: str) -> Steps[Repaired]:
    """Makes the follower's copy of a key what the authority's record translates to.

    Where the versions are the same, too: somebody has changed the copy past us. What the authority
    never knew is deleted.

    Raises:
        UnavailableError: it is not done.
    """
    register: Register | None = yield ReadRegister()
    if register is None or register.phase.follower is None:
        raise UnavailableError("the register" if register is None else "no side is copied to")
    authority, follower = register.phase.authority, register.phase.follower
    before: tuple[str, ...] | None = None
    for _ in range(REPAIRS):
        record: Record | None = yield Load(authority, key)
        copy: Record | None = yield Load(follower, key)
        columns = _columns(dataset, follower, record, copy)
        before = columns if before is None else before
        if not columns:
            as_it_was = Repair.EQUAL if record or copy else Repair.MISSING
            return Repaired(Repair.REPAIRED if before else as_it_was, before)
        if record and copy and copy.version > record.version:
            return Repaired(Repair.AHEAD, columns)
        if record is not None:
            wanted = dataset.toward(follower, record)
        elif copy is not None:
            wanted = replace(copy, rows=None)
        if not (yield Copy(follower, wanted, is_repair=True)):
            raise UnavailableError(follower)
    return Repaired(Repair.DIFFERS, columns)


def backfill(*, attempt: str, limit: int = 1_000) -> Steps[Backfill]:
    """Sends an intent for each of the next `limit` keys of control; is resumed where it ended.

    It begins a lease after it found `dual`, when no write of before can land any more.

    Raises:
        UnavailableError: it is not done, or somebody else did it.
    """
    register = yield from _scannable(Phase.DUAL)
    done = register.backfill
    if not done.enqueued:
        yield Wait(LEASE_S)
    records: tuple[Record, ...] = yield Page(register.phase.authority, done.after, limit)
    if not (yield SendAll(tuple(Intent(record.key, "", attempt) for record in records))):
        raise UnavailableError("the queue")
    found = Backfill(
        after=records[-1].key if records else done.after,
        enqueued=done.enqueued + len(records),
        is_done=len(records) < limit,
    )
    if not (yield ChangeRegister(register.epoch, register.scanned(found))):
        raise UnavailableError("the register")
    return found


def verify(dataset: Dataset, *, now: Clock, limit: int = 1_000) -> Steps[Verification]:
    """Looks at the next `limit` keys of both sides; is resumed where it ended.

    What differs is looked at again when the intents of that time have had their end. A verification
    that has ended is followed by a new one.

    Raises:
        UnavailableError: it is not done, or somebody else did it.
    """
    register = yield from _scannable(Phase.DUAL, Phase.SYNCED, Phase.SWITCHED)
    known = register.verification
    begun = known if known and known.differences is None else Verification(started_at=now())
    if not begun.scanned_at:
        found = yield from _compared(dataset, register, begun, now, limit)
    else:
        yield from _until(begun.scanned_at + DELAY_S + LEASE_S + SKEW_S, now)
        found = yield from _compared_again(dataset, register, begun)
    if not (yield ChangeRegister(register.epoch, register.scanned(found))):
        raise UnavailableError("the register")
    return found


def _compared(
    dataset: Dataset, register: Register, begun: Verification, now: Clock, limit: int
) -> Steps[Verification]:
    authority, follower = register.phase.authority, register.phase.authority.other
    truth: tuple[Record, ...] = yield Page(authority, begun.after, limit)
    copies: tuple[Record, ...] = yield Page(follower, begun.after, limit)
    ends = [page[-1].key for page in (truth, copies) if len(page) == limit]
    here, there = ({record.key: record for record in page} for page in (truth, copies))
    keys = [key for key in sorted({*here, *there}) if not ends or key <= min(ends)]
    suspects = [
        Suspect(key, here[key].version if key in here else 0)
        for key in keys
        if _columns(dataset, follower, here.get(key), there.get(key))
    ]
    all_of_them = (*begun.suspects, *suspects)[:MOST_SUSPECTS]
    is_over = not ends or len(all_of_them) == MOST_SUSPECTS
    return replace(
        begun,
        after=min(ends) if ends else begun.after,
        looked_at=begun.looked_at + len(keys),
        suspects=all_of_them,
        scanned_at=now() if is_over else 0.0,
    )


def _compared_again(
    dataset: Dataset, register: Register, begun: Verification
) -> Steps[Verification]:
    """A key that is written all the time has moved on: the copy has too, or it is a difference."""
    authority, follower = register.phase.authority, register.phase.authority.other
    differences = []
    for suspect in begun.suspects:
        copy: Record | None = yield Load(follower, suspect.key)
        record: Record | None = yield Load(authority, suspect.key)
        if copy and record and suspect.version <= copy.version < record.version:
            continue
        if columns := _columns(dataset, follower, record, copy):
            differences.append(Difference(suspect.key, columns))
    return replace(begun, suspects=(), differences=tuple(differences))


def _columns(
    dataset: Dataset, follower: Variant, record: Record | None, copy: Record | None
) -> tuple[str, ...]:
    """Where the follower's copy is not what the authority's record translates to."""
    if record is None:
        return () if copy is None or copy.rows is None else ("*",)
    if copy is None:
        return ("*",)
    try:
        expected = dataset.toward(follower, record)
    except UnavailableError:
        return ("*",)
    by_version = () if record.version == copy.version else ("version",)
    return differing(expected, copy) or by_version


def _scannable(*phases: Phase) -> Steps[Register]:
    register: Register | None = yield ReadRegister()
    if register is None or register.fence is not None or register.phase not in phases:
        raise UnavailableError("the register")
    return register


def _until(moment: float, now: Clock) -> Steps[None]:
    while (left := moment - now()) > 0:
        yield Wait(left)
