"""The commands that move routes: what each would do, what it did, and what was done before."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3

from judge import step_after
from operations.dataset_function import DatasetError, DatasetFunction
from operations.flag import Deployment, FlagWriterError, HostedFlag, Progress
from operations.moves import move, pause, undo, unopposed
from operations.settings import OperationsSettings
from operations.transitions import Who
from shadow_runtime.contract import POLL_INTERVAL, STAGE_NAMES, Stage
from shadowctl.deployed import DeployedRoute, RouteError, every_held, find_route
from shadowctl.failures import EXPECTED, in_one_line
from shadowctl.route import Route, asked_to_switch_back, person
from shadowctl.verb import ExitCode, Result

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True, slots=True)
class Stopped:
    """What `off` did to one route: since when its users go back, or why they do not.

    `since` is None where nothing was to be done, and where it failed: there `error` says why.
    `data` says what becomes of its dataset, where it has one; `is_asked` is false where that could
    not be asked to have control as its authority again.
    """

    stack: str
    route: str
    since: datetime | None
    error: str = ""
    data: str = ""
    is_asked: bool = True

    @property
    def short(self) -> str:
        """The route's own name, as its stack's file says it."""
        return self.route.rpartition("/")[2]

    @property
    def in_force(self) -> datetime | None:
        """When every execution environment asks for the flag at its next request, at the latest."""
        return self.since and self.since + timedelta(seconds=POLL_INTERVAL)

    def __str__(self) -> str:
        return "; ".join(filter(None, [self._flag, self.data]))

    @property
    def _flag(self) -> str:
        if self.error:
            return f"{self.route}: NOT off: {self.error}"
        if self.since is None:
            return f"{self.route}: already off"
        return (
            f"{self.route}: off since {self.since:%H:%M:%S} UTC; from {self.in_force:%H:%M:%S} on "
            "each execution environment answers with control, after one more request"
        )

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "stack": self.stack,
            "route": self.route,
            "off": not self.error,
            "since": self.since and self.since.isoformat(),
            "in_force": self.in_force and self.in_force.isoformat(),
            "error": self.error,
            "data": self.data,
        }


def off(names: Sequence[str], aws: boto3.Session, *, why: str) -> Result:
    """Moves routes to `off`, all at the same time; no name is all. One that fails stops no other.

    Raises:
        RouteError: there is no route at all.
    """
    who, appconfig, lambda_ = person(aws), aws.client("appconfig"), aws.client("lambda")
    begun: list[_Stopping] = []
    failed: list[Stopped] = []

    def stop(name: str, find: Callable[[], DeployedRoute]) -> None:
        begun.append(_Stopping(name, find, appconfig, lambda_, who, why))

    for name in names:
        try:
            stop(name, _known(find_route(name, aws)))
        except EXPECTED as error:
            failed.append(Stopped(name, name, None, in_one_line(error)))
    if not names:
        try:
            for held in every_held(aws):
                stop(held.stack, partial(held.read, lambda_))
        except EXPECTED as error:
            failed.append(Stopped("", "the routes that follow", None, in_one_line(error)))
    for each in begun:
        each.join()
    stopped = [*(each.stopped for each in begun), *failed]
    if not stopped:
        raise RouteError(f"no route in {aws.region_name}: name another region by AWS_REGION")
    has_failed = any(each.error or not each.is_asked for each in stopped)
    code = ExitCode.ERROR if has_failed else ExitCode.DONE
    in_stack = Counter(each.stack for each in stopped)
    steps = [
        f"shadowctl {'off' if each.error else 'status'} "
        + (each.stack if in_stack[each.stack] == 1 else f"{each.stack}:{each.short}")
        for each in stopped
        if each.stack
    ]
    documents = [each.document() for each in stopped]
    return Result(map(str, stopped), {"routes": documents}, steps, code)


def _known(route: DeployedRoute) -> Callable[[], DeployedRoute]:
    return lambda: route


class _Stopping(Thread):
    """One route on its way to `off`; who has no time left does not wait for it."""

    def __init__(
        self,
        name: str,
        find: Callable[[], DeployedRoute],
        appconfig: "AppConfigClient",
        lambda_: "LambdaClient",
        who: Who,
        why: str,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._find, self._appconfig, self._lambda = find, appconfig, lambda_
        self._who, self._why = who, why
        self.stopped = Stopped(name, name, None, "look above, and try again")
        self.start()

    def run(self) -> None:
        """Moves it, and then its data: neither waits for the other to succeed."""
        try:
            settings = self._find().settings
        except EXPECTED as expected:
            self.stopped = Stopped(self.name, self.name, None, in_one_line(expected))
            return
        flag, since, error = HostedFlag.of(self._appconfig, settings), None, ""
        try:
            if move(flag, Stage.OFF, who=self._who, why=self._why, objections=unopposed):
                since = datetime.now(UTC)
        except EXPECTED as expected:
            error = in_one_line(expected)
        data, is_asked = self._switched_back(settings)
        self.stopped = Stopped(self.name, settings.route, since, error, data, is_asked)

    def _switched_back(self, settings: OperationsSettings) -> tuple[str, bool]:
        if not settings.dataset:
            return "", True
        dataset = DatasetFunction(self._lambda, settings.dataset_function, settings.dataset)
        try:
            return asked_to_switch_back(dataset), True
        except DatasetError as error:
            return str(error), False


def next_stage(route: Route, percent: float | None) -> Stage:
    """Where a route is promoted to: its ramp's next step, or the next stage.

    `percent` is of the users, for a canary: the ramp's or the ceiling's where either names one.

    Raises:
        FlagWriterError: nothing follows, a change is under way, or nothing says how many users a
            canary takes.
        ValueError: that is no percentage of a canary.
    """
    deployed, table = route.flag.deployed(), route.flag.transitions
    stage, ceiling = deployed.position.stage, table.ceiling
    if deployed.is_running:
        raise FlagWriterError(
            f"deployment {deployed.number} to {stage} is under way: promote the route when "
            "everybody is there"
        )
    if percent is not None:
        return Stage.canary(percent=percent)
    if not deployed.is_ours:
        raise FlagWriterError("what is deployed cannot be read: move to off first")
    if stage == Stage.COMPLETE:
        raise FlagWriterError("nothing follows complete: remove control and the construct")
    if stage >= Stage.SHADOW and (step := step_after(table.steps, stage)):
        return step
    following = Stage.of(STAGE_NAMES[stage.rank + 1], percent=1)
    if Stage.SHADOW <= stage < ceiling < Stage.LIVE:
        return ceiling
    if stage == Stage.SHADOW and following < ceiling:
        raise FlagWriterError(
            "nothing says how many users a canary takes here: add --percent, such as 1"
        )
    return following


def dry_run(route: Route, to: Stage, *, override: str = "") -> Result:
    """Each step by which a route would be moved to `to`, and what would refuse it now."""
    flag = route.flag
    deployed, table = flag.deployed(), flag.transitions
    stages = [to] if override.strip() else table.path(deployed.stage, to)
    steps = [*_waiting(route, to)]
    here = deployed.stage
    for stage in stages:
        raising = here is not None and stage > here
        refusals = [table.refusal(here, stage, override=override)]
        if raising and stage > Stage.SHADOW:
            refusals += route.objections(stage)
        minutes = flag.minutes(raising=raising)
        steps.append(
            _Step(
                f"move to {stage}, {f'over {minutes:g} minutes' if minutes else 'at once'}",
                [each for each in refusals if each],
            )
        )
        here = stage
    asked = table.refusal(deployed.stage, to, override=override)
    refused = asked or any(step.refusals for step in steps)
    lines = [
        f"{route.where()}; nothing is changed",
        *([f"refused: {asked}; these are the moves"] if len(stages) > 1 else []),
        *_numbered(steps),
    ]
    document = {
        **route.document(),
        "to": str(to),
        "refused": asked or "",
        "steps": [asdict(step) for step in steps],
    }
    return Result(lines, document, code=ExitCode.ERROR if refused else ExitCode.DONE)


@dataclass(frozen=True, slots=True)
class _Step:
    does: str
    refusals: Sequence[str] = ()


def _waiting(route: Route, to: Stage) -> Iterator[_Step]:
    """What would become of a deployment that is under way."""
    running = route.flag.deployed()
    if running.is_running:
        verb = "stop" if to < running.position.stage else "wait for"
        yield _Step(f"{verb} deployment {running.number}, which goes to {running.position.stage}")


def _numbered(steps: Sequence[_Step]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step.does}"
        for refusal in step.refusals:
            yield f"   refused: {refusal}"
    if not steps:
        yield "nothing to do"


def paused(route: Route, is_paused: bool, *, why: str, progress: Progress | None = None) -> str:
    """Has the route's ramp wait, or go on, and says so in one line.

    Raises:
        FlagWriterError: the flag could not be changed.
    """
    changed = pause(route.flag, is_paused, who=route.who(), why=why, progress=progress)
    state = f"{'now' if changed else 'already'} {'paused' if is_paused else 'not paused'}"
    none = "" if route.flag.transitions.steps else "; it has no ramp that would move it by itself"
    return f"{route.where()}; {state}{none}"


def undone(route: Route, *, why: str, override: str = "", progress: Progress | None = None) -> str:
    """Has the flag say what it said before its last change, and says where that is, in one line.

    Raises:
        FlagWriterError: that is not known, the transitions refuse it, a guard could not act or is
            in ALARM, or the flag could not be moved.
    """
    undo(
        route.flag,
        who=route.who(),
        why=why,
        objections=route.objections,
        override=override,
        progress=progress,
    )
    line = route.where()
    return "; ".join([line, *route.switched_back()] if route.stage == Stage.OFF else [line])


def history(route: Route, *, last: int) -> Result:
    """The last deployments of a route's flag, the newest last.

    Raises:
        FlagWriterError: there is none.
    """
    made = route.flag.history(last)
    if not made:
        raise FlagWriterError("this flag was never deployed: deploy the route's stack, which does")
    return Result(
        [line for each in made for line in _told(each)],
        {"stack": route.stack, "route": route.name, "history": [_document(each) for each in made]},
        [f"shadowctl undo {route.stack}"],
    )


def _told(made: Deployment) -> Iterator[str]:
    at = f"{made.number:>4}  {made.started.astimezone(UTC):%Y-%m-%d %H:%M:%S}  {made.state:<11}"
    if made.change is None:
        yield f"{at}  at {made.stage or 'unreadable'}: {_UNKNOWN}"
        return
    change = made.change
    yield f"{at}  {change.before or 'unreadable'} to {change.after}: {change.why}"
    yield f"{'':>6}{change.who}"
    if change.evidence:
        yield f"{'':>6}{', '.join(f'{name}: {value}' for name, value in change.evidence.items())}"


_UNKNOWN = "by the template or a console; CloudTrail knows by whom (StartDeployment)"


def _document(made: Deployment) -> dict[str, Any]:
    change = made.change
    return {
        "number": made.number,
        "state": made.state,
        "started": made.started.isoformat(),
        "completed": made.completed and made.completed.isoformat(),
        "stage": made.stage and str(made.stage),
        "change": change
        and {
            "who": {"writer": change.who.writer, "name": change.who.name},
            "why": change.why,
            "from": change.before and str(change.before),
            "to": str(change.after),
            "evidence": dict(change.evidence),
        },
    }
