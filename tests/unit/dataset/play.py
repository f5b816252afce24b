"""What two users and an operator do to a dataset, one action at a time, and what must hold.

Three routes share it: a user reads themselves, changes or deletes themselves, and makes a transfer,
which changes both.
"""

from collections import defaultdict

from dataset.reconciler import backfill, reconcile, repair, sweep, verify
from dataset.register import AT_ONCE, FENCED, Phase
from dataset.requests import End, ReadAnswer, Written, differing, read, rehearse, write
from dataset.steps import Operation, Record
from dataset.switch import move
from shadow_runtime.contract import Variant
from tests.unit.dataset.world import USERS, Task, Violated, World, logged

ADA, BOB = "ada", "bob"
PEOPLE = (ADA, BOB)
ENVIRONMENTS = (0, 1)
RULES = (
    "1: the register, not a flag",
    "1: a fence waits for a lease",
    "1: a write begins within its lease",
    "2: the intent before the effect",
    "2: no effect without an intent",
    "3: a delay of a lease",
    "4: no deduplication by key",
    "4: no deduplication by operation",
    "4: tombstones",
    "5: an ambiguous write is not acknowledged",
    "5: what failed comes again",
    "6: the id in the transaction of the rows",
    "6: the ids go where the state goes",
    "7: a copy has a version",
    "8: a key that is behind is marked",
    "8: a mark outlives the reads",
    "9: a bounded time of effect",
    "the database refuses to commit a rehearsal",
)
"""What can be taken out of the protocol, each by itself; the numbers are the protocol's rules."""


INVARIANTS = {
    "I1": "an acknowledged write is in the authority when it is acknowledged",
    "I2": "never two authorities for a key, under any skew of flags",
    "I3": "after off or a rollback control holds all acknowledged writes",
    "I4": "an operation takes effect at most once in a store",
    "I5": "with the queue empty and no writes the follower is what the authority translates to",
    "I6": "a user reads at least their own last write",
    "I7": "a follower's version never falls",
    "I8": "a dry run changes nothing",
}


class Play:
    """One history of a dataset."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.exposed = {env: dict.fromkeys(PEOPLE, False) for env in ENVIRONMENTS}
        self.version_of: dict[tuple[str, str], int] = defaultdict(int)
        self.failed: list[Operation] = []
        self.numbers = 0

    @property
    def phase(self) -> Phase:
        return self.world.register.phase

    # What users do

    def write(self, user: str, route: str, env: int) -> Task:
        """A request of `user`."""
        self.numbers += 1
        keys = PEOPLE if route == "transfer" else (user,)
        operation = Operation(f"op{self.numbers}", f"body{self.numbers}", keys, route)
        return self._attempt(user, operation, env)

    def write_again(self, number: int, env: int) -> Task:
        """Once more one that was not acknowledged."""
        operation = self.failed[number % len(self.failed)]
        return self._attempt(operation.keys[0], operation, env)

    def _attempt(self, user: str, operation: Operation, env: int) -> Task:
        self.numbers += 1
        clock = self.world.now_in(env)
        steps = write(
            USERS,
            operation,
            is_exposed=self.exposed[env][user],
            attempt=f"try{self.numbers}",
            hold_s=20,
            now=clock,
        )
        if operation not in self.failed:
            self.failed.append(operation)  # until it is acknowledged

        def end(written: Written) -> None:
            self._ended(user, operation, written)

        return self.world.start(Task("write", steps, done=end, env=env))

    def _ended(self, user: str, operation: Operation, written: Written) -> None:
        if written.end is not End.ACKNOWLEDGED:
            return
        if operation in self.failed:
            self.failed.remove(operation)
        truth = self.world.stores[self.phase.authority]
        self.world.acknowledged[operation.id] = operation
        if missing := self._missing(operation, truth):
            raise Violated("I1", f"{operation.id} is acknowledged, and {missing} lacks it")
        for record in written.records:
            known = self.version_of[user, record.key]
            self.version_of[user, record.key] = max(known, record.version)

    def _missing(self, operation: Operation, store: dict[str, Record]) -> str:
        ids = self.world.without != "6: the id in the transaction of the rows"
        for key in operation.keys:
            held = store.get(key)
            if held is None or (ids and operation.id not in held.operations):
                return key
        return ""

    def read(self, user: str, env: int, *, look_first: bool = False) -> Task:
        """A request of `user` that reads: answered with at least what they last wrote."""
        side = Variant.CANDIDATE if self.exposed[env][user] else Variant.CONTROL
        wanted, clock = self.version_of[user, user], self.world.now_in(env)

        def end(got: ReadAnswer) -> None:
            if got.answer is None or task.answers.get("unseen"):
                return  # an error is no answer
            record = got.answer.get(user)
            held = record.version if record else 0
            if held < wanted:
                raise Violated("I6", f"{user} wrote {wanted} and reads {held} on {got.side}")

        task = Task("read", read(side, (user,), now=clock), done=end, env=env)
        task.answers["look first"] = look_first
        return self.world.start(task)

    def rehearse(self, user: str, route: str) -> None:
        """A dry run of a write, of which the candidate's store knows nothing afterwards."""
        keys = PEOPLE if route == "transfer" else (user,)
        self.numbers += 1
        operation = Operation(f"dry{self.numbers}", "", keys, route)
        before = tuple(r for key in keys if (r := self.world.stores[Variant.CONTROL].get(key)))
        held = dict(self.world.stores[Variant.CANDIDATE])
        steps = rehearse(USERS, operation, before, before)
        self.world.run(self.world.start(Task("rehearse", steps)))
        if self.world.stores[Variant.CANDIDATE] != held:
            raise Violated("I8", f"a dry run of {route} changed the candidate's rows")

    # What the machinery does

    def deliver(self, number: int) -> Task | None:
        """The queue hands one message to the reconciler."""
        ready = self.world.receivable()
        if not ready:
            return None
        message = ready[number % len(ready)]
        if not self.world.receive(message):
            return None
        steps = reconcile(USERS, message.body, now=self.world.now_in(1))
        return self.world.start(Task("reconcile", steps, message=message))

    def sweep(self) -> Task:
        """The keys of which no intent could be sent."""
        clock = self.world.now_in(1)
        return self.world.start(Task("sweep", sweep(USERS, now=clock)))

    def repair(self, key: str) -> Task:
        """`shadowctl dataset NAME repair KEY`."""
        return self.world.start(Task("repair", repair(USERS, key)))

    def backfill(self) -> Task:
        """One chunk."""
        self.numbers += 1
        steps = backfill(attempt=f"fill{self.numbers}", limit=1)
        return self.world.start(Task("backfill", steps))

    def verify(self) -> Task:
        """One chunk."""
        steps = verify(USERS, now=lambda: self.world.clock, limit=1)
        return self.world.start(Task("verify", steps))

    def move(self, to: Phase) -> Task:
        """The operator, or an alarm."""
        clock = self.world.now_in(0)
        return self.world.start(Task("move", move(to, now=clock)))

    def moves(self) -> list[Phase]:
        """Where the phase may go next; a way back exists from everywhere but from the end."""
        ways = AT_ONCE | FENCED
        return [to for before, to in ways if before is self.phase and to is not Phase.COMPLETE]

    def switching(self) -> Task:
        """To the other authority, if the phase allows it."""
        return self.move(Phase.SYNCED if self.phase is Phase.SWITCHED else Phase.SWITCHED)

    def switch(self) -> None:
        """And nothing fails."""
        self.run(self.switching())

    def run(self, task: Task) -> None:
        """To its end, and nothing fails; the queue is taken while the authority moves."""
        while task in self.world.tasks:
            self.world.step(task)
            while task.name == "move" and (taken := self.deliver(0)) is not None:
                self.world.run(taken)

    # Until nothing is left to do

    def settle(self) -> None:
        """Everybody ends, every message is taken, every key that nobody came to is repaired."""
        world = self.world
        for _ in range(200):
            for task in [*world.tasks]:
                if task in world.tasks:
                    world.run(task)
            while world.landings:
                world.land(world.landings[0])
            if world.register.fence is not None:
                world.wait(30)
                world.run(self.move(Phase.OFF))  # which finds a forgotten fence
            self._repair()
            is_copied = self.phase.follower is not None
            if is_copied and any(mark.unsent_at for mark in world.marks.values()):
                world.wait(10)
                world.run(self.sweep())
            elif not world.queue:
                break
            else:
                world.wait(1)
                while (taken := self.deliver(0)) is not None:
                    world.run(taken)
        self.check_equal()

    def _repair(self) -> None:
        """`shadowctl dataset NAME repair KEY`: a dead letter is sent again."""
        for body in self.world.redriven():
            clock = self.world.now_in(1)
            task = Task("reconcile", reconcile(USERS, body, now=clock))
            self.world.run(self.world.start(task))

    def synced(self) -> None:
        """From `off` to `synced`, and nothing fails."""
        world = self.world
        world.run(self.move(Phase.DUAL))
        while not world.register.backfill.is_done:
            world.run(self.backfill())
        self.settle()
        self.verified()
        world.run(self.move(Phase.SYNCED))
        assert self.phase is Phase.SYNCED

    def verified(self) -> None:
        """A whole verification, of now."""
        self.world.run(self.verify())
        while self.world.register.verification.differences is None:  # type: ignore[union-attr]
            self.world.run(self.verify())

    # What must hold

    def check_held(self) -> None:
        """I3: while control is the authority it holds every acknowledged write."""
        if self.phase.authority is Variant.CONTROL:
            store = self.world.stores[Variant.CONTROL]
            for operation in self.world.acknowledged.values():
                if missing := self._missing(operation, store):
                    raise Violated("I3", f"control lacks {operation.id} of {missing}")

    def check_equal(self) -> None:
        """I5: with nothing on its way, the follower is what the authority translates to."""
        register = self.world.register
        if register.phase not in (Phase.SYNCED, Phase.SWITCHED):
            return
        authority, follower = register.phase.authority, register.phase.authority.other
        for key, record in self.world.stores[authority].items():
            copy = self.world.stores[follower].get(key)
            is_gone = record.rows is None and copy is None
            columns = differing(USERS.toward(follower, record), copy)
            if not is_gone and (copy is None or copy.version != record.version or columns):
                raise Violated("I5", f"{key} is {record} in {authority}, {copy} in {follower}")
        for side in Variant:
            for key, record in self.world.stores[side].items():
                log = logged(side, record.rows)
                if len({*log}) < len(log):
                    raise Violated("I4", f"{key} shows an operation twice on {side}: {log}")
