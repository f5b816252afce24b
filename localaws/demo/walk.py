"""The walk: off, shadow, canary, a failure, clean-up. Every step looks at what really happened."""

import time
from datetime import UTC, datetime, timedelta

import boto3
from rich.console import Console

from localaws import seed
from localaws.demo.evidence import Evidence, EvidenceError
from localaws.demo.traffic import Answer, Traffic
from localaws.demo.warm_up import warm_up
from localaws.seed import PLANTED
from localaws.speed import MINUTE
from localaws.up import Local, running
from shadow_runtime.contract import POLL_INTERVAL, ShadowCanaryError, Stage
from shadowctl.route import Route
from shadowctl.screen import Steps, bar

STACK = "GetUser"
USERS = [f"user-{number:03}" for number in range(1, 501)]
CANARY = 2.0
"""Percent of the users, at the ceiling of the sample's stack."""

_FIRST = USERS[:5]
_PATIENCE_SECONDS = 60
_SHOWN = 3
_FEWEST, _MOST = 2, 20
"""Of 500 users in a canary of 2 %: 10 ± 3.1, so outside of this once in 300 routes' salts."""


class UnexpectedError(ShadowCanaryError):
    """A step saw something else than it should: what, and what it should have seen."""


def walk(console: Console) -> int:
    """Runs the demo on a fresh embedded AWS; 0 when every step saw what it should, else 1."""
    started = time.monotonic()
    with Steps(console) as steps, running(steps.report) as local:
        _headline(console, local, time.monotonic() - started)
        demo = Demo(local, console, steps)
        try:
            for step in (demo.off, demo.shadow, demo.canary, demo.failing, demo.clean_up):
                step()
        except (UnexpectedError, EvidenceError) as error:
            console.print(f"\n  [red]{error}[/]", soft_wrap=True)
            return 1
    console.print("\n  [dim]The embedded AWS is not AWS; what was deployed differs in this:")
    for difference in local.replaced:
        console.print(f"  [dim]· {difference}", soft_wrap=True)
    console.print(
        f"\n  all as it should be, in {time.monotonic() - started:.0f} s; nothing is left running"
    )
    return 0


def _headline(console: Console, local: Local, seconds: float) -> None:
    console.print(f"\n  deployed {', '.join(local.outputs)} in {seconds:.0f} s to an embedded AWS:")
    console.print("  the real CDK CLI, 4 Lambdas, PostgreSQL 18, enforced IAM")
    console.print(f"  {local.api_url}/users/me", soft_wrap=True)
    console.print(f"  {len(USERS)} users ask for themselves; Ctrl-C leaves nothing behind\n")


class Demo:
    """The steps, in the order in which a team would take them."""

    def __init__(self, local: Local, console: Console, steps: Steps) -> None:
        self._local = local
        self._aws: boto3.Session = local.session()
        self._console = console
        self._steps = steps
        self._route = Route.find(STACK, self._aws)
        self._evidence = Evidence(self._aws, STACK)
        steps.report("tokens", f"{len(USERS)} users log in")
        self._served_at = time.monotonic()
        self._traffic = Traffic(f"{local.api_url}/users/me", local.tokens(USERS))

    def off(self) -> None:
        """Everyone is on the old code."""
        answers, since = self._everyone("off")
        self._row("off", answers, since, "all on the old code", candidates=range(1))

    def shadow(self) -> None:
        """Copies go to the candidate; one user's record was planted to differ."""
        self._move(Stage.SHADOW)
        self._warm_up()
        answers, since = self._everyone("shadow")
        self._row("shadow", answers, since, "and answers compared", candidates=range(1))
        parity = self._evidence.parity(
            since=since,
            expected=len(USERS),
            seen=lambda n: self._steps.count("comparing", n, len(USERS)),
        )
        matched = parity.compared - parity.mismatched - parity.errors
        self._console.print(f"{'':12}parity {matched} / {parity.compared}, differs:")
        for mismatch in parity.examples[:_SHOWN]:
            for difference in mismatch["differences"]:
                line = "{path} {kind} {control} ≠ {candidate}".format(**difference)
                self._console.print(f"{'':12}{line}")
        self._console.print(f"{'':12}[dim]planted with {PLANTED}, found, shown masked[/]")
        _expect("comparisons", parity.compared, range(len(USERS), len(USERS) + 1))
        _expect("failures of the candidate", parity.errors, range(1))
        _expect("mismatches", parity.mismatched, range(1, 2))

    def canary(self) -> None:
        """The candidate answers a few users, and the same ones again."""
        self._steps.report("canary", "the candidate's processes start")
        warm_up(self._aws, STACK, USERS[0])
        self._move(Stage.canary(percent=CANARY))
        first, since = self._everyone("canary")
        few = range(_FEWEST, _MOST + 1)
        note = f"asked for {CANARY:g} % of users"
        chosen = self._row("canary", first, since, note, candidates=few)
        second, since = self._everyone("canary")
        again = self._row("", second, since, "the same users again", candidates=few)
        if chosen != again:
            raise UnexpectedError(f"other users on the second pass: {sorted(chosen ^ again)}")

    def failing(self) -> None:
        """The new data source breaks: users see nothing of it, and the flag falls to off."""
        since, started = time.time(), time.monotonic()
        answers = list[Answer]()
        with seed.table_gone(self._local.database_url):
            while self._route.flag.deployed().position.stage != Stage.OFF:
                if time.monotonic() - started > _PATIENCE_SECONDS:
                    raise UnexpectedError("the candidate fails, and the flag does not fall back")
                answers += self._everyone("failing")[0]
            took = time.monotonic() - started
        done = self._evidence.rollback(since=since)
        errors = [answer for answer in answers if answer.status != 200]
        self._console.print(
            f"  {'failing':<10}the new database breaks: {len(answers):,} requests, "
            f"errors seen by users {len(errors)}\n"
            f"{'':12}control stood in {self._evidence.stood_in(since=since)} times; alarm "
            f"{done['alarm'].removeprefix(f'{STACK}-{self._route.name}-')}\n"
            f"{'':12}the flag fell to off by itself after {took:.0f} s "
            f"[dim](alarm minutes last {MINUTE:g} s)[/]"
        )
        _expect("errors seen by users", len(errors), range(1))
        self._wait_for_polls()
        again, since = self._everyone("off")
        self._row("off", again, since, "all back again", candidates=range(1))

    def clean_up(self) -> None:
        """The schedule is moved from next week to now."""
        since = time.time()
        planned = self._fire_schedule()
        self._steps.report("clean-up", "its schedule fires")
        done = self._evidence.clean_up(since=since)
        self._console.print(
            f"  {'clean-up':<10}fired early (set for {planned:%-d %B %Y}): flag "
            f"{done['outcome']}, {done['pruned']} versions pruned"
        )
        if done["outcome"] != "off":
            raise UnexpectedError(f"the clean-up should have left the flag off, it did {done}")

    def _warm_up(self) -> None:
        """A few copies start the shadow's processes; a crowd would be throttled until they run."""
        since = time.time()
        self._traffic.send(_FIRST)
        self._evidence.parity(
            since=since,
            expected=len(_FIRST),
            seen=lambda n: self._steps.count("first copies", n, len(_FIRST)),
        )

    def _move(self, to: Stage) -> None:
        self._steps.report("flag", f"to {to}")
        self._route.move(
            to,
            why="demo",
            progress=lambda state, percent: self._steps.report("flag", f"{state} {percent:.0f} %"),
        )
        self._wait_for_polls()

    def _wait_for_polls(self) -> None:
        """Every execution environment asks AppConfig again 15 seconds after it did, at the latest.

        None has asked after it last served a request.
        """
        while (waited := time.monotonic() - self._served_at) < POLL_INTERVAL + 1:
            self._steps.count("flag spreads", waited, POLL_INTERVAL + 1)
            time.sleep(0.2)

    def _everyone(self, step: str) -> tuple[list[Answer], float]:
        since = time.time()
        answers = self._traffic.send(USERS, lambda come: self._steps.count(step, come, len(USERS)))
        self._served_at = time.monotonic()
        return answers, since

    def _row(
        self, name: str, answers: list[Answer], since: float, note: str, *, candidates: range
    ) -> set[str]:
        """Prints who answered; returns the users whom the candidate answered."""
        refused = [answer for answer in answers if answer.status != 200]
        if refused:
            raise UnexpectedError(
                f"{len(refused)} users saw an error, {refused[0].status} at first"
            )
        variants = self._evidence.variants([a.trace for a in answers], since=since)
        chosen = {a.user for a in answers if variants[a.trace] == "candidate"}
        control = len(answers) - len(chosen)
        self._console.print(
            f"  {name:<10}control [green]{bar(control / len(answers))}[/] {control:>3}   "
            f"candidate {len(chosen):>3}   {note}"
        )
        _expect(f"{name}: users on the candidate", len(chosen), candidates)
        return chosen

    def _fire_schedule(self) -> datetime:
        """Moves the schedule to the next seconds; returns when it would have fired."""
        scheduler = self._aws.client("scheduler")
        resources = self._aws.client("cloudformation").describe_stack_resources(StackName=STACK)
        name = next(
            resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == "AWS::Scheduler::Schedule"
        )
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


def _expect(what: str, seen: int, expected: range) -> None:
    if seen not in expected:
        raise UnexpectedError(f"{what}: {seen}, expected {expected.start} to {expected.stop - 1}")
