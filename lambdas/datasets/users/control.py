"""The old data source. It stands for a legacy service: a directory of 500 users."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

from dataset.steps import Record, Rows
from dataset_runtime.operation import Attempt, ConflictError, LateError, MissingError


class Entry(TypedDict):
    """A user as the old service shows one."""

    id: str
    name: str
    email: str
    plan: str


_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Tony")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Perlman")
_PLANS = ("free", "team", "enterprise")


def _entry(number: int) -> Entry:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return {
        "id": f"user-{number:03}",
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "plan": _PLANS[number % len(_PLANS)],
    }


USERS = {entry["id"]: entry for entry in map(_entry, range(1, 501))}
"""As the directory was, at version 1."""


class Directory:
    """The users of the directory, and what was changed of them in this process.

    Example:
        >>> Directory().load("user-001").rows["name"]
        'Grace Hopper'
    """

    def __init__(self) -> None:
        self._records = {
            key: Record(
                key, 1, {"name": user["name"], "email": user["email"], "plan": user["plan"]}
            )
            for key, user in USERS.items()
        }

    def load(self, key: str) -> Record | None:
        """The key's state."""
        return self._records.get(key)

    def page(self, after: str, limit: int) -> tuple[Record, ...]:
        """The next `limit` records after a key."""
        keys = sorted(key for key in self._records if key > after)
        return tuple(self._records[key] for key in keys[:limit])

    def copy(self, record: Record, *, repair: bool = False) -> bool:
        """Takes over the other side's state where it is newer, at a `repair` also an equal one."""
        held = self._records.get(record.key)
        if held is None or held.version + (not repair) <= record.version:
            self._records[record.key] = record
        return True

    def apply(self, attempt: Attempt, key: str, change: Callable[[Rows], Rows]) -> Record:
        """Changes a user, once for each operation.

        Raises:
            ConflictError: the operation's id was used with another body.
            MissingError: no such user.
            LateError: the attempt's time is over.
        """
        operation, held = attempt.operation, self._records.get(key)
        if held is None:
            raise MissingError
        if operation.id in held.operations:
            if held.operations[operation.id] != operation.digest:
                raise ConflictError
            return held
        if held.rows is None:
            raise MissingError
        if time.time() > attempt.until:
            raise LateError
        operations = {**held.operations, operation.id: operation.digest}
        self._records[key] = replace(
            held, version=held.version + 1, rows=change(held.rows), operations=operations
        )
        return self._records[key]


store = Directory()
