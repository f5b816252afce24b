"""A route with a dataset: its handlers, two stores, a register, a queue, each to be failed."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dataset.register import Register
from dataset.steps import Dataset, Intent, Mark, Marker, Operation, Record, Rows, Seen
from dataset_runtime.operation import (
    Attempt,
    ConflictError,
    LateError,
    MissingError,
    attempt_of,
    carrying,
)
from dataset_runtime.perform import Performer
from dataset_runtime.route import RouteData
from dataset_runtime.wire import from_json, to_json
from shadow_runtime.candidate_call import Answer, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import MARK, as_side
from shadow_runtime.http import RefusedError, Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.respond import RouteRuntime
from tests.runtime.routes import DEADLINE_MS, Flag, Tee, event_of

USERS = "Users/users"
ADA = Record("ada", 1, {"name": "Ada"})


class Store:
    """A side's records in memory."""

    def __init__(self, name: str) -> None:
        self.column = name
        self.records: dict[str, Record] = {}
        self.failing = False
        self.applied = 0

    def load(self, key: str) -> Record | None:
        if self.failing:
            raise OSError("s3cret")
        return self.records.get(key)

    def page(self, after: str, limit: int) -> tuple[Record, ...]:
        keys = sorted(key for key in self.records if key > after)
        return tuple(self.records[key] for key in keys[:limit])

    def copy(self, record: Record, *, repair: bool = False) -> bool:
        if self.failing:
            raise OSError("s3cret")
        held = self.records.get(record.key)
        if held is None or held.version < record.version + repair:
            self.records[record.key] = record
        return True

    def apply(self, attempt: Attempt, key: str, change: Callable[[Rows], Rows]) -> Record:
        operation, held = attempt.operation, self.records.get(key)
        if held is None:
            raise MissingError
        if operation.id in held.operations:
            if held.operations[operation.id] != operation.digest:
                raise ConflictError
            return held
        if held.rows is None:
            raise MissingError
        if time.time() >= attempt.until:
            raise LateError
        self.applied += 1
        made = replace(
            held,
            version=held.version + 1,
            rows=change(held.rows),
            operations={**held.operations, operation.id: operation.digest},
        )
        self.records[key] = made
        return made

    def handler(self, request: Request) -> Response:
        """Reads the caller's own record, or renames it."""
        if request.method == "GET":
            held = self.records.get(request.user)
            return Response.json({**(held.rows or {})} if held else {}, status=200 if held else 404)
        try:
            name = json.loads(request.body)["name"]
        except ValueError as error:
            raise RefusedError(400, "no JSON") from error
        if not isinstance(name, str):
            raise RefusedError(422, "no text")
        rows = {self.column: name}
        made = self.apply(attempt_of(request), request.user, lambda old: {**old, **rows})
        return Response.json({**(made.rows or {})})


class Table:
    """A register and its marks, in memory."""

    def __init__(self, register: Register) -> None:
        self.register: Register | None = register
        self.marks: dict[str, Mark] = {}
        self.takes_marks = True
        self.looks: list[tuple[str, ...]] = []

    def read(self) -> Register | None:
        return self.register

    def change(self, epoch: int, register: Register) -> bool:
        if self.register is None or self.register.epoch != epoch:
            return False
        self.register = register
        return True

    def look(self, keys: tuple[str, ...]) -> "Glanced":
        self.looks.append(keys)
        return Glanced(self, keys)

    def put_mark(self, mark: Mark) -> bool:
        if self.takes_marks:
            held = self.marks.get(mark.key)
            self.marks[mark.key] = held.merged(mark) if held else mark
        return self.takes_marks


class Glanced:
    """What a look of before sees now."""

    def __init__(self, table: Table, keys: tuple[str, ...]) -> None:
        self.table, self.keys = table, keys

    def seen(self) -> Seen | None:
        if self.table.register is None:
            return None
        marks = self.table.marks
        return Seen(self.table.register, tuple(marks[key] for key in self.keys if key in marks))


class Queue:
    """Takes messages, or does not."""

    def __init__(self) -> None:
        self.sent: list[Intent | Marker] = []
        self.takes = True

    def send(self, message: Intent | Marker) -> bool:
        if self.takes:
            self.sent.append(message)
        return self.takes


class Context:
    """Lambda's context, with `left_s` seconds of the invocation left."""

    aws_request_id = "lambda-1"

    def __init__(self, left_s: float) -> None:
        self.ends = time.monotonic() + left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(1_000 * (self.ends - time.monotonic()))


class Candidate:
    """The candidate's function, which runs the new code on a store of its own."""

    def __init__(self) -> None:
        self.store = Store("new_name")
        self.outcome = Outcome.ANSWERED
        self.payload: Any = None
        self.reply: Any = None
        self.asked: list[Any] = []
        self.started: list[bool] = []

    def ask(self, payload: bytes, *, idempotent: bool, remaining_ms: int, starts: bool) -> Answer:
        event = json.loads(payload)
        mark = event.pop(MARK)
        self.asked.append(mark)
        self.started.append(starts)
        if self.outcome is not Outcome.ANSWERED:
            return Answer(self.outcome)
        handler = as_side(self.store.handler)
        if "dataset" not in mark:
            return Answer(Outcome.ANSWERED, self.payload or handler(event, None, mark["user"]))
        given, told, records = mark["dataset"], None, []
        copied = [self._copy(from_json(each)) for each in given["copies"]]
        if (asked := given["operation"]) is not None:
            with carrying(attempt_from(asked)):
                told = self.payload or handler(event, None, mark["user"])
            records = [
                self.store.records[key] for key in asked["keys"] if key in self.store.records
            ]
        reply = {"copied": copied, "records": [*map(to_json, records)], "payload": told}
        return Answer(Outcome.ANSWERED, self.reply or reply)

    def _copy(self, record: Record) -> bool:
        try:
            return self.store.copy(record)
        except OSError:
            return False


def attempt_from(asked: Mapping[str, Any]) -> Attempt:
    operation = Operation(asked["id"], asked["digest"], tuple(asked["keys"]))
    return Attempt(operation, asked["until"])


class Written:
    """A route of the dataset `users`, whose old code calls a column `name`, the new `new_name`."""

    def __init__(self, stage: Stage, register: Register, **position: Any) -> None:
        self.control, self.candidate = Store("name"), Candidate()
        self.table, self.queue, self.tee = Table(register), Queue(), Tee()
        self.control.records["ada"] = ADA
        self.dataset = Dataset(USERS, translate=to_new, inverse=to_old)
        if register.phase.follower:
            self.candidate.store.records["ada"] = self.dataset.toward(Variant.CANDIDATE, ADA)
        self.slept: Callable[[], None] = lambda: None
        self.keys: Callable[[Request], tuple[str, ...]] = lambda request: (request.user,)
        self._position = Position(stage, **position)
        self.renew()

    def renew(self, *, now: Callable[[], float] = time.time) -> None:
        """Another execution environment, with the register and the queue that there are now."""
        perform = Performer(
            self.table,  # type: ignore[arg-type]
            self.queue,  # type: ignore[arg-type]
            {Variant.CONTROL: self.control},
            sleep=self.sleep,
        )
        runtime = RouteRuntime(
            flag=Flag(self._position),
            ceiling=Stage.COMPLETE,
            candidate=self.candidate,
            circuit_breaker=CircuitBreaker(clock=lambda: 0.0),
            tee=self.tee,
            deadline_ms=DEADLINE_MS,
            dataset=RouteData(self.dataset, keys=self._keys, perform=perform, now=now),
        )
        self.handler = Migration(self.answer, runtime)

    def answer(self, request: Request) -> Response:
        """The old code."""
        return self.control.handler(request)

    def _keys(self, request: Request) -> tuple[str, ...]:
        return self.keys(request)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.01))
        self.slept()

    def put(self, name: str = "Augusta", *, left_s: float = 20.0, **request: Any) -> Response:
        """What the caller is told who renames themselves."""
        asked = {"method": "PUT", "body": json.dumps({"name": name}), **request}
        return self.ask(left_s=left_s, **asked)

    def get(self, **request: Any) -> Response:
        """What the caller reads."""
        return self.ask(**request)

    def ask(self, *, left_s: float = 20.0, mark: Any = None, **request: Any) -> Response:
        event = {**event_of(**request), **({MARK: mark} if mark else {})}
        return HTTP_API.served(self.handler(event, Context(left_s)))

    @property
    def versions(self) -> list[int]:
        """Of Ada's record: control's, and the candidate's."""
        stores = (self.control, self.candidate.store)
        return [store.records["ada"].version if "ada" in store.records else 0 for store in stores]


def to_new(old: Rows) -> Rows:
    return {"new_name": old["name"]}


def to_old(new: Rows) -> Rows:
    return {"name": new["new_name"]}
