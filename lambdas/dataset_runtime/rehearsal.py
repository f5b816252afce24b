"""The shadow of a write: the candidate's code on control's state, in a transaction of its own."""

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from dataset.register import EFFECT_S
from dataset.requests import Rehearsed, rehearse
from dataset.steps import Dataset, Record, Rehearse, Step, UnavailableError
from dataset_runtime.candidate import store
from dataset_runtime.operation import Attempt, carrying, operation_of, rehearsing
from dataset_runtime.perform import run
from dataset_runtime.wire import from_json
from shadow_runtime import database
from shadow_runtime.http import Request
from shadow_runtime.settings import settings


class Seeded(Protocol):
    """What a rehearsal asks of the candidate's store beside `load`."""

    def load(self, key: str) -> Record | None:
        """The key's state."""

    def seed(self, key: str, record: Record | None) -> None:
        """Makes the key's state this one, whatever it is; None where it was never known."""


def rehearsed(
    request: Request, before: Sequence[object], after: Sequence[object], answer: Callable[[], Any]
) -> Rehearsed:
    """Runs `answer`, the candidate's handler, on what control had before `request`, in vain.

    `before` and `after` are control's records of the request's keys, as `wire` writes them.

    Raises:
        MalformedError: a record is none.
        UnavailableError: the code was kept from its work, as by a lock.
        UnguardedError: the database would let it commit, or it has ended its transaction.
    """
    records = importlib.import_module(f"{settings().dataset_package}.records")
    steps = rehearse(
        Dataset(settings().dataset, records.translate, records.inverse),
        operation_of(request, records.keys(request)),
        tuple(map(from_json, before)),
        tuple(map(from_json, after)),
    )
    return run(steps, lambda step: _performed(step, answer))


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
