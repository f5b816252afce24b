"""The register and the marks of a dataset: one table of DynamoDB."""

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from dataset.register import (
    Backfill,
    Difference,
    Fence,
    Phase,
    Register,
    Suspect,
    Verification,
)
from dataset.steps import ClearMark, Mark, Marker, Seen, UnavailableError
from dataset_runtime.api import FAILED_CONDITION, PATIENCE_S, Api, Call, CallError
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Variant

KEPT_S = 24 * 3_600
"""A mark that has ended is kept for so long: what is late must find it."""

MOST_KEYS = 99
"""Of one look: a batch has a hundred items, and the register is one.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""

GRACE_S = 0.2
"""For a look, once the side has answered: a kept connection that is dead is found out only then."""

_TRIES = 5
"""At a mark that others change at the same time."""

_REGISTER = "register"
_MARK = "mark#"
_LAG = "lag"

Item = Mapping[str, Any]


class RegisterTable:
    """The items `register` and `lag`, and one `mark#<key>` for each key that is marked.

    Whoever has read the phase `complete` asks no more: no way leads back from it.

    Example:
        >>> table = RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"),
        ...     "users")  # doctest: +SKIP
        >>> table.read()  # doctest: +SKIP
        Register(phase=<Phase.SYNCED: 'synced'>, epoch=4, …)
    """

    def __init__(self, dynamodb: Api, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._circuit_breaker = CircuitBreaker(failures=1, pause=30)
        self._complete: Register | None = None

    def read(self) -> Register | None:
        """The register as it is now; None where it cannot be read."""
        if self._complete is not None:
            return self._complete
        try:
            found = self._get(_REGISTER)
        except CallError:
            return None
        return self._known(found)

    def change(self, epoch: int, register: Register) -> bool:
        """Replaces the register if its epoch is still `epoch`; whether it was."""
        change = {"S": uuid4().hex}
        item: dict[str, Any] = {
            "pk": {"S": _REGISTER},
            "epoch": {"N": str(register.epoch)},
            "state": {"S": _state(register)},
            "change": change,
        }
        if register.fence is not None and register.fence.drained:
            item["drained"] = {"NS": [*map(str, sorted(register.fence.drained))]}
        try:
            self._replace(item, "epoch", epoch)
        except CallError as error:  # our own, sent a second time, finds what the first one did
            return error.held.get("change") == change
        return True

    def drain(self, marker: Marker) -> bool:
        """Notes a group as drained for the fence of that epoch; whether the table answered."""
        try:
            self._dynamodb.call(
                "UpdateItem",
                {
                    "TableName": self._table,
                    "Key": {"pk": {"S": _REGISTER}},
                    "UpdateExpression": "ADD drained :group",
                    "ConditionExpression": "epoch = :epoch",
                    "ExpressionAttributeValues": {
                        ":group": {"NS": [str(marker.group)]},
                        ":epoch": {"N": str(marker.epoch)},
                    },
                },
            )
        except CallError as error:
            return error.kind == FAILED_CONDITION
        return True

    def look(self, keys: tuple[str, ...]) -> "Glance":
        """Asks for the register and the marks of `keys`, and waits for no reply.

        When the table hangs, one user waits for it, and then none for half a minute.
        """
        if self._complete is not None:
            return Glance(self, Seen(self._complete, ()))
        if len(keys) > MOST_KEYS or not self._circuit_breaker.allows():
            return Glance(self, None)
        deadline = time.monotonic() + PATIENCE_S
        asked = [{"pk": {"S": each}} for each in (_REGISTER, *(_MARK + key for key in {*keys}))]
        request = {"RequestItems": {self._table: {"Keys": asked, "ConsistentRead": True}}}
        try:
            return Glance(
                self, None, self._dynamodb.send("BatchGetItem", request, deadline), deadline
            )
        except CallError:
            self._circuit_breaker.record(ok=False)
            return Glance(self, None)

    def seen(self, call: Call, deadline: float) -> Seen | None:
        """What a look has found; None where it was not all answered."""
        try:
            reply = call.reply(max(deadline, time.monotonic() + GRACE_S))
        except CallError as error:
            self._circuit_breaker.record(ok=error.kind != TimeoutError.__name__)
            return None
        self._circuit_breaker.record(ok=True)
        if reply.get("UnprocessedKeys"):
            return None
        items = {item["pk"]["S"]: item for item in reply["Responses"].get(self._table, [])}
        register = self._known(items.pop(_REGISTER, None))
        if register is None:
            return None
        return Seen(register, tuple(map(_mark, items.values())))

    def put_mark(self, mark: Mark) -> bool:
        """Merges a mark with what is held of its key; whether it is held now."""
        return self._change_mark(mark.key, lambda held: held.merged(mark) if held else mark)

    def clear_mark(self, clear: ClearMark) -> None:
        """Lets a mark end, as `ClearMark` says. What fails is done when the sweep comes."""

        def cleared(held: Mark | None) -> Mark | None:
            if held is None or held.version > clear.version or held.until:
                return held
            if held.unsent_at > clear.unsent_before:
                return held
            return replace(held, unsent_at=0.0, until=clear.until)

        self._change_mark(clear.key, cleared)

    def marked(self, limit: int) -> tuple[str, ...]:
        """At most `limit` keys whose mark has no end yet.

        Raises:
            UnavailableError: the table does not answer.
        """
        return tuple(mark.key for mark in self._marks())[:limit]

    def unsent(self) -> int:
        """How many keys there are of which an intent could not be sent.

        Raises:
            UnavailableError: the table does not answer.
        """
        return sum(1 for mark in self._marks() if mark.unsent_at)

    def note_lag(self, seconds: float) -> None:
        """For how long the newest message had been sent that was done with, for people to see."""
        item = {
            "pk": {"S": _LAG},
            "seconds": {"N": f"{seconds:.3f}"},
            "at": {"N": f"{time.time():.3f}"},
        }
        with suppress(CallError):
            self._dynamodb.call("PutItem", {"TableName": self._table, "Item": item})

    def lag(self) -> tuple[float, float]:
        """What was noted, and when; zeros before.

        Raises:
            CallError: the table does not answer.
        """
        item = self._get(_LAG) or {}
        seconds, at = (float(item.get(name, {"N": "0"})["N"]) for name in ("seconds", "at"))
        return seconds, at

    def _marks(self) -> list[Mark]:
        """Those without an end; of the table nothing else is many."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "FilterExpression": "#until = :never",
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": {":never": {"N": "0"}},
        }
        found: list[Mark] = []
        while True:
            try:
                reply = self._dynamodb.call("Scan", request, seconds=3.0)
            except CallError as error:
                raise UnavailableError(f"the register's table: {error.kind}") from error
            found += map(_mark, reply["Items"])
            if not (after := reply.get("LastEvaluatedKey")):
                return found
            request["ExclusiveStartKey"] = after

    def _change_mark(self, key: str, change: Any) -> bool:
        try:
            for _ in range(_TRIES):
                item = self._get(_MARK + key)
                held = _mark(item) if item else None
                made = change(held)
                if made == held:
                    return True
                revision = int(item["revision"]["N"]) if item else 0
                try:
                    self._replace(_mark_item(made, revision + 1), "revision", revision)
                except CallError as error:
                    if error.kind != FAILED_CONDITION:
                        raise
                else:
                    return True
        except CallError:
            pass
        return False

    def _known(self, item: Item | None) -> Register | None:
        try:
            register = _register(item) if item else Register()
        except (KeyError, TypeError, ValueError):  # of a newer release, or nobody's
            return None
        if register.phase is Phase.COMPLETE:
            self._complete = register
        return register

    def _get(self, pk: str) -> Item | None:
        key = {"pk": {"S": pk}}
        request = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        found: Item | None = self._dynamodb.call("GetItem", request).get("Item")
        return found

    def _replace(self, item: Item, name: str, number: int) -> None:
        """If the number under `name` is still that one; at 0 there is no such item yet."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if number:
            condition = {
                "ConditionExpression": f"{name} = :before",
                "ExpressionAttributeValues": {":before": {"N": str(number)}},
            }
        self._dynamodb.call(
            "PutItem",
            {
                "TableName": self._table,
                "Item": item,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **condition,
            },
        )


class Glance:
    """A look that is on its way."""

    def __init__(
        self,
        table: RegisterTable,
        seen: Seen | None,
        call: Call | None = None,
        deadline: float = 0.0,
    ) -> None:
        self._table = table
        self._seen = seen
        self._call = call
        self._deadline = deadline

    def seen(self) -> Seen | None:
        """What it has found; None where that is not known by its deadline."""
        call, self._call = self._call, None
        if call is not None:
            self._seen = self._table.seen(call, self._deadline)
        return self._seen


def _state(register: Register) -> str:
    """All but what others add to meanwhile."""
    fence = register.fence and {"to": register.fence.to, "at": register.fence.at}
    return json.dumps({**asdict(replace(register, fence=None)), "fence": fence})


def _register(item: Item) -> Register:
    held = json.loads(item["state"]["S"])
    drained = frozenset(map(int, item.get("drained", {}).get("NS", ())))
    fence, verification = held["fence"], held["verification"]
    return Register(
        phase=Phase(held["phase"]),
        epoch=int(item["epoch"]["N"]),
        since=held["since"],
        fence=Fence(Phase(fence["to"]), fence["at"], drained) if fence else None,
        backfill=Backfill(**held["backfill"]),
        verification=_verification(verification) if verification else None,
    )


def _verification(held: Mapping[str, Any]) -> Verification:
    differences = held["differences"]
    return Verification(
        **{
            **held,
            "suspects": tuple(Suspect(**each) for each in held["suspects"]),
            "differences": None
            if differences is None
            else tuple(Difference(each["key"], tuple(each["columns"])) for each in differences),
        }
    )


def _mark(item: Item) -> Mark:
    return Mark(
        key=item["pk"]["S"].removeprefix(_MARK),
        stale=Variant(item["stale"]["S"]),
        version=int(item["version"]["N"]),
        unsent_at=float(item["unsent_at"]["N"]),
        until=float(item["until"]["N"]),
    )


def _mark_item(mark: Mark, revision: int) -> Item:
    ends = {"ttl": {"N": str(math.ceil(mark.until + KEPT_S))}} if mark.until else {}
    return {
        "pk": {"S": _MARK + mark.key},
        "stale": {"S": mark.stale},
        "version": {"N": str(mark.version)},
        "unsent_at": {"N": repr(mark.unsent_at)},
        "until": {"N": repr(mark.until)},
        "revision": {"N": str(revision)},
        **ends,
    }
