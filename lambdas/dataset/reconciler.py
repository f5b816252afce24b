"""What makes the follower equal to the authority, and proves it."""

from dataclasses import replace

from dataset.register import (
    DELAY_S,
    LEASE_S,
    READ_S,
    SKEW_S,
    Backfill,
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
    Marker,
    Page,
    ReadRegister,
    Record,
    Send,
    Steps,
    UnavailableError,
    Unsent,
    Wait,
)
from shadow_runtime.contract import Variant

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
    """Copies the keys of which an intent could not be sent: nobody else comes to them.

    Returns:
        How many it looked at.

    Raises:
        UnavailableError: it is not done.
    """
    register = yield ReadRegister()
    if register is None:
        raise UnavailableError("the register")
    keys: tuple[str, ...] = yield Unsent(limit)
    for key in keys:
        yield from _made_equal(dataset, register, key, now)
    return len(keys)


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
    for record in records:
        if not (yield Send(Intent(record.key, "", attempt))):
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
        if not _is_equal(dataset, follower, here.get(key), there.get(key))
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
        if not _is_equal(dataset, follower, record, copy):
            differences.append(suspect.key)
    return replace(begun, suspects=(), differences=tuple(differences))


def _is_equal(
    dataset: Dataset, follower: Variant, record: Record | None, copy: Record | None
) -> bool:
    if record is None or copy is None:
        return record is copy
    expected = dataset.toward(follower, record)
    return record.version == copy.version and not differing(expected, copy)


def _scannable(*phases: Phase) -> Steps[Register]:
    register: Register | None = yield ReadRegister()
    if register is None or register.fence is not None or register.phase not in phases:
        raise UnavailableError("the register")
    return register


def _until(moment: float, now: Clock) -> Steps[None]:
    while (left := moment - now()) > 0:
        yield Wait(left)
