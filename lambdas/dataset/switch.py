"""How the phase moves: at once where the authority stays, and behind a fence where it does not."""

from dataset.register import AT_ONCE, FENCE_S, GROUPS, LEASE_S, Phase, Register
from dataset.requests import lift_forgotten
from dataset.steps import (
    ChangeRegister,
    Clock,
    Marker,
    Outstanding,
    ReadRegister,
    Send,
    Steps,
    Wait,
)

POLL_S = 0.25
"""How often the queue is looked at while writes are held."""

_UNREAD = "the register cannot be read: nothing was moved"
_OTHERS = "somebody else changed the register meanwhile: nothing was moved"


def move(to: Phase, *, now: Clock) -> Steps[str]:
    """Moves the phase to `to`.

    Where the authority moves with it, writes are held: for a lease, in which the last of those that
    had begun end, and until the follower has all of them. Where it takes longer than the fence may
    stand, or something would be left behind, everything stays as it was.

    Returns:
        Why it was not moved; empty when it was.
    """
    register: Register | None = yield ReadRegister()
    if register is None:
        return _UNREAD
    yield from lift_forgotten(register, now)
    if refusal := register.refusal(to, now=now()):
        return refusal
    if (register.phase, to) in AT_ONCE:
        moved = register.moved(to, now=now())
        return "" if (yield ChangeRegister(register.epoch, moved)) else _OTHERS
    if refusal := (yield from left_behind()):
        return refusal
    fenced = register.fenced(to, now=now())
    if not (yield ChangeRegister(register.epoch, fenced)):
        return _OTHERS
    refusal = yield from _drained(fenced, now)
    if not refusal and (yield ChangeRegister(fenced.epoch, fenced.moved(to, now=now()))):
        return ""
    yield ChangeRegister(fenced.epoch, fenced.lifted())
    return refusal or _OTHERS


def _drained(fenced: Register, now: Clock) -> Steps[str]:
    """Waits until the follower has all; why it has not, or the empty text."""
    until = now() + FENCE_S
    yield Wait(LEASE_S)
    for group in range(GROUPS):
        if not (yield Send(Marker(fenced.epoch, group))):
            return "the queue took no message: nothing was moved"
    while now() < until:
        register: Register | None = yield ReadRegister()
        if register is not None and register.epoch != fenced.epoch:
            return _OTHERS
        if register is not None and register.fence and len(register.fence.drained) == GROUPS:
            return (yield from left_behind())
        yield Wait(POLL_S)
    return f"the queue was not empty after {FENCE_S:g} seconds: nothing was moved"


def left_behind() -> Steps[str]:
    """Why the authority may not move: keys that nobody is going to copy; or the empty text."""
    keys: int | None = yield Outstanding()
    if keys is None:
        return "the dead letters cannot be counted: nothing was moved"
    if keys:
        return f"{keys} keys wait for a repair: nothing was moved"
    return ""
