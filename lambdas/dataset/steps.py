"""What a dataset asks to be done: values, and one class for each step.

A step is yielded; what came of it is sent back, as its docstring says. Where it cannot be told
whether a step was done, the answer is that it was not.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeVar

from dataset.register import GROUPS, Register
from shadow_runtime.contract import Variant

Clock = Callable[[], float]
"""Seconds since the epoch, by the wall's clock of the function at work."""

Rows = Mapping[str, Any]
"""A record as a store holds it: columns and their values."""


class UnavailableError(Exception):
    """A store did not answer; the message or the request that needs it is tried again."""


@dataclass(frozen=True, slots=True)
class Record:
    """A key's state in one store.

    Attributes:
        key: of the dataset.
        version: grows with each write, and is kept by a deletion.
        rows: None where the key was deleted.
        operations: ids of what made this state, and the digests of their bodies. They go where the
            state goes: whoever asks again after a switch is not obeyed twice.
    """

    key: str
    version: int
    rows: Rows | None
    operations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the author of a dataset gives: how control's record looks in the candidate, and back.

    Example:
        >>> users = Dataset("users", lambda old: {"name": old["n"]}, lambda new: {"n": new["name"]})
        >>> users.toward(Variant.CANDIDATE, Record("ada", 1, {"n": "Ada"})).rows
        {'name': 'Ada'}
    """

    name: str
    translate: Callable[[Rows], Rows]
    inverse: Callable[[Rows], Rows]

    def toward(self, side: Variant, record: Record) -> Record:
        """The other side's `record`, as `side` holds it.

        Raises:
            UnavailableError: the author's function raised; nothing that it says may be shown.
        """
        change = self.translate if side is Variant.CANDIDATE else self.inverse
        try:
            rows = None if record.rows is None else change(record.rows)
        except Exception as error:
            raise UnavailableError(f"{self.name}: {type(error).__name__}") from error
        return replace(record, rows=rows)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that changes data.

    Attributes:
        id: the client's `Idempotency-Key`, or the request's own id.
        digest: of its body: another body under the same id is refused.
        keys: whose state it changes.
        body: for the store that applies it.
    """

    id: str
    digest: str
    keys: tuple[str, ...]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A key whose two sides may differ in a while. It holds nothing of a user's but that key.

    `attempt` tells one sending from the other: by the operation's id, a second attempt within five
    minutes would be taken for the first one, and by the key any second write would.
    """

    key: str
    operation: str
    attempt: str

    @property
    def deduplication(self) -> str:
        """The queue's deduplication id."""
        return blake2b(f"{self.key}\0{self.attempt}".encode(), digest_size=16).hexdigest()

    @property
    def group(self) -> int:
        """The group of the queue in which the intents of a key keep their order."""
        return group_of(self.key)


def group_of(key: str) -> int:
    """One of `GROUPS`, by the key alone."""
    return blake2b(key.encode(), digest_size=8).digest()[0] % GROUPS


@dataclass(frozen=True, slots=True)
class Marker:
    """The last message of a group before a move: all before it have had their end."""

    epoch: int
    group: int

    @property
    def deduplication(self) -> str:
        """The queue's deduplication id."""
        return f"{self.epoch}-{self.group}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A key of which one side is behind.

    Attributes:
        key: of the dataset.
        stale: the side that is behind.
        version: which it lacks; 0 where no intent could be sent, and it is not known.
        unsent_at: when an intent could not be sent, in seconds since the epoch; 0 otherwise.
        until: when it counts no more; 0 as long as it does.
    """

    key: str
    stale: Variant
    version: int
    unsent_at: float = 0.0
    until: float = 0.0

    def tells_of(self, side: Variant, now: float) -> bool:
        """Whether `side` may be behind at `now`."""
        return self.stale is side and (not self.until or now < self.until)

    def merged(self, newer: "Mark") -> "Mark":
        """What is held of a key after `newer` was put: of an older version nothing new is told."""
        if newer.version <= self.version and not newer.unsent_at:
            return self
        first = newer if newer.version > self.version else self
        return replace(first, unsent_at=max(self.unsent_at, newer.unsent_at), until=0.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader looks up: the register, and the marks of its keys."""

    register: Register
    marks: tuple[Mark, ...]


class Refusal(StrEnum):
    """Why the authority did not apply an operation."""

    CONFLICT = "conflict"  # the id was used with another body: 409 or 422
    MISSING = "missing"  # a key that it does not know: 404
    REJECTED = "rejected"  # another 4xx, such as 400 or 413: it has changed nothing
    UNKNOWN = "unknown"  # it did not say: the operation may have taken effect


Applied = tuple[Record, ...] | Refusal
"""The states that an operation made, or that an earlier attempt of it had made."""


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """Consistently. Answered with the `Register`, or None."""


@dataclass(frozen=True, slots=True)
class ChangeRegister:
    """If its epoch is still `epoch`. Answered with whether it was."""

    epoch: int
    register: Register


@dataclass(frozen=True, slots=True)
class Drain:
    """Adds a group to what the fence of that epoch has drained; to another one, nothing.

    Answered with whether the register could be changed.
    """

    marker: Marker


@dataclass(frozen=True, slots=True)
class Send:
    """To the queue, which delays it. Answered with whether it was taken."""

    message: Intent | Marker


@dataclass(frozen=True, slots=True)
class SendAll:
    """To the queue, in any order. Answered with whether all of them were taken."""

    messages: tuple[Intent, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """In one transaction with the operation's id, before `until`, or never. Answered `Applied`."""

    side: Variant
    operation: Operation
    until: float


@dataclass(frozen=True, slots=True)
class Copy:
    """If its version is newer than what `side` holds, or in a repair the same.

    Answered with whether it holds it now, or a newer one.
    """

    side: Variant
    record: Record
    is_repair: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """Answered with the `Record`, or None where the key was never known.

    Raises:
        UnavailableError: in the generator; the store did not answer.
    """

    side: Variant
    key: str


@dataclass(frozen=True, slots=True)
class Page:
    """The next `limit` records after a key, in the order of the keys, tombstones included.

    Raises:
        UnavailableError: in the generator; the store did not answer.
    """

    side: Variant
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class PutMark:
    """Merged with what is held. Answered with whether it is held now."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class ClearMark:
    """Lets a mark end at `until`, if it tells of no higher version, and of nothing unsent since.

    Of whatever side: one that came late may tell of the side that is the authority by now.
    Answered with None.
    """

    key: str
    version: int
    unsent_before: float
    until: float


@dataclass(frozen=True, slots=True)
class Look:
    """Consistently. Answered with what is `Seen`, or None."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Has a side answer a request that reads. Answered with its answer, or None without one."""

    side: Variant


@dataclass(frozen=True, slots=True)
class Together:
    """Both at once, within `READ_S`. Answered with both answers."""

    ask: Ask
    look: Look


@dataclass(frozen=True, slots=True)
class Marked:
    """Answered with the keys of which a mark has no end yet, at most `limit`.

    Raises:
        UnavailableError: in the generator; the marks cannot be read.
    """

    limit: int


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Answered with how many keys nobody is going to reconcile: dead letters, and unsent intents.

    None where that cannot be told.
    """


@dataclass(frozen=True, slots=True)
class Wait:
    """Answered with None, after as many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rehearse:
    """In one transaction that is rolled back: holds `seed`, runs the candidate's code, reads.

    Answered with its answer and the `Record`s of `operation`'s keys as it left them.

    Raises:
        UnavailableError: in the generator; it was not run.
    """

    seed: tuple[Record, ...]
    operation: Operation


Step = (
    ReadRegister
    | ChangeRegister
    | Drain
    | Send
    | SendAll
    | Apply
    | Copy
    | Load
    | Page
    | PutMark
    | ClearMark
    | Look
    | Ask
    | Together
    | Marked
    | Outstanding
    | Wait
    | Rehearse
)

_Result = TypeVar("_Result")
Steps = Generator[Step, Any, _Result]
"""Yields steps, is sent what came of each, and returns a result."""
