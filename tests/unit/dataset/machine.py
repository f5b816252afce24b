"""Histories of a dataset as Hypothesis draws them."""

from itertools import product

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataset.register import Phase
from tests.unit.dataset.play import ENVIRONMENTS, PEOPLE, Play
from tests.unit.dataset.world import Task, World

FATES = ("ok", "refused", "lost", "late")
"""What becomes of a step: done and told, neither, done alone, or done later."""

ENDS = ("run", "wait", "fail", "stumble", "die")
"""How a function goes on after some steps: to its end, not yet, past a failure to its end, past a
failure and not yet, or not at all."""

people, environments = st.sampled_from(PEOPLE), st.sampled_from(ENVIRONMENTS)
routes = st.sampled_from(["update", "update", "update", "transfer", "delete", "malformed"])
fates, numbers, booleans = st.sampled_from(FATES), st.integers(0, 3), st.booleans()
ends = st.sampled_from(ENDS)
scans = st.sampled_from(["backfill", "verify", "sweep"])


class Histories(RuleBasedStateMachine):
    """Two users, three routes, an operator, and all that can go wrong, in any order."""

    without = ""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(self.made_world())
        self.world = self.play.world

    def made_world(self) -> World:
        """What a history happens in."""
        return World(self.without)

    @initialize(
        phase=st.sampled_from([Phase.OFF, Phase.SYNCED, Phase.SYNCED, Phase.SWITCHED]),
        exposed=st.tuples(booleans, booleans, booleans, booleans),
    )
    def begin(self, phase: Phase, exposed: tuple[bool, ...]) -> None:
        """Everybody has written once; a history may begin anywhere."""
        for user in PEOPLE:
            self.world.run(self.play.write(user, "update", 0))
        if phase is not Phase.OFF:
            self.play.synced()
        if phase is Phase.SWITCHED:
            self.play.switch()
        for (env, user), on in zip(product(ENVIRONMENTS, PEOPLE), exposed, strict=True):
            self.play.exposed[env][user] = on
        self.world.flags_register = [self.world.register, self.world.register]

    @rule(user=people, route=routes, env=environments, after=numbers, end=ends, fate=fates)
    def write(self, user: str, route: str, env: int, after: int, end: str, fate: str) -> None:
        self._until(self.play.write(user, route, env), after, end, fate)

    @rule(user=people, route=routes, env=environments, after=numbers, end=ends, fate=fates)
    def another_write(
        self, user: str, route: str, env: int, after: int, end: str, fate: str
    ) -> None:
        self._until(self.play.write(user, route, env), after, end, fate)

    @precondition(lambda self: self.play.failed)
    @rule(env=environments, number=numbers, after=numbers, end=ends, fate=fates)
    def write_again(self, env: int, number: int, after: int, end: str, fate: str) -> None:
        self._until(self.play.write_again(number, env), after, end, fate)

    @rule(user=people, env=environments, look_first=booleans, meanwhile=numbers)
    def read(self, user: str, env: int, look_first: bool, meanwhile: int) -> None:
        """Between the two things that are asked at once the queue may be taken."""
        task = self.play.read(user, env, look_first=look_first)
        self.world.step(task)
        if meanwhile < 2 and (taken := self.play.deliver(meanwhile)) is not None:
            self.play.run(taken)
        if meanwhile < 3:
            self.play.run(task)

    @precondition(lambda self: self.world.tasks)
    @rule(number=numbers, after=numbers, end=ends, fate=fates)
    def go_on(self, number: int, after: int, end: str, fate: str) -> None:
        self._until(self.world.tasks[number % len(self.world.tasks)], after, end, fate)

    @precondition(lambda self: self.world.landings)
    @rule(number=numbers)
    def land(self, number: int) -> None:
        self.world.land(self.world.landings[number % len(self.world.landings)])

    @precondition(lambda self: self.world.queue)
    @rule(number=numbers, after=numbers, end=ends, fate=fates)
    def deliver(self, number: int, after: int, end: str, fate: str) -> None:
        if (task := self.play.deliver(number)) is not None:
            self._until(task, after, end, fate)

    @rule(seconds=st.sampled_from([1.0, 2.0, 5.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(env=environments, user=people)
    def flag(self, env: int, user: str) -> None:
        self.play.exposed[env][user] = not self.play.exposed[env][user]
        self.world.flags_register[env] = self.world.register

    @rule(number=numbers, after=st.integers(0, 25), end=ends, fate=fates)
    def move(self, number: int, after: int, end: str, fate: str) -> None:
        ways = self.play.moves()
        self._until(self.play.move(ways[number % len(ways)]), after, end, fate)

    @rule(verified=booleans, meanwhile=st.integers(2, 25), after=numbers, end=ends, fate=fates)
    def switch(self, verified: bool, meanwhile: int, after: int, end: str, fate: str) -> None:
        """After some steps of it, whoever works goes on too."""
        if self.play.phase is Phase.SYNCED and verified:
            self.play.verified()
        others = [*self.world.tasks]
        task = self.play.switching()
        for _ in range(meanwhile):
            if task in self.world.tasks:
                self.world.step(task)
        for other in others[:1]:
            if other in self.world.tasks:
                self._until(other, after, end, fate)
        self.play.run(task)

    @rule(user=people, route=routes)
    def rehearse(self, user: str, route: str) -> None:
        self.play.rehearse(user, route)

    @rule(what=scans, after=numbers, end=ends, fate=fates)
    def operate(self, what: str, after: int, end: str, fate: str) -> None:
        self._until(getattr(self.play, what)(), after, end, fate)

    @rule(user=people, after=numbers, end=ends, fate=fates)
    def repair(self, user: str, after: int, end: str, fate: str) -> None:
        self._until(self.play.repair(user), after, end, fate)

    @invariant()
    def control_holds_what_was_acknowledged(self) -> None:
        self.play.check_held()

    def teardown(self) -> None:
        self.play.settle()

    def _until(self, task: Task, after: int, end: str, fate: str) -> None:
        """So many steps, and then one of `ENDS`."""
        for _ in range(after):
            if task in self.world.tasks:
                self.world.step(task)
        if task not in self.world.tasks:
            return
        if end == "die":
            self.world.kill(task, fate)
        elif end in ("fail", "stumble"):
            self.world.step(task, fate)
        if end in ("run", "fail"):
            self.play.run(task)
