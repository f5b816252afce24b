"""Two stores, a register, a queue and marks, in memory, with a clock.

They follow the services' rules, at their worst: an effect that was not answered may have happened,
or may happen later; a message comes again, or not; clocks and flags differ.
"""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dataset.register import DELAY_S, LEASE_S, READ_S, SKEW_S, Register
from dataset.steps import (
    Apply,
    Ask,
    ChangeRegister,
    ClearMark,
    Copy,
    Dataset,
    Drain,
    Intent,
    Load,
    Look,
    Mark,
    Marked,
    Marker,
    Operation,
    Outstanding,
    Page,
    PutMark,
    ReadRegister,
    Record,
    Refusal,
    Rehearse,
    Seen,
    Send,
    SendAll,
    Step,
    Together,
    UnavailableError,
    Wait,
)
from shadow_runtime.contract import Variant

VISIBLE_S = 10.0
"""Seconds until a message that was received and not deleted comes again."""

DEDUPLICATED_S = 300.0
RECEIVES = 5

USERS = Dataset(
    "users",
    translate=lambda old: {"entries": ",".join(old["log"])},
    inverse=lambda new: {"log": [each for each in new["entries"].split(",") if each]},
)
"""Control keeps a list, the candidate a text."""


def logged(side: Variant, rows: Any) -> list[str]:
    """The operations that rows of a side show."""
    if rows is None:
        return []
    return list((rows if side is Variant.CONTROL else USERS.inverse(rows))["log"])


@dataclass
class Message:
    body: Intent | Marker
    visible_at: float
    receives: int = 0
    in_flight_until: float = 0.0


@dataclass
class Landing:
    """An effect that nobody waits for any more, and that lands later."""

    until: float
    effect: Callable[[], object]


@dataclass
class Task:
    """A function at work. `pending` is the step that it is at."""

    name: str
    steps: Generator[Step, Any, Any]
    pending: Step | None = None
    done: Callable[[Any], None] = lambda _: None
    message: Message | None = None
    env: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    started_at: float = 0.0
    wakes_at: float = 0.0


class Violated(AssertionError):  # noqa: N818 - what a test says, not an error of anybody's
    """An invariant does not hold."""

    def __init__(self, invariant: str, why: str) -> None:
        super().__init__(f"{invariant}: {why}")
        self.invariant = invariant


class World:
    """Everything outside of the core. `without` names the rules that do not hold in it."""

    def __init__(self, without: str = "") -> None:
        self.without = without
        self.clock = 1_000_000.0
        self.register = Register()
        self.stores: dict[Variant, dict[str, Record]] = {side: {} for side in Variant}
        self.queue: list[Message] = []
        self.dead: list[Intent | Marker] = []
        self.deduplicated: dict[str, float] = {}
        self.marks: dict[str, Mark] = {}
        self.landings: list[Landing] = []
        self.tasks: list[Task] = []
        self.applied: Counter[tuple[Variant, str]] = Counter()
        self.acknowledged: dict[str, Operation] = {}
        self.flags_register = [self.register, self.register]
        self.held_back: dict[int, list[Send]] = {}

    # Time

    def now_in(self, env: int) -> Callable[[], float]:
        """The wall's clock of an execution environment."""
        return lambda: self.clock + (SKEW_S / 2 if env else -SKEW_S / 2)

    def wait(self, seconds: float) -> None:
        """Time passes; what must land by then lands before."""
        until = self.clock + seconds
        for landing in sorted(self.landings, key=lambda each: each.until):
            if landing.until <= until:
                self.clock = max(self.clock, landing.until)
                self.land(landing)
        self.clock = until

    def land(self, landing: Landing) -> None:
        """One late effect happens."""
        self.landings.remove(landing)
        landing.effect()

    # Steps

    def perform(self, task: Task, step: Step, fate: str) -> Any:
        """Carries a step out. `fate`: `ok`; `refused`; `lost`, done and not told; `late`."""
        if fate == "ok":
            return self._do(task, step)
        if fate == "lost":
            self._do(task, step)
        elif fate == "late":
            until = step.until if isinstance(step, Apply) else self.clock + 60
            if isinstance(step, Apply) and self.without == "9: a bounded time of effect":
                until = self.clock + 60
            self.landings.append(Landing(until, lambda: self._do(task, step)))
        return self._failed(step)

    def _failed(self, step: Step) -> Any:
        match step:
            case Load() | Page() | Rehearse() | Marked():
                raise UnavailableError("a store")
            case Apply() if self.without == "5: an ambiguous write is not acknowledged":
                return ()
            case Apply():
                return Refusal.UNKNOWN
            case Send() if self.without == "2: no effect without an intent":
                return True
            case Copy() | Send() | SendAll() | PutMark() | ChangeRegister() | Drain():
                return False
        return None

    def _do(self, task: Task, step: Step) -> Any:
        match step:
            case ReadRegister():
                cached = self.without == "1: the register, not a flag"
                writes = task.name == "write"
                return self.flags_register[task.env] if cached and writes else self.register
            case ChangeRegister(epoch, register):
                if self.register.epoch != epoch:
                    return False
                self.register = register
                return True
            case Drain(marker):
                fence = self.register.fence
                if fence is not None and self.register.epoch == marker.epoch:
                    drained = replace(fence, drained=fence.drained | {marker.group})
                    self.register = replace(self.register, fence=drained)
                return True
            case Send(message):
                return self._send(task, step, message)
            case SendAll(messages):
                for each in messages:
                    self._send(task, Send(each), each)
                return True
            case Apply():
                return self._apply(task, step)
            case Copy(side, record, is_repair):
                return self._copy(side, record, is_repair=is_repair)
            case Load(side, key):
                return self.stores[side].get(key)
            case Page(side, after, limit):
                store = self.stores[side]
                return tuple(store[key] for key in sorted(store) if key > after)[:limit]
            case PutMark(mark):
                held = self.marks.get(mark.key)
                self.marks[mark.key] = held.merged(mark) if held else mark
                return True
            case ClearMark():
                self._clear(step)
                return None
            case Look(keys):
                if self.without == "8: a key that is behind is marked":
                    return Seen(self.register, ())
                marks = tuple(self.marks[key] for key in keys if key in self.marks)
                return Seen(self.register, marks)
            case Ask(side):
                return dict(self.stores[side])
            case Marked(limit):
                return tuple(key for key, mark in self.marks.items() if not mark.until)[:limit]
            case Outstanding():
                unsent = [mark for mark in self.marks.values() if mark.unsent_at]
                return len(self.dead) + len(unsent)
            case Rehearse():
                return self._rehearse(step)
        raise AssertionError(step)

    def _send(self, task: Task, step: Send, message: Intent | Marker) -> bool:
        if (
            self.without == "2: the intent before the effect"
            and isinstance(message, Intent)
            and task.name == "write"
            and not task.answers.get("applied")
        ):
            self.held_back.setdefault(id(task), []).append(step)
            return True
        return self._enqueue(message)

    def _known_by(self, message: Intent | Marker) -> str:
        """By what the queue tells a message from the others."""
        if isinstance(message, Intent):
            if self.without == "4: no deduplication by key":
                return message.key
            if self.without == "4: no deduplication by operation":
                return f"{message.key} {message.operation or message.attempt}"
        return message.deduplication

    def _enqueue(self, message: Intent | Marker) -> bool:
        by = self._known_by(message)
        if self.clock - self.deduplicated.get(by, -DEDUPLICATED_S) < DEDUPLICATED_S:
            return True
        self.deduplicated[by] = self.clock
        self.queue.append(Message(message, self.clock + self.delay_s))
        return True

    @property
    def delay_s(self) -> float:
        """Of the queue."""
        return 0.0 if self.without == "3: a delay of a lease" else DELAY_S

    def _apply(self, task: Task, step: Apply) -> Any:
        bounded = self.without != "9: a bounded time of effect"
        if bounded and self.clock > step.until:
            return Refusal.UNKNOWN
        operation, store = step.operation, self.stores[step.side]
        known = [store[key] for key in operation.keys if key in store]
        for record in known:
            digest = record.operations.get(operation.id)
            if digest is not None:
                conflicts = digest != operation.digest
                return Refusal.CONFLICT if conflicts else tuple(known)
        if len(known) < len(operation.keys) and operation.body == "must be known":
            return Refusal.MISSING
        if operation.body == "malformed":
            return Refusal.REJECTED
        if self.register.phase.authority is not step.side:
            raise Violated("I2", f"{operation.id} took effect on {step.side}, no authority now")
        self.applied[step.side, operation.id] += 1
        if self.applied[step.side, operation.id] > 1:
            raise Violated("I4", f"{operation.id} took effect twice on {step.side}")
        for key in operation.keys:
            before = store.get(key, Record(key, 0, None))
            if operation.id in logged(step.side, before.rows):
                raise Violated("I4", f"{operation.id} took effect on what holds its effect")
            log = [*logged(step.side, before.rows), operation.id]
            rows: Any = None
            if operation.body != "delete":
                old = {"log": log}
                rows = old if step.side is Variant.CONTROL else USERS.translate(old)
            ids = {**before.operations, operation.id: operation.digest}
            if self.without == "6: the id in the transaction of the rows":
                ids = dict(before.operations)
            store[key] = Record(key, before.version + 1, rows, ids)
        task.answers["applied"] = True
        for held in self.held_back.pop(id(task), []):
            task.answers.setdefault("held", []).append(held)
        return tuple(store[key] for key in operation.keys)

    def _copy(self, side: Variant, record: Record, *, is_repair: bool) -> bool:
        store = self.stores[side]
        held = store.get(record.key)
        if self.without == "4: tombstones" and record.rows is None:
            store.pop(record.key, None)
            return True
        if self.without == "6: the ids go where the state goes":
            record = replace(record, operations={})
        if self.without == "7: a copy has a version":
            if held is not None and record.version < held.version:
                raise Violated("I7", f"{record.key} fell from {held.version} to {record.version}")
            store[record.key] = record
        elif held is None or held.version < record.version + is_repair:
            store[record.key] = record
        return True

    def _clear(self, step: ClearMark) -> None:
        mark = self.marks.get(step.key)
        if mark is None or mark.version > step.version:
            return
        if mark.unsent_at <= step.unsent_before:
            until = self.clock - 9 if self.without == "8: a mark outlives the reads" else step.until
            self.marks[step.key] = replace(mark, unsent_at=0.0, until=until)

    def _rehearse(self, step: Rehearse) -> Any:
        session = dict(self.stores[Variant.CANDIDATE])
        for record in step.seed:
            session[record.key] = record
        for key in step.operation.keys:
            before = session.get(key, Record(key, 0, None))
            log = [*logged(Variant.CANDIDATE, before.rows), step.operation.id]
            rows = None if step.operation.body == "delete" else USERS.translate({"log": log})
            session[key] = Record(key, before.version + 1, rows)
        if self.without == "the database refuses to commit a rehearsal":
            self.stores[Variant.CANDIDATE] = session
        return "answered", tuple(session[key] for key in step.operation.keys)

    # Tasks

    def start(self, task: Task) -> Task:
        """A function begins: up to its first step."""
        task.started_at = self.clock
        self.tasks.append(task)
        self._advance(task, lambda: next(task.steps))
        return task

    def step(self, task: Task, fate: str = "ok") -> None:
        """One step of a task. One that waits sleeps until its time."""
        step = task.pending
        assert step is not None
        match step:
            case Wait(seconds):
                is_lease = task.name == "move" and seconds == LEASE_S
                if not (is_lease and self.without == "1: a fence waits for a lease"):
                    self.wait(max(0.0, task.wakes_at - self.clock))
                self._advance(task, lambda: task.steps.send(None))
            case Together(ask, look):
                if self.clock - task.started_at > READ_S:
                    self.kill(task)
                    return
                first = "look" if task.answers.pop("look first", False) else "ask"
                part = first if first not in task.answers else {"ask": "look", "look": "ask"}[first]
                single: Step = ask if part == "ask" else look
                task.answers[part] = self.perform(task, single, fate if part == "look" else "ok")
                if {"ask", "look"} <= {*task.answers}:
                    pair = task.answers.pop("ask"), task.answers.pop("look")
                    task.answers["unseen"] = pair[1] is None
                    self._advance(task, lambda: task.steps.send(pair))
            case _:
                try:
                    result = self.perform(task, step, fate)
                except UnavailableError as error:
                    self._advance(task, partial(task.steps.throw, error))
                else:
                    self._advance(task, lambda: task.steps.send(result))
                    for held in task.answers.pop("held", []):
                        if task in self.tasks:
                            self._send(task, held, held.message)

    def _advance(self, task: Task, resume: Callable[[], Step]) -> None:
        try:
            task.pending = resume()
        except StopIteration as stopped:
            self.tasks.remove(task)
            if task.message is not None:
                self.delete(task.message)
            task.done(stopped.value)
        except UnavailableError:
            self.tasks.remove(task)
            if task.message is not None:
                task.message.in_flight_until = self.clock
                if self.without == "5: what failed comes again":
                    self.delete(task.message)
        else:
            if isinstance(task.pending, Wait):
                task.wakes_at = self.clock + task.pending.seconds

    def run(self, task: Task) -> None:
        """To its end, and nothing fails."""
        while task in self.tasks:
            self.step(task)

    def kill(self, task: Task, fate: str = "refused") -> None:
        """A function dies at a step, which may be done all the same."""
        self.tasks.remove(task)
        if fate != "refused" and not isinstance(task.pending, Wait | Together | Ask | Look):
            try:
                assert task.pending is not None
                self.perform(task, task.pending, fate)
            except UnavailableError:
                pass
        task.steps.close()

    # The queue

    def receivable(self) -> list[Message]:
        """The first message of each group, if it is there and nobody has it."""
        heads: dict[int, Message] = {}
        for message in self.queue:
            heads.setdefault(message.body.group, message)
        return [
            message
            for message in heads.values()
            if message.visible_at <= self.clock and message.in_flight_until <= self.clock
        ]

    def receive(self, message: Message) -> bool:
        """Takes a message; after too many times it is a dead letter."""
        if message.receives >= RECEIVES:
            self.delete(message)
            self.dead.append(message.body)
            return False
        message.receives += 1
        message.in_flight_until = self.clock + VISIBLE_S
        return True

    def delete(self, message: Message) -> None:
        """It is done with; one that came again while it was at work may have been deleted."""
        if message in self.queue:
            self.queue.remove(message)

    def redriven(self) -> list[Intent | Marker]:
        """The dead letters, which there are no more."""
        letters, self.dead = self.dead, []
        return letters
