"""The guided run of `make demo`: a real route, a real deployment, every stage.

Every step looks at what really happened, in the logs of the functions, and stops where that is not
what it should be. What takes its time on AWS by design, such as polls of a flag, takes it here too.
"""

import json
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import boto3
import psycopg
from rich.console import Console

from localaws import LocalError
from localaws.assembly import MINUTE_SECONDS
from localaws.evidence import (
    AT_ONCE,
    Answer,
    Evidence,
    Parity,
    Pass,
    Traffic,
)
from localaws.route_folder import RouteFolder
from localaws.up import Local, running
from localaws.writing import WriteSample, Writing
from shadow_runtime.compare import mask
from shadow_runtime.contract import (
    POLL_INTERVAL,
    Action,
    ShadowCanaryError,
    Stage,
    Variable,
)
from shadowctl.deployed import stack_resources
from shadowctl.route import Route
from shadowctl.screen import Steps, bar

_ROLLBACK_SECONDS = 60
"""Until the flag must have fallen back."""

_MARGIN_SECONDS = 0.2
"""After a poll is due."""

_SHOWN = 3


class Sample(Protocol):
    """A module `demo.py` in the folder of a route: what the demo must know of it.

    `PATH` answers a GET request of each of `USERS` with that user's own data, as the stack `STACK`
    is deployed. `PLANTED` is the one user whose data differ between the two data sources.
    `CANARY_PERCENT` is a canary within the route's ceiling.
    """

    STACK: str
    PATH: str
    USERS: Sequence[str]
    PLANTED: str
    CANARY_PERCENT: float

    def broken(self, database: psycopg.Connection[Any]) -> AbstractContextManager[None]:
        """Breaks the new data source during the block; the connection is the superuser's."""


class List(Protocol):
    """A module `demo.py` of a route that answers with pages, and is shown at `shadow` alone.

    `PATH` asks for the first page of each of `USERS`, `next_query` added to it for the next.
    """

    STACK: str
    PATH: str
    USERS: Sequence[str]

    def next_query(self, page: Any) -> str:
        """What asks for the page after one; nothing after the last."""


class UnexpectedError(ShadowCanaryError):
    """A step saw something else than it should: what, and what it should have seen."""


def demo(console: Console) -> int:
    """Runs the demo on a fresh embedded AWS; 0 when every step saw what it should, else 1.

    Raises:
        LocalError: no route has a `demo.py`, or the embedded AWS could not be started.
    """
    started = time.monotonic()
    with Steps(console) as steps, running(steps.report) as local:
        sample, lists, writes = samples_of(Path(local.assembly))
        _headline(console, local, sample, time.monotonic() - started)
        try:
            Demo(local, sample, lists, writes, console, steps).walk()
        except ShadowCanaryError as error:
            console.print(f"\n  [red]{error}[/]", soft_wrap=True)
            return 1
    console.print("\n  [dim]The embedded AWS is not AWS; what was deployed differs in this:")
    for difference in local.differences:
        console.print(f"  [dim]· {difference}", soft_wrap=True)
    console.print(
        f"\n  all as it should be, in {time.monotonic() - started:.0f} s; nothing is left running"
    )
    return 0


def samples_of(assembly: Path) -> tuple[Sample, list[List], list[WriteSample]]:
    """What the routes of an assembly say of themselves that can be shown.

    Raises:
        LocalError: no route can be walked through every stage.
    """
    told = [each.module("demo") for each in RouteFolder.all_of(assembly) if each.has("demo")]
    lists = [module for module in told if hasattr(module, "next_query")]
    writes = [module for module in told if hasattr(module, "DATASET")]
    for module in told:
        if module not in [*lists, *writes]:
            return (
                cast("Sample", module),
                cast("list[List]", lists),
                cast("list[WriteSample]", writes),
            )
    raise LocalError(
        "there is no sample to show: no route of this app has a demo.py; "
        "`shadowctl local up` deploys what it holds"
    )


def _headline(console: Console, local: Local, sample: Sample, seconds: float) -> None:
    functions = len(local.resources["AWS::Lambda::Function"])
    with psycopg.connect(local.database_url) as database:
        postgres = database.info.server_version // 10_000
    console.print(f"\n  deployed {', '.join(local.outputs)} in {seconds:.0f} s to an embedded AWS:")
    console.print(f"  the real CDK CLI, {functions} Lambdas, PostgreSQL {postgres}, enforced IAM")
    console.print(f"  {local.api_url}{sample.PATH}", soft_wrap=True)
    console.print(f"  {len(sample.USERS)} users ask for themselves; Ctrl-C leaves nothing behind\n")


class Demo:
    """The steps, in the order in which a team would take them.

    Three times the flag must reach every execution environment, which polls it every 15 seconds.
    What can be done meanwhile is done meanwhile.
    """

    def __init__(
        self,
        local: Local,
        sample: Sample,
        lists: Sequence[List],
        writes: Sequence[WriteSample],
        console: Console,
        steps: Steps,
    ) -> None:
        self._local = local
        self._aws: boto3.Session = local.session()
        self._sample = sample
        self._lists = lists
        self._console = console
        self._steps = steps
        self._route = Route.find(sample.STACK, self._aws)
        self._evidence = Evidence(self._aws, sample.STACK)
        self._resources = stack_resources(self._aws, sample.STACK)
        self._tokens: dict[str, str] = {}
        self._traffic = Traffic(f"{local.api_url}{sample.PATH}", self._tokens)
        self._writes = [Writing(local, each, self._tokens, console, steps) for each in writes]

    def walk(self) -> None:
        """All steps."""
        self._log_in()
        self.off()
        self.shadow()
        self.canary()
        self.failing()

    def off(self) -> None:
        """Everyone is on the old code."""
        for writing in self._writes:
            writing.fill()
        self._row("off", self._everyone("off"), "all on the old code", candidates=range(1))

    def shadow(self) -> None:
        """Copies go to the candidate; one user's record was planted to differ."""
        self._move(Stage.SHADOW)
        self._wait_for_polls()
        for writing in self._writes:
            writing.filled()
        self._first_copies()
        asked = self._everyone("shadow")
        self._row("shadow", asked, "and answers compared", candidates=range(1))
        users = self._sample.USERS
        parity = self._evidence.parity(
            asked,
            seen=lambda n: self._steps.count("comparing", n, len(users)),
            nudge=lambda: self._ask_again(asked),
        )
        matched = parity.compared - parity.mismatched - parity.errors
        self._console.print(f"{'':12}parity {matched} / {parity.compared}, differs:")
        for mismatch in parity.examples[:_SHOWN]:
            for difference in mismatch["differences"]:
                line = "{path} {kind} {control} ≠ {candidate}".format(**difference)
                self._console.print(f"{'':12}{line}")
        ended = parity.compared + parity.dropped  # one that was late is not compared
        _expect("copies that ended", ended, range(len(users), len(users) + 1))
        _expect("failures of the candidate", parity.errors, range(1))
        _expect("mismatches", parity.mismatched, range(1, 2))
        self._expect_planted(parity.examples)
        self._console.print(
            f"{'':12}[dim]planted with {self._sample.PLANTED}, found, shown masked[/]"
        )
        for writing in self._writes:
            writing.dual(self._sample.USERS[0])
            writing.mended(self._sample.PLANTED)

    def canary(self) -> None:
        """The ramp goes one step up by itself: the candidate answers a few, and the same again.

        Its execution environments start with their requests, as on AWS.
        """
        percent = self._sample.CANARY_PERCENT
        for writing in self._writes:
            writing.expose(percent)
        self._climb(Stage.canary(percent=percent))
        for writing in self._writes:
            writing.synced(self._sample.USERS, percent)
        for each in self._lists:
            self._pages(each)
        self._wait_for_polls()
        for writing in self._writes:
            writing.switched()
        first, second = self._everyone("canary"), self._everyone("canary")
        few = _share_of(len(self._sample.USERS), percent)
        note = f"asked for {percent:g} % of users"
        chosen = self._row("canary", first, note, candidates=few)
        again = self._row("", second, "the same users again", candidates=few)
        if chosen != again:
            raise UnexpectedError(f"other users on the second pass: {sorted(chosen ^ again)}")
        if (now := self._route.flag.deployed().position.stage) != Stage.canary(percent=percent):
            raise UnexpectedError(f"a healthy canary should stay, the flag is at {now}")

    def failing(self) -> None:
        """The new data source breaks: users see nothing of it, and the flag falls to off.

        Then the clean-up's schedule is moved from next week to now.
        """
        for writing in self._writes:
            writing.settle()
        started = time.monotonic()
        with (
            psycopg.connect(self._local.database_url, autocommit=True) as database,
            self._sample.broken(database),
        ):
            asked = self._everyone("failing")
            while self._route.flag.deployed().position.stage != Stage.OFF:
                if time.monotonic() - started > _ROLLBACK_SECONDS:
                    raise UnexpectedError("the candidate fails, and the flag does not fall back")
                time.sleep(0.1)
            took = time.monotonic() - started
        fired_at, planned = time.time(), self._fire_schedule()
        done = self._evidence.operation("rollback", since=asked.since)
        errors = [answer for answer in asked.answers if answer.status != 200]
        fallbacks = self._evidence.fallbacks(asked, nudge=self._nudge)
        self._console.print(
            f"  {'failing':<10}the new database breaks: {len(asked.answers):,} requests, "
            f"errors seen by users {len(errors)}\n"
            f"{'':12}control stood in {fallbacks} times; alarm "
            f"{done['alarm'].removeprefix(self._route.name.replace('/', '-') + '-')}\n"
            f"{'':12}the flag fell to off by itself after {took:.0f} s "
            f"[dim](alarm minutes last {MINUTE_SECONDS:g} s)[/]"
        )
        _expect("errors seen by users", len(errors), range(1))
        _expect("fallbacks", fallbacks, range(1, len(asked.answers)))
        self._wait_for_polls()
        self._row("off", self._everyone("off"), "all back again", candidates=range(1))
        for writing in self._writes:
            writing.back(self._traffic.burst)
        self._steps.report("clean-up", "its schedule fires")
        done = self._evidence.operation("cleanup", since=fired_at)
        self._console.print(
            f"  {'clean-up':<10}fired early (set for {planned:%-d %B %Y}): flag "
            f"{done['outcome']}, {done['pruned']} versions pruned"
        )
        if done["outcome"] != "off":
            raise UnexpectedError(f"the clean-up should have left the flag off, it did {done}")

    def _pages(self, each: List) -> None:
        """A list at `shadow`, while the flag of the other spreads."""
        Route.find(each.STACK, self._aws).move(Stage.SHADOW, why="demo", progress=lambda *_: None)
        evidence = Evidence(self._aws, each.STACK)
        traffic = Traffic(f"{self._local.api_url}{each.PATH}", self._tokens)

        def nudge() -> list[Answer]:
            """Nobody asked for minutes: whatever runs there polls the flag at once."""
            return traffic.burst(each.USERS[: 2 * AT_ONCE])

        def compared(asked: Pass) -> Parity:
            pages = len(asked.answers)
            return evidence.parity(
                asked, seen=lambda n: self._steps.count("lists", n, pages), nudge=nudge
            )

        nudge()
        compared(Pass(time.time(), nudge()))  # starts the shadow's processes
        since = time.time()
        parity = compared(Pass(since, traffic.follow(each.USERS, each.next_query)))
        alike = parity.compared - len(parity.examples)
        users = len(each.USERS)
        self._console.print(
            f"  {'lists':<10}{users} users read page after page, {each.STACK} is at shadow\n"
            f"{'':12}parity {alike} / {parity.compared}, after its rules"
        )
        _expect("pages that differ", len(parity.examples), range(1))

    def _log_in(self) -> None:
        """The first users begin at once: the route's execution environments start and poll."""
        users = self._sample.USERS
        self._steps.report("tokens", f"{len(users)} users log in")
        self._tokens |= self._local.tokens(users[: 2 * AT_ONCE])
        self._nudge()
        self._tokens |= self._local.tokens(users[2 * AT_ONCE :])

    def _first_copies(self) -> None:
        """A few copies start the shadow's processes; a crowd would be throttled until they run."""
        asked = self._burst(AT_ONCE)
        self._evidence.parity(
            asked,
            seen=lambda n: self._steps.count("first copies", n, len(asked.answers)),
            nudge=lambda: self._ask_again(asked),
        )

    def _move(self, to: Stage) -> None:
        self._steps.report("flag", f"to {to}")
        self._route.move(
            to,
            why="demo",
            progress=lambda state, percent: self._steps.report("flag", f"{state} {percent:.0f} %"),
        )

    def _climb(self, to: Stage) -> None:
        """Operations is asked as its schedule asks it every five minutes."""
        self._steps.report("ramp", "operations looks")
        answer = self._aws.client("lambda").invoke(
            FunctionName=self._resource("AWS::Lambda::Function", "ServiceOperations"),
            Payload=json.dumps({"action": Action.RAMP}),
        )
        done = json.loads(answer["Payload"].read())
        if (done.get("outcome"), done.get("to")) != ("advance", str(to)):
            raise UnexpectedError(f"the ramp should advance to {to}; operations says {done}")
        deployed = self._route.flag.deployed()
        self._route.flag.wait(deployed.number, lambda *_: None)
        told = done["evidence"]
        self._console.print(
            f"  {'ramp':<10}{told['verdict']} of version {told['version']}: {told['mismatches']} "
            f"of {told['pairs']} pairs differ; to {to} by itself"
        )

    def _wait_for_polls(self) -> None:
        """Every execution environment polls AppConfig with its next request after 15 seconds.

        The one after that is served by what was read.
        """
        polled_at = self._evidence.polled_at()
        while (waited := time.time() - polled_at) < POLL_INTERVAL + _MARGIN_SECONDS:
            self._steps.count("flag spreads", waited, POLL_INTERVAL)
            time.sleep(0.1)
        self._nudge()

    def _nudge(self) -> Pass:
        """Reaches every execution environment of the route, also one that is rarely needed."""
        return self._burst(2 * AT_ONCE)

    def _ask_again(self, asked: Pass) -> None:
        """Some of those of whom no copy has come: a busy machine loses one now and then."""
        come = {line["trace"] for line in self._evidence.lines("Shadow", asked)}
        lost = [n for n, answer in enumerate(asked.answers) if answer.trace not in come]
        if few := lost[: 2 * AT_ONCE]:
            again = self._traffic.burst([asked.answers[number].user for number in few])
            for number, answer in zip(few, again, strict=True):
                asked.answers[number] = answer
        else:
            self._nudge()

    def _burst(self, users: int) -> Pass:
        since = time.time()
        return Pass(since, self._traffic.burst(self._sample.USERS[:users]))

    def _everyone(self, step: str) -> Pass:
        users, since = self._sample.USERS, time.time()
        sent = self._traffic.send(users, lambda n: self._steps.count(step, n, len(users)))
        return Pass(since, sent)

    def _row(self, name: str, asked: Pass, note: str, *, candidates: range) -> set[str]:
        """Prints who answered; returns the users whom the candidate answered."""
        refused = [answer for answer in asked.answers if answer.status != 200]
        if refused:
            raise UnexpectedError(
                f"{len(refused)} users saw an error, {refused[0].status} at first"
            )
        variants = self._evidence.variants(asked, nudge=self._nudge)
        chosen = {a.user for a in asked.answers if variants[a.trace] == "candidate"}
        total = len(asked.answers)
        control = total - len(chosen)
        self._console.print(
            f"  {name:<10}control [green]{bar(control / total)}[/] {control:>3}   "
            f"candidate {len(chosen):>3}   {note}"
        )
        _expect(f"{name}: users on the candidate", len(chosen), candidates)
        return chosen

    def _expect_planted(self, mismatches: list[dict[str, Any]]) -> None:
        """The one mismatch is the planted user's, who is known by a keyed hash alone."""
        held = self._variables("Shadow")[Variable.MASKING_KEY]
        key = self._aws.client("secretsmanager").get_secret_value(SecretId=held)["SecretString"]
        users = [mismatch["user"] for mismatch in mismatches]
        if users != [mask(self._sample.PLANTED, key.encode())]:
            raise UnexpectedError(f"{self._sample.PLANTED} should have differed, it was {users}")
        if self._sample.PLANTED in json.dumps(mismatches):
            raise UnexpectedError(f"the user is not masked in {mismatches}")

    def _variables(self, function: str) -> dict[str, str]:
        name = self._resource("AWS::Lambda::Function", f"Service{function}")
        found = self._aws.client("lambda").get_function_configuration(FunctionName=name)
        return found["Environment"]["Variables"]

    def _resource(self, kind: str, prefix: str = "") -> str:
        """The physical id of the first resource of the stack of that type and logical id."""
        return next(p for i, k, p in self._resources if k == kind and i.startswith(prefix))

    def _fire_schedule(self) -> datetime:
        """Moves the schedule to the next seconds; returns when it would have fired."""
        scheduler = self._aws.client("scheduler")
        name = self._resource("AWS::Scheduler::Schedule", "ServiceCleanUpSchedule")
        schedule = scheduler.get_schedule(Name=name)
        planned = datetime.fromisoformat(schedule["ScheduleExpression"][3:-1])
        soon = datetime.now(UTC) + timedelta(seconds=1)
        scheduler.update_schedule(
            Name=name,
            ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
            Target=schedule["Target"],
        )
        return planned


def _share_of(users: int, percent: float) -> range:
    """How many of `users` a canary may take: within three standard deviations of its share.

    Example:
        >>> _share_of(500, 2)
        range(1, 20)
    """
    share = percent / 100
    spread = 3 * math.sqrt(users * share * (1 - share))
    fewest = max(1, math.ceil(users * share - spread))
    return range(fewest, math.floor(users * share + spread) + 1)


def _expect(what: str, seen: int, expected: range) -> None:
    if seen not in expected:
        raise UnexpectedError(f"{what}: {seen}, expected {expected.start} to {expected.stop - 1}")
