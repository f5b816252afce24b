"""The old data source. It stands for a legacy service: a directory of 500 users.

They are in the code, as they were; what was changed of them since is in a table of DynamoDB, whose
name is in `DIRECTORY_TABLE`. Without it changes last as long as the process.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypedDict

from dataset.steps import Record, Rows, UnavailableError
from dataset_runtime.api import FAILED_CONDITION, PATIENCE_S, Api, CallError
from dataset_runtime.operation import Attempt, ConflictError, LateError, MissingError
from dataset_runtime.store import is_key
from dataset_runtime.wire import from_json, to_json
from shadow_runtime.aws import Service

OPERATIONS = 50
"""Of a user so many are remembered, the newest."""


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
"""As they were."""


class Changes(Protocol):
    """What was changed of the directory's users. Each raises `UnavailableError` without answer."""

    def get(self, key: str) -> Record | None:
        """What a user has become; None for one who is as they were."""

    def put(self, record: Record, *, before: int, seconds: float) -> bool:
        """Whether the user was still at version `before`, and is `record` now."""

    def all(self) -> Iterator[Record]:
        """All that was changed."""


class Directory:
    """The users, each with a version, and the operations that made it.

    An operation's id is kept in the one write that makes its effect. That this lands in time is as
    certain as DynamoDB's answer: the call ends before the attempt does.

    Args:
        changes: what became of its users.
        first: their rows as they were, at version 1.

    Example:
        >>> Directory(InMemory(), {"ada": {"name": "Ada"}}).load("ada")
        Record(key='ada', version=1, rows={'name': 'Ada'}, operations={})
    """

    def __init__(self, changes: Changes, first: Mapping[str, Rows]) -> None:
        self._changes = changes
        self._first = {key: Record(key, 1, rows) for key, rows in first.items()}

    def load(self, key: str) -> Record | None:
        """The key's state, of a deletion too."""
        return self._changes.get(key) or self._first.get(key)

    def page(self, after: str, limit: int) -> tuple[Record, ...]:
        """The next `limit` records after a key; each page looks at all that was changed."""
        records = {**self._first, **{record.key: record for record in self._changes.all()}}
        keys = sorted(key for key in records if key > after)
        return tuple(records[key] for key in keys[:limit])

    def copy(self, record: Record, *, repair: bool = False) -> bool:
        """Takes over the other side's state where it is newer, at a `repair` also an equal one.

        Raises:
            UnavailableError: it is not known whether it did.
        """
        while True:
            held = self.load(record.key)
            before = held.version if held else 0
            if held is not None and before >= record.version + repair:
                return True
            if self._changes.put(record, before=before, seconds=PATIENCE_S):
                return True

    def apply(self, attempt: Attempt, key: str, change: Callable[[Rows], Rows | None]) -> Record:
        """Changes a user, once for each operation; where `change` gives None, deletes them.

        Raises:
            ConflictError: the operation's id was used with another body.
            MissingError: no such user.
            LateError: the attempt's time is over.
            UnavailableError: it is not known whether it did.
        """
        operation = attempt.operation
        while True:
            held = self.load(key)
            if held is None:
                raise MissingError
            if (digest := held.operations.get(operation.id)) is not None:
                if digest != operation.digest:
                    raise ConflictError
                return held
            if held.rows is None:
                raise MissingError
            operations = [*held.operations.items(), (operation.id, operation.digest)]
            made = replace(
                held,
                version=held.version + 1,
                rows=change(held.rows),
                operations=dict(operations[-OPERATIONS:]),
            )
            left_s = attempt.until - time.time()
            if left_s <= 0:
                raise LateError
            if self._changes.put(made, before=held.version, seconds=min(left_s, PATIENCE_S)):
                return made


class InMemory:
    """Changes that last as long as the process."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def get(self, key: str) -> Record | None:
        """What a user has become."""
        return self._records.get(key)

    def put(self, record: Record, *, before: int, seconds: float) -> bool:  # noqa: ARG002
        """Nobody else writes meanwhile."""
        self._records[record.key] = record
        return True

    def all(self) -> Iterator[Record]:
        """All that was changed."""
        yield from self._records.values()


class InTable:
    """Changes in a table of DynamoDB, whose key is `pk`: one item a user, written as a whole."""

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def get(self, key: str) -> Record | None:
        """What a user has become."""
        if not is_key(key):
            return None
        asked = {"Key": {"pk": {"S": key}}, "ConsistentRead": True}
        item = self._call("GetItem", asked, PATIENCE_S).get("Item")
        return _record(item) if item else None

    def put(self, record: Record, *, before: int, seconds: float) -> bool:
        """Who is not in the table is at the version of the code, which nobody else moves."""
        item = {
            "pk": {"S": record.key},
            "version": {"N": str(record.version)},
            "record": {"S": json.dumps(to_json(record))},
        }
        asked = {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk) OR version = :before",
            "ExpressionAttributeValues": {":before": {"N": str(before)}},
        }
        try:
            self._call("PutItem", asked, seconds)
        except _ChangedError:
            return False
        return True

    def all(self) -> Iterator[Record]:
        """All that was changed."""
        asked: dict[str, Any] = {"ConsistentRead": True}
        while True:
            reply = self._call("Scan", asked, 3.0)
            yield from map(_record, reply["Items"])
            if not (after := reply.get("LastEvaluatedKey")):
                return
            asked["ExclusiveStartKey"] = after

    def _call(self, action: str, asked: dict[str, Any], seconds: float) -> Any:
        try:
            return self._dynamodb.call(action, {"TableName": self._table, **asked}, seconds=seconds)
        except CallError as error:
            if error.kind == FAILED_CONDITION:
                raise _ChangedError from error
            raise UnavailableError(f"the directory's table: {error.kind}") from error


class _ChangedError(Exception):
    """Somebody else has changed a user meanwhile."""


def _record(item: Any) -> Record:
    return from_json(json.loads(item["record"]["S"]))


def _rows(entry: Entry) -> Rows:
    return {"name": entry["name"], "email": entry["email"], "plan": entry["plan"]}


def _changes() -> Changes:
    table = os.environ.get("DIRECTORY_TABLE")
    return InTable(Api(Service("dynamodb"), "DynamoDB_20120810"), table) if table else InMemory()


store = Directory(_changes(), {key: _rows(entry) for key, entry in USERS.items()})
