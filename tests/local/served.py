"""The world of a dataset on real services: DynamoDB, a FIFO queue, PostgreSQL, IAM.

Time alone is played, as in memory: what a message waits, and when a function that died is missed.
"""

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import uuid4

from botocore.credentials import Credentials
from sqlalchemy import Column, DateTime, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, SQLModel

from dataset.steps import (
    Apply,
    Ask,
    ChangeRegister,
    ClearMark,
    Copy,
    Drain,
    Intent,
    Look,
    Marker,
    PutMark,
    ReadRegister,
    Record,
    Refusal,
    Rehearse,
    Rows,
    Send,
    SendAll,
    Step,
    UnavailableError,
)
from dataset_runtime import rehearsal
from dataset_runtime.api import Api
from dataset_runtime.intents import IntentQueue
from dataset_runtime.operation import Attempt, ConflictError, LateError, MissingError
from dataset_runtime.perform import Performer
from dataset_runtime.register import RegisterTable
from dataset_runtime.sql import SqlStore
from datasets.users.control import Directory, InTable
from localaws import environment
from shadow_runtime import database
from shadow_runtime.aws import Service
from shadow_runtime.contract import Variant
from tests.local.postgres import owner, reached
from tests.local.roles import acting_as, statements, user
from tests.local.services import new_queues, new_table
from tests.unit.dataset.play import PEOPLE
from tests.unit.dataset.world import USERS, Message, Task, Violated, World, logged

PATIENCE_S = 30.0
"""A busy machine makes nobody late: the histories do."""

Sent = TypeVar("Sent", Intent, Marker, Intent | Marker)
_ROLES = {
    "route": [("UpdateUser", "ServiceRouteRoleDefaultPolicy"), ("Users", "DatasetRoutePolicy")],
    "reconciler": [("Users", "DatasetReconcilerRoleDefaultPolicy")],
    "operations": [("Users", "DatasetOperationsRoleDefaultPolicy")],
}


class Ledger(SQLModel, table=True):
    """What the candidate has of a user."""

    __tablename__ = "ledgers"

    id: str = Field(primary_key=True)
    entries: str
    deleted_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


ledgers = SqlStore(Ledger)
FIRST: dict[str, Rows] = {key: {"log": []} for key in PEOPLE}
"""The directory, as it was."""


@dataclass(frozen=True, slots=True)
class Misnamed(Intent):
    """An intent that the queue takes for another one."""

    by: str = field(default="", compare=False, repr=False)

    @property
    def deduplication(self) -> str:
        return self.by


class Patient(Api):
    """Calls that have the time that they need."""

    def call(self, action: str, body: Any, *, seconds: float = PATIENCE_S) -> Any:
        return super().call(action, body, seconds=max(seconds, PATIENCE_S))


@dataclass
class Received(Message):
    """A message that the queue has given, and gives no one else until it is deleted."""

    receipt: str = ""


class Served(World):
    """A dataset of its own, whose functions may do what the template lets them.

    What World's attributes show is read back after each step that may have changed it.
    """

    def __init__(self, endpoint: str, socket: str, without: str = "") -> None:
        super().__init__(without)
        with owner(socket) as connection:
            connection.execute("TRUNCATE ledgers, ledgers_versions")
        self._socket = socket
        self.clock = float(int(time.time()))
        self._url, self._dead_url = new_queues(endpoint)
        dynamodb, sqs = Patient(Service("dynamodb"), "DynamoDB_20120810"), Service("sqs")
        self._sqs = Patient(sqs, "AmazonSQS")
        table, changes = new_table(endpoint), new_table(endpoint)
        self._queue = IntentQueue(self._sqs, USERS.name, url=self._url, dead_letters=self._dead_url)
        self._table = RegisterTable(dynamodb, table)
        self._changes = InTable(dynamodb, changes)
        self._directory = Directory(self._changes, FIRST)
        self._stores: dict[Variant, Any] = {
            Variant.CONTROL: self._directory,
            Variant.CANDIDATE: ledgers,
        }
        self.services = Performer(self._table, self._queue, self._stores)
        self._sent: dict[str, float] = {}
        self._root = Credentials(*environment.ROOT_CREDENTIALS)
        arns = _arns(table, changes, self._url, self._dead_url)
        self.roles = {
            role: user(endpoint, [s for policy in held for s in statements(*policy, arns)])
            for role, held in _ROLES.items()
        }
        with acting_as(self._root):
            for side in Variant:
                self._see_store(side)

    # Steps, each carried out as on AWS

    def _do(self, task: Task, step: Step) -> Any:
        try:
            with acting_as(self.roles[_role(task)]):
                return self._carried_out(task, step)
        finally:
            with acting_as(self._root):
                self._see(step)

    def _carried_out(self, task: Task, step: Step) -> Any:
        match step:
            case ReadRegister() if self.without == "1: the register, not a flag":
                return super()._do(task, step) if task.name == "write" else self.services(step)
            case Send(message):
                return self._send(task, step, message)
            case SendAll(messages):
                return self._send_all(messages)
            case Apply():
                return self._apply(task, step)
            case Copy(side, record, is_repair):
                return self._copy(side, record, is_repair=is_repair)
            case Look(keys):
                seen = self._table.look(keys).seen()
                if seen is None or self.without != "8: a key that is behind is marked":
                    return seen
                return replace(seen, marks=())
            case Ask(side):
                return {key: record for key in PEOPLE if (record := self._stores[side].load(key))}
            case ClearMark() if self.without == "8: a mark outlives the reads":
                return self.services(replace(step, until=self.clock - 9))
            case Rehearse():
                return self._rehearse(step)
        return self.services(step)

    def _apply(self, task: Task, step: Apply) -> Any:
        side, operation, store = step.side, step.operation, self._stores[step.side]
        left_s = step.until - self.clock
        if self.without == "9: a bounded time of effect":
            left_s = PATIENCE_S
        if self.without == "6: the id in the transaction of the rows":
            operation = replace(operation, id=uuid4().hex)
        if operation.body == "malformed":
            return Refusal.REJECTED
        before = {key: store.load(key) for key in operation.keys}
        is_new = all(r and operation.id not in r.operations for r in before.values())
        if is_new and any(r is None or r.rows is None for r in before.values()):
            return Refusal.MISSING  # of two keys both must be there, as a handler makes sure

        def change(rows: Rows) -> Rows | None:
            log = logged(side, rows)
            if step.operation.id in log:
                raise Violated("I4", f"{operation.id} took effect on what holds its effect")
            if operation.body == "delete":
                return None
            old = {"log": [*log, step.operation.id]}
            return old if side is Variant.CONTROL else USERS.translate(old)

        attempt = Attempt(operation, time.time() + left_s)
        try:
            applied = tuple(store.apply(attempt, key, change) for key in operation.keys)
        except ConflictError:
            return Refusal.CONFLICT
        except MissingError:
            return Refusal.MISSING
        except (LateError, UnavailableError):
            return Refusal.UNKNOWN
        for record in applied:
            held = before[record.key]
            if held is not None and held.version < record.version:
                self._took_effect(side, step.operation.id, record.key)
        task.answers["applied"] = True
        for each in self.held_back.pop(id(task), []):
            task.answers.setdefault("held", []).append(each)
        return applied

    def _took_effect(self, side: Variant, operation: str, key: str) -> None:
        if self.register.phase.authority is not side:
            raise Violated("I2", f"{operation} took effect on {side}, no authority now")
        self.applied[side, f"{operation} {key}"] += 1
        if self.applied[side, f"{operation} {key}"] > 1:
            raise Violated("I4", f"{operation} took effect twice on {side}")

    def _copy(self, side: Variant, record: Record, *, is_repair: bool) -> bool:
        if self.without == "6: the ids go where the state goes":
            record = replace(record, operations={})
        if self.without == "4: tombstones" and record.rows is None:
            return self._overwrite(side, record.key, None)
        if self.without == "7: a copy has a version":
            return self._overwrite(side, record.key, record)
        return bool(self.services(Copy(side, record, is_repair)))

    def _overwrite(self, side: Variant, key: str, record: Record | None) -> bool:
        if side is Variant.CANDIDATE:
            with owner(self._socket) as connection:
                connection.execute("DELETE FROM ledgers WHERE id = %s", [key])
                connection.execute("DELETE FROM ledgers_versions WHERE key = %s", [key])
            if record is not None:
                ledgers.copy(record)
        elif record is not None:
            held = self._directory.load(key)
            assert held is not None
            self._changes.put(record, before=held.version, seconds=PATIENCE_S)
        return True

    def _rehearse(self, step: Rehearse) -> Any:
        """The candidate's code does its worst."""

        def answer() -> str:
            attempt = Attempt(step.operation, time.time() + PATIENCE_S)
            for key in step.operation.keys:
                with suppress(MissingError):
                    ledgers.apply(attempt, key, lambda rows: {**rows, "entries": "rehearsed"})
            with suppress(DBAPIError), database.session() as session:
                session.execute(text("COMMIT"))
            return "answered"

        is_guarded = self.without != "the database refuses to commit a rehearsal"
        with (
            reached(self._socket, "shadow" if is_guarded else "candidate"),
            patch.object(rehearsal, "store", lambda: ledgers),
            nullcontext()
            if is_guarded
            else patch.multiple(database.Rehearsal, begin=_no, check=_no),
        ):
            return rehearsal._performed(step, answer)

    # The queue: each message is taken as soon as it can be, and handed over when it is time

    def _enqueue(self, message: Intent | Marker) -> bool:
        sent = self._queue.send(self._named(message))
        self._noted(message)
        return sent

    def _send_all(self, messages: tuple[Intent, ...]) -> bool:
        sent = self._queue.send_all([self._named(message) for message in messages])
        for message in messages:
            self._noted(message)
        return sent

    def _named(self, message: Sent) -> Sent:
        by = self._known_by(message)
        if isinstance(message, Intent) and by != message.deduplication:
            return Misnamed(message.key, message.operation, message.attempt, by)
        return message

    def _noted(self, message: Intent | Marker) -> None:
        self._sent.setdefault(str(message), self.clock)
        self._take()

    def _take(self) -> None:
        asked = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 3_600,
            "WaitTimeSeconds": 0,
        }
        with acting_as(self.roles["reconciler"]):
            while messages := self._sqs.call("ReceiveMessage", asked).get("Messages"):
                for each in messages:
                    body = self._queue.read(each["Body"])
                    visible_at = self._sent[str(body)] + self.delay_s
                    receipt = each["ReceiptHandle"]
                    self.queue.append(Received(body, visible_at, receipt=receipt))

    def delete(self, message: Message) -> None:
        assert isinstance(message, Received)
        if message not in self.queue:
            return
        super().delete(message)
        asked = {"QueueUrl": self._url, "ReceiptHandle": message.receipt}
        with acting_as(self.roles["reconciler"]):
            self._sqs.call("DeleteMessage", asked)
        self._take()

    def receive(self, message: Message) -> bool:
        is_received = super().receive(message)
        if not is_received:
            dead = IntentQueue(self._sqs, USERS.name, url=self._dead_url)
            with acting_as(self._root):
                dead.send(message.body)
        return is_received

    def redriven(self) -> list[Intent | Marker]:
        super().redriven()
        found = []
        with acting_as(self.roles["operations"]):
            while letters := self._queue.receive_dead():
                for letter in letters:
                    found.append(self._queue.read(letter.body))
                    self._queue.delete_dead(letter)
        return found

    @property
    def is_drained(self) -> bool:
        """Whether nothing is in the queue, and no letter is dead."""
        with acting_as(self._root):
            return self._queue.depth() == self._queue.dead() == 0

    # What is stored

    def _see(self, step: Step) -> None:
        match step:
            case ChangeRegister() | Drain():
                found = self._table.read()
                assert found is not None
                self.register = found
            case PutMark() | ClearMark():
                seen = self._table.look(PEOPLE).seen()
                assert seen is not None
                self.marks = {mark.key: mark for mark in seen.marks}
            case Apply(side) | Copy(side):
                self._see_store(side)
            case Rehearse():
                self._see_store(Variant.CANDIDATE)

    def _see_store(self, side: Variant) -> None:
        before = self.stores[side]
        self.stores[side] = {record.key: record for record in self._stores[side].page("", 100)}
        for key, record in before.items():
            now = self.stores[side].get(key)
            if now is not None and now.version < record.version:
                raise Violated("I7", f"{key} was {record}, and is {now} on {side}")


def _no(_: object) -> None:
    """Proves nothing."""


def _role(task: Task) -> str:
    return {"write": "route", "read": "route", "reconcile": "reconciler"}.get(
        task.name, "operations"
    )


def _arns(table: str, changes: str, *queues: str) -> dict[str, str]:
    """Of the resources, by how they are called in the templates."""
    where = f"{environment.REGION}:{environment.ACCOUNT}"
    intents, dead = (f"arn:aws:sqs:{where}:{url.rpartition('/')[2]}" for url in queues)
    return {
        "DatasetRegister": f"arn:aws:dynamodb:{where}:table/{table}",
        "Directory": f"arn:aws:dynamodb:{where}:table/{changes}",
        "Users-directory": f"arn:aws:dynamodb:{where}:table/{changes}",
        "DatasetIntents": intents,
        "DatasetDeadLetters": dead,
    }
