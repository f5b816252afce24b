"""The shadow of a write: the candidate's code on control's state, in a transaction of its own."""

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from dataset.register import EFFECT_S
from dataset.requests import Rehearsed, rehearse
from dataset.steps import Dataset, Operation, Record, Rehearse, Step, UnavailableError
from dataset_runtime.candidate import store
from dataset_runtime.operation import Attempt, carrying, rehearsing
from dataset_runtime.perform import run
from dataset_runtime.wire import from_json
from shadow_runtime import database
from shadow_runtime.front_doors import MalformedError
from shadow_runtime.settings import settings


class Seeded(Protocol):
    """What a rehearsal asks of the candidate's store beside `load`."""

    def load(self, key: str) -> Record | None:
        """The key's state."""

    def seed(self, key: str, record: Record | None) -> None:
        """Makes the key's state this one, whatever it is; None where it was never known."""


def rehearsed(write: Mapping[str, Any], answer: Callable[[], Any]) -> Rehearsed:
    """Runs `answer`, the candidate's handler, on what control had before `write`, in vain.

    Raises:
        MalformedError: no route tells so of a write.
        UnavailableError: the code was kept from its work, as by a lock.
        UnguardedError: the database would let it commit, or it has ended its transaction.
    """
    match write:
        case {
            "operation": {"id": str(id_), "digest": str(digest), "keys": list(keys)},
            "before": list(before),
            "after": list(after),
        }:
            records = importlib.import_module(f"{settings().dataset_package}.records")
            steps = rehearse(
                Dataset(settings().dataset, records.translate, records.inverse),
                Operation(id_, digest, tuple(keys)),
                tuple(map(from_json, before)),
                tuple(map(from_json, after)),
            )
            return run(steps, lambda step: _performed(step, answer))
    raise MalformedError("this is no write that a route copied: operation, before and after")


def _performed(step: Step, answer: Callable[[], Any]) -> tuple[Any, tuple[Record, ...]]:
    assert isinstance(step, Rehearse)  # noqa: S101 - there is no other
    candidate, operation = cast("Seeded", store()), step.operation
    seeds = {record.key: record for record in step.seed}
    with rehearsing(), database.rehearsal() as dry_run:
        for key in operation.keys:
            candidate.seed(key, seeds.get(key))
        dry_run.begin()
        with carrying(Attempt(operation, time.time() + EFFECT_S)):
            payload = answer()
        if dry_run.is_disturbed:
            raise UnavailableError("a rehearsal was disturbed")
        dry_run.check()
        left = map(candidate.load, operation.keys)
        return payload, tuple(record for record in left if record is not None)
