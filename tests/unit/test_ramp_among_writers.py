"""People, the ramp, rollbacks, the clean-up, deploys and a console move one flag, in any order, at
once: nothing rises without proof or a person, nor by itself after a lowering; nothing is lost.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from judge import Counts, Ramp, Scores
from operations import ceiling
from operations.flag import FlagWriterError, HostedFlag
from operations.moves import add_tester, lower, move, pause
from operations.ramp import Look, Proof, look, tick
from operations.transitions import Change, Transitions, Who, Writer
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document
from tests.fakes import Deployment, FakeAppConfig, Given

RAMP = Ramp(percents=(1, 25, 100), dwell=timedelta(minutes=30))
STAGES = st.sampled_from([Stage.OFF, Stage.SHADOW, *RAMP.stages, Stage.COMPLETE])
PROOFS = {
    "PASS": Counts(compared=(Scores(6_000, share=1),), asked=Scores(900)),
    "FAIL": Counts(compared=(Scores(6_000, worse=600, share=1),)),
    "INCONCLUSIVE": Counts(),
}
RED = "in ALARM: error-rate"
WORLDS = [
    ("PASS", 500, []),
    ("PASS", 99, []),
    ("PASS", 500, [RED]),
    ("FAIL", 500, []),
    ("INCONCLUSIVE", 500, []),
]
"""What is proven, how many pairs at this stage, and what the guards object to."""

ORDERS = st.lists(st.integers(0, 1), max_size=60)
LATER = st.sampled_from([0, 300, 2_400, 2_400])
"""Seconds that pass before; the third is longer than a raise and a dwell."""


@dataclass
class Kept:
    """How a deployment began: when, upon what, and by whom; None is the console."""

    at: float
    before: Given
    after: Given
    change: Change | None = None

    @property
    def stages(self) -> tuple[Stage, Stage]:
        before, after = (
            Position.read(document["values"][FLAG_KEY]).stage
            for document in (self.before, self.after)
        )
        return before, after

    @property
    def writer(self) -> Writer | None:
        return self.change.who.writer if self.change else None

    def changed(self) -> set[str]:
        """The values of the flag that it changed."""
        before, after = (each["values"][FLAG_KEY] for each in (self.before, self.after))
        return {name for name in before | after if before.get(name) != after.get(name)}


class MissingError(ClientError):
    pass


class Route(FakeAppConfig):
    """A flag that keeps how each deployment began; each call waits for its turn."""

    def __init__(self) -> None:
        self.kept: dict[int, Kept] = {}
        self.turn: Callable[[], None] = lambda: None
        super().__init__(flag_document(Position.OFF))

    def _deployed(self, version: int, strategy: str) -> Deployment:
        after = json.loads(self.versions[version])
        before = self.served if self.deployments else after
        deployment = super()._deployed(version, strategy)
        self.kept[deployment.number] = Kept(self.now, before, after)
        return deployment

    def _StartDeployment(self, given: Given) -> Given:  # noqa: N802
        started = super()._StartDeployment(given)
        self.kept[started["DeploymentNumber"]].change = Change.parse(given["Description"])
        return started

    def call(self, name: str, given: Given) -> Given:
        self.turn()
        _, answer = self._answer(SimpleNamespace(name=name), {"params": given})
        if "Error" in answer:
            is_missing = answer["Error"]["Code"] == "ResourceNotFoundException"
            raise (MissingError if is_missing else ClientError)(answer, name)  # type: ignore[arg-type]
        return answer

    def sleep(self, seconds: float) -> None:
        self.turn()
        super().sleep(seconds)

    def flag(self) -> HostedFlag:
        return HostedFlag(
            Client(self),  # type: ignore[arg-type]
            application="app0",
            environment="env0",
            profile="pro0",
            raise_strategy="raise0",
            lower_strategy="lower0",
            sleep=self.sleep,
        )


class Client:
    """As boto3's, without botocore: thousands of calls an example."""

    exceptions = SimpleNamespace(ResourceNotFoundException=MissingError)

    def __init__(self, route: Route) -> None:
        self._route = route

    def __getattr__(self, name: str) -> Callable[..., Given]:
        operation = name.title().replace("_", "")
        return lambda **given: self._route.call(operation, given)

    def get_paginator(self, name: str) -> Any:
        def pages(**given: Any) -> Iterator[Given]:
            token: Given = {}
            while True:
                yield (page := getattr(self, name)(**given, **token))
                if "NextToken" not in page:
                    return
                token = {"NextToken": page["NextToken"]}

        return SimpleNamespace(paginate=pages)


class Turns:
    """Two threads of which one runs at a time, and hands over by `order` before each call."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = iter(order)
        self._running = {0, 1}
        self._current = 0
        self._changed = threading.Condition()
        self._me = threading.local()
        self._raised: list[BaseException] = []

    def run(self, *works: Callable[[], object]) -> None:
        threads = [
            threading.Thread(target=self._work, args=(place, work))
            for place, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in self._raised:
            raise error

    def wait(self) -> None:
        with self._changed:
            self._hand_over()
            self._changed.wait_for(lambda: self._current == self._me.place)

    def _work(self, place: int, work: Callable[[], object]) -> None:
        self._me.place = place
        with self._changed:
            self._changed.wait_for(lambda: self._current == place)
        try:
            work()
        except BaseException as error:
            self._raised.append(error)
        finally:
            with self._changed:
                self._running.discard(place)
                self._hand_over()

    def _hand_over(self) -> None:
        wanted = next(self._order, self._current)
        self._current = wanted if wanted in self._running else min(self._running, default=0)
        self._changed.notify_all()


@dataclass
class World:
    counts: Counts
    pairs: int
    found: list[str]

    def proof(self, _stage: Stage | None, _since: datetime | None) -> Proof:
        return Proof({"7": self.counts}, self.pairs)

    def objections(self, _to: Stage) -> list[str]:
        return self.found


Work = Callable[[], object]


class Writers(RuleBasedStateMachine):
    """All who write, the world that they look at, and what must always be so."""

    looks: Bundle[Look] = Bundle("looks")

    def __init__(self) -> None:
        super().__init__()
        self.route = Route()
        self.flag = self.route.flag()
        self.ceiling = Stage.COMPLETE
        self.flag.transitions = Transitions(self.ceiling, RAMP.stages)
        self.verdict, self.pairs = "PASS", 500
        self.objections: list[str] = []
        self.calls = 0
        self.done: set[str] = set()

    # The world

    @rule(world=st.sampled_from([("PASS", 500, []), *WORLDS]))
    def the_world_changes(self, world: tuple[str, int, list[str]]) -> None:
        self.verdict, self.pairs, self.objections = world

    # The writers

    def person(self, to: Stage, override: str) -> Work:
        return self._work(
            Writer.PERSON,
            lambda who: move(
                self.flag,
                to,
                who=who,
                why="a person",
                objections=lambda _: self.objections,
                override=override,
            ),
        )

    def pausing(self, paused: bool) -> Work:
        return self._work(
            Writer.PERSON, lambda who: pause(self.flag, paused, who=who, why="a person")
        )

    def testing(self, user: str) -> Work:
        return self._work(
            Writer.PERSON, lambda who: add_tester(self.flag, user, who=who, why="a person")
        )

    def lowering(self, writer: Writer) -> Work:
        def work(who: Who) -> bool:
            done = lower(self.flag, Stage.OFF, who=who, why="a machine")
            if writer is Writer.CLEANUP:
                self.flag.prune()
            return done

        return self._work(writer, work)

    def deploying(self, to: Stage) -> Work:
        def work(who: Who) -> bool:
            changed = ceiling.hold(self.flag, old=self.ceiling, new=to, who=who)
            self.ceiling = to
            self.flag.transitions = Transitions(to, RAMP.stages)
            return changed

        return self._work(Writer.DEPLOY, work)

    def ticking(self, seen: Callable[[], Look] | None = None) -> Work:
        return self._work(
            Writer.RAMP,
            lambda who: (
                tick(
                    self.flag,
                    RAMP,
                    seen or self.look,
                    objections=lambda _: self.objections,
                    who=who,
                ).changed
            ),
        )

    def _work(self, writer: Writer, work: Callable[[Who], bool]) -> Work:
        self.calls += 1
        who = Who(writer, f"call {self.calls}")

        def call() -> None:
            with suppress(FlagWriterError, ClientError):
                if work(who):
                    self.done.add(who.name)

        return call

    def look(self) -> Look:
        return look(
            self.flag,
            World(PROOFS[self.verdict], self.pairs, self.objections),
            ceiling=self.ceiling,
            now=datetime.fromtimestamp(self.route.now, UTC),
        )

    writers = st.one_of(
        st.builds(
            lambda to, override: lambda all_: all_.person(to, override),
            STAGES,
            st.sampled_from(["", "", "incident 7"]),
        ),
        st.builds(lambda to: lambda all_: all_.pausing(to), st.booleans()),
        st.builds(lambda user: lambda all_: all_.testing(user), st.sampled_from("abc")),
        st.builds(
            lambda writer: lambda all_: all_.lowering(writer),
            st.sampled_from([Writer.ROLLBACK, Writer.CLEANUP]),
        ),
        st.builds(lambda to: lambda all_: all_.deploying(to), STAGES),
        *2 * [st.just(lambda all_: all_.ticking())],
    )

    @initialize()
    def a_person_begins(self) -> None:
        self.person(Stage.SHADOW, "")()

    @rule(writer=writers, later=LATER)
    def one_writes(self, writer: Callable[["Writers"], Work], later: int) -> None:
        self.route.now += later
        writer(self)()

    @rule(
        first=writers, second=writers, later=LATER, order=st.lists(st.integers(0, 1), max_size=60)
    )
    def two_write_at_once(
        self,
        later: int,
        first: Callable[["Writers"], Work],
        second: Callable[["Writers"], Work],
        order: list[int],
    ) -> None:
        self.route.now += later
        turns = Turns(order)
        self.route.turn = turns.wait
        turns.run(first(self), second(self))
        self.route.turn = lambda: None

    @rule(later=LATER)
    def a_tick_is_doubled(self, later: int) -> None:
        self.route.now += later
        work = self.ticking()
        work()
        work()

    @rule(target=looks, later=LATER)
    def a_tick_looks(self, later: int) -> Look:
        self.route.now += later
        return self.look()

    @rule(seen=consumes(looks))
    def and_acts_late(self, seen: Look) -> None:
        self.ticking(lambda: seen)()

    @rule(to=STAGES)
    def a_console_moves_it(self, to: Stage) -> None:
        running = any(each.is_running for each in self.route.deployments)
        if not running:
            document = self.route.served
            values = {
                **document["values"][FLAG_KEY],
                "stage": to.name,
                "canary_percent": to.percent,
            }
            self.route.deploy(
                {**document, "values": {**document["values"], FLAG_KEY: values}}, "raise0"
            )

    @rule()
    def a_console_stops_it(self) -> None:
        for each in self.route.deployments:
            if each.is_running:
                each.state = "ROLLED_BACK"

    # What must be so

    @invariant()
    def nothing_rises_without_proof_or_a_person_nor_by_itself_after_a_lowering(self) -> None:
        is_held, since = True, 0.0
        for kept, deployment in self._history():
            before, after = kept.stages
            if after > before and kept.writer is not None:
                assert kept.writer in (Writer.PERSON, Writer.RAMP), kept.change
            if kept.writer is Writer.RAMP and after > before:
                assert kept.change is not None
                assert not is_held, f"{kept.change}, and who moved it last did not want it raised"
                assert kept.change.evidence["verdict"] == "PASS"
                assert kept.change.evidence["pairs at this stage"] >= RAMP.minimum_pairs  # type: ignore[operator]
                assert not kept.before["values"][FLAG_KEY]["paused"]
                assert before >= Stage.SHADOW
                assert after == min(step for step in RAMP.stages if step > before)
                assert kept.at - since >= RAMP.dwell.total_seconds()
            if before != after:
                is_stopped = deployment.state == "ROLLED_BACK"
                is_held = is_stopped or after < before
                since = since if is_stopped else self._completed(deployment)

    @invariant()
    def no_update_is_lost(self) -> None:
        """Each document is what stood before it, and its writer's own change."""
        by_stage = {"stage", "canary_percent", "enabled", "override"}
        kept_of = {}
        for kept, _ in self._history():
            if kept.change is None:
                continue
            kept_of[kept.change.who.name] = kept
            before, after = kept.stages
            if before != after:
                assert kept.changed() <= by_stage, kept.change
            elif "paused" in kept.changed():
                assert kept.changed() == {"paused"}
            else:
                assert kept.changed() <= {"candidate_users", "control_users", *by_stage}
        assert self.done <= kept_of.keys()

    def _history(self) -> Iterator[tuple[Kept, Deployment]]:
        for number, kept in sorted(self.route.kept.items()):
            if number > 1:
                yield kept, self.route.deployments[number - 1]

    @staticmethod
    def _completed(deployment: Deployment) -> float:
        return FakeAppConfig._ended(deployment).timestamp()


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
