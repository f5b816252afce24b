"""Who is the authority for a dataset, and since when: one item, read consistently by each write."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from shadow_runtime.contract import Variant

LEASE_S = 5.0
"""For so long after it asked for the register a write may act upon what it read."""

EFFECT_S = 3.0
"""The longest that an effect on the authority may take to land, or it must not land at all."""

DELAY_S = LEASE_S
"""Of each intent, set on the queue: the write that sent it has then ended, well or badly."""

SKEW_S = 1.0
"""What the clocks of two functions may differ by."""

READ_S = 3.0
"""The longest read: a mark is seen for so long after it has lost its cause."""

FENCE_S = 25.0
"""After so long whoever meets a fence lifts it: whoever set it died."""

FRESH_S = 24 * 3_600.0
"""How old a verification may be by which users are moved."""

GROUPS = 16
"""Of the queue: the order of intents is kept in each of them."""


class Phase(StrEnum):
    """How far a dataset is: who is the authority, and who is copied to.

    Example:
        >>> Phase.SYNCED.authority, Phase.SYNCED.follower
        (<Variant.CONTROL: 'control'>, <Variant.CANDIDATE: 'candidate'>)
        >>> Phase.OFF.follower is None
        True
    """

    OFF = "off"
    DUAL = "dual"
    SYNCED = "synced"
    SWITCHED = "switched"
    COMPLETE = "complete"

    @property
    def authority(self) -> Variant:
        """The side whose data is the truth."""
        return Variant.CANDIDATE if self in _OF_THE_CANDIDATE else Variant.CONTROL

    @property
    def follower(self) -> Variant | None:
        """The side to which state is copied; None at `off` and `complete`."""
        return None if self in (Phase.OFF, Phase.COMPLETE) else self.authority.other

    def serves(self, side: Variant) -> bool:
        """Whether readers may be answered by `side`."""
        return side is self.authority or self in (Phase.SYNCED, Phase.SWITCHED)


_OF_THE_CANDIDATE = (Phase.SWITCHED, Phase.COMPLETE)

AT_ONCE = frozenset(
    {
        (Phase.OFF, Phase.DUAL),
        (Phase.DUAL, Phase.SYNCED),
        (Phase.DUAL, Phase.OFF),
        (Phase.SYNCED, Phase.DUAL),
        (Phase.SYNCED, Phase.OFF),
        (Phase.SWITCHED, Phase.COMPLETE),
    }
)
"""Moves that leave the authority where it is."""

FENCED = frozenset({(Phase.SYNCED, Phase.SWITCHED), (Phase.SWITCHED, Phase.SYNCED)})
"""Moves of the authority: writes are held meanwhile."""


@dataclass(frozen=True, slots=True)
class Fence:
    """No write begins: the phase is about to move.

    Attributes:
        to: the phase to come.
        at: when it was set, in seconds since the epoch.
        drained: groups of the queue in which all intents from before have had their end.
    """

    to: Phase
    at: float
    drained: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Backfill:
    """Keys up to `after` were enqueued, so many of them; all when it `is_done`."""

    after: str = ""
    enqueued: int = 0
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """A key that differed at first sight, and the authority's version then."""

    key: str
    version: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that differs, and in which columns: `*` where one side has no row.

    Where the rows are equal and the versions are not, the column is `version`.
    """

    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """A scan of all rows of both sides.

    Attributes:
        started_at: in seconds since the epoch; by this its age is reckoned.
        after: the last key that was looked at.
        looked_at: how many were.
        suspects: keys that differed, to be looked at again.
        scanned_at: when the last key was looked at; 0 before.
        differences: what differed again; None before that is known.
    """

    started_at: float
    after: str = ""
    looked_at: int = 0
    suspects: tuple[Suspect, ...] = ()
    scanned_at: float = 0.0
    differences: tuple[Difference, ...] | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether it found nothing, and is young enough to move users by."""
        return self.differences == () and now - self.started_at <= FRESH_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The one item of a dataset; each change is conditional on `epoch`, which grows by it.

    Example:
        >>> Register().refusal(Phase.SWITCHED, now=0.0)
        'a dataset at off moves to dual, not to switched'
    """

    phase: Phase = Phase.OFF
    epoch: int = 0
    since: float = 0.0
    fence: Fence | None = None
    backfill: Backfill = field(default_factory=Backfill)
    verification: Verification | None = None

    def refusal(self, to: Phase, *, now: float) -> str:
        """Why the phase may not move to `to`; empty where it may."""
        if self.fence is not None:
            return f"a move to {self.fence.to} is on its way: wait for its end"
        if (self.phase, to) not in AT_ONCE | FENCED:
            nexts = sorted(str(after) for before, after in AT_ONCE | FENCED if before is self.phase)
            ways = " or ".join(nexts) or "no other phase"
            return f"a dataset at {self.phase} moves to {ways}, not to {to}"
        is_fresh = self.verification is not None and self.verification.is_fresh(now)
        if to is Phase.SYNCED and self.phase is Phase.DUAL and not self.backfill.is_done:
            return "the backfill is not done"
        raises = (self.phase, to) in ((Phase.DUAL, Phase.SYNCED), (Phase.SYNCED, Phase.SWITCHED))
        if raises and not is_fresh:
            return "no verification of the last 24 hours found both sides equal: verify again"
        return ""

    def moved(self, to: Phase, *, now: float) -> Self:
        """At another phase; from `off` on what was known of the follower counts no more."""
        moved = replace(self, phase=to, epoch=self.epoch + 1, since=now, fence=None)
        is_known = Phase.OFF not in (self.phase, to)
        return moved if is_known else replace(moved, backfill=Backfill(), verification=None)

    def fenced(self, to: Phase, *, now: float) -> Self:
        """With a fence, before a move of the authority."""
        return replace(self, epoch=self.epoch + 1, fence=Fence(to, now))

    def lifted(self) -> Self:
        """Without its fence; whoever set it finds another epoch, and moves nothing."""
        return replace(self, epoch=self.epoch + 1, fence=None)

    def scanned(self, found: Backfill | Verification) -> Self:
        """With the progress of a scan."""
        later = replace(self, epoch=self.epoch + 1)
        if isinstance(found, Backfill):
            return replace(later, backfill=found)
        return replace(later, verification=found)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act upon a register that was asked for at `began`, by the holder's own clock."""

    began: float

    def covers(self, now: float) -> bool:
        """Whether an effect that starts now lands while nobody else can be the authority."""
        return now + EFFECT_S <= self.began + LEASE_S
