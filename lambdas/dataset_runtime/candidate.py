"""The candidate's part in a write: it takes over states, and carries out an operation."""

import importlib
from collections.abc import Callable
from typing import Any

from dataset.steps import Operation, UnavailableError
from dataset_runtime.operation import Attempt, carrying
from dataset_runtime.store import Store
from dataset_runtime.wire import from_json, to_json
from shadow_runtime.front_doors import MalformedError
from shadow_runtime.settings import settings


def carry_out(told: object, answer: Callable[[], Any]) -> dict[str, Any]:
    """What the route asks for in `told`; `answer` is the handler, called with the request.

    First the copies, then the operation, so that one which is in a copied state is not applied
    again, and is answered by this side's own code.

    Returns:
        `copied`, whether the store holds each now; `records` of the operation's keys after it, and
        the handler's `payload`, None without an operation.

    Raises:
        MalformedError: no route asks so.
        UnavailableError: the database does not say what the operation left.
    """
    match told:
        case {"copies": list(copies), "operation": None}:
            return {"copied": _copied(copies), "records": [], "payload": None}
        case {
            "copies": list(copies),
            "operation": {
                "id": str(id_),
                "digest": str(digest),
                "keys": list(keys),
                "until": int() | float() as until,
            },
        }:
            copied = _copied(copies)
            with carrying(Attempt(Operation(id_, digest, tuple(keys)), until)):
                payload = answer()
            found = (store().load(key) for key in keys)
            records = [to_json(record) for record in found if record is not None]
            return {"copied": copied, "records": records, "payload": payload}
    raise MalformedError("this is no write of a route: copies, and an operation or null")


def store() -> Store:
    """The dataset's new data source."""
    module = importlib.import_module(f"{settings().dataset_package}.candidate")
    held: Store = module.store
    return held


def _copied(copies: list[object]) -> list[bool]:
    return [_is_copied(record) for record in map(from_json, copies)]


def _is_copied(record: Any) -> bool:
    try:
        return store().copy(record)
    except UnavailableError:
        return False
