"""`shadowctl drill`: does the way back work? It is tried, on the drill's own requests, and timed.

The requests are invocations of the alias, with a mark that no client of a front door can set and no
candidate in production heeds. All that follows is real: metrics, alarm, topic, operations, flag.
"""

import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from operations.alarms import ExposureAlarm, describe
from operations.flag import Deployment, Progress
from operations.moves import lower
from operations.transitions import Writer
from shadow_runtime.assignment import is_in
from shadow_runtime.contract import (
    ALIAS,
    POLL_INTERVAL,
    SAFE_METHODS,
    Dimension,
    MetricName,
    ShadowCanaryError,
    Stage,
    Variable,
    Variant,
)
from shadow_runtime.front_doors import HTTP_API, front_door
from shadow_runtime.handlers import MARK
from shadow_runtime.http import Request
from shadow_runtime.recorded import recorded
from shadowctl import log_query
from shadowctl.distance import MINUTE_S
from shadowctl.functions import Functions, log_group, variables
from shadowctl.route import Route
from shadowctl.route_files import RouteFilesError, requests_file

LEAST = Stage.canary(percent=0.01)
"""The smallest canary: the drill's user is in it, and nearly nobody else."""

_IN_A_MINUTE = 30
"""Requests: three times what an alarm asks for at most."""

_LIMIT_MINUTES = 30
_LOGS_S = 60
_WHY = "a drill"


class DrillError(ShadowCanaryError):
    """There was no drill: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of one: when each thing happened, None where it did not; what its users met.

    Attributes:
        failing: the first request that the candidate failed.
        red: an alarm was in ALARM; `alarm` is its name.
        off: everybody had the flag at `off`.
        answered: the first request that control answered without the candidate being asked.
        requests: that were sent.
        errors: those of them that were answered with 500 or above, or not at all.
    """

    route: str
    before: Stage
    alarm: str
    failing: datetime | None
    red: datetime | None
    off: datetime | None
    answered: datetime | None
    requests: int
    errors: int

    @property
    def has_worked(self) -> bool:
        """Whether the way back was gone to its end, and no user saw an error on it."""
        return self.answered is not None and not self.errors

    def document(self) -> dict[str, Any]:
        """For machines; times are seconds after the first failure."""
        return {
            "route": self.route,
            "worked": self.has_worked,
            "alarm": self.alarm,
            "seconds": {name: seconds for name, seconds, _ in self._steps()},
            "requests": self.requests,
            "errors": self.errors,
            "restored": str(self.before),
        }

    def shown(self) -> Iterator[str]:
        """For people."""
        yield f"{self.route}: a drill, from {self.before}"
        for _, seconds, words in self._steps():
            yield f"{'never' if seconds is None else f'{seconds:.1f} s':>9}  {words}"
        yield f"{self.requests:,} requests; {self.errors:,} users of them saw an error"
        yield (
            f"restored to {self.before}; {self.alarm or 'an alarm'} goes back to OK by itself when "
            "its window has passed, and nobody is exposed before"
        )

    def _steps(self) -> Iterator[tuple[str, float | None, str]]:
        for name, at, words in (
            ("failing", self.failing, "the candidate fails, control stands in"),
            ("alarm", self.red, f"{self.alarm or 'an alarm'} is in ALARM"),
            ("off", self.off, "the flag is at off"),
            ("answered", self.answered, "control answers, and the candidate is not asked"),
        ):
            seconds = (at - self.failing).total_seconds() if at and self.failing else None
            yield name, seconds, words


def drill(
    functions: Functions, aws: boto3.Session, *, progress: Progress, minute_s: float = MINUTE_S
) -> Drill:
    """Fails the candidate for requests of the drill's own until they are taken off it.

    Exposes the smallest canary for that time, and puts the route back where it was, whatever
    happens. `minute_s` is what a minute of the alarms lasts.

    Raises:
        DrillError: this is production, users are on the candidate already, or the ceiling keeps
            them from it.
        FlagWriterError: a guard could not act, or is in ALARM.
    """
    route = Route.of(functions.route, aws)
    before = _begin(functions, route)
    try:
        if before < Stage.SHADOW:
            route.move(Stage.SHADOW, why=_WHY, progress=progress)
        route.move(LEAST, why=_WHY, override=_WHY, progress=progress)
        return _Drill(functions, route, aws, before, minute_s).run(progress)
    finally:
        _restore(route, before)


def _begin(functions: Functions, route: Route) -> Stage:
    """Where the route is before the drill."""
    name, before = functions.route.stack, route.stage
    if variables(functions.candidate).get(Variable.DRILL) != "true":
        raise DrillError(
            f"{name} is in production: a drill fails requests. Where it is not, say "
            "`production=False` in its stack"
        )
    if before > Stage.SHADOW:
        raise DrillError(
            f"{name} is at {before}: a drill would take its users off the candidate. Move it to "
            f"shadow first: `shadowctl stage {name} shadow`"
        )
    if route.ceiling < LEAST:
        raise DrillError(
            f"the ceiling of {name} is {route.ceiling}, so that nobody meets the candidate: raise "
            f"`ceiling` to {LEAST} or over, and deploy"
        )
    return before


def _restore(route: Route, before: Stage) -> None:
    lower(route.flag, before, who=route.who(), why=_WHY)
    if route.stage < before:
        route.move(before, why=_WHY, progress=lambda _state, _percent: None)


class _Drill:
    """A drill under way."""

    def __init__(
        self,
        functions: Functions,
        route: Route,
        aws: boto3.Session,
        before: Stage,
        minute_s: float,
    ) -> None:
        self._functions = functions
        self._route = route
        self._aws = aws
        self._before = before
        self._minute_s = minute_s
        self._lambda = aws.client("lambda")
        self._id = secrets.token_hex(4)
        bucket = variables(functions.answering).get(Variable.DATASET) or route.name
        self._user = user_in(LEAST, bucket, self._id)
        self._event = request(functions)
        self._sent = 0
        self._errors = 0

    def run(self, progress: Progress) -> Drill:
        """Fails requests until nobody is asked for them any more, or for half an hour."""
        begun = datetime.now(UTC)
        limit_s = _LIMIT_MINUTES * self._minute_s
        fallen = self._send_until(self._has_fallen, limit_s, progress)
        if fallen:  # environments follow with their next poll
            self._send_until(lambda: False, 1.5 * POLL_INTERVAL, progress)
        written = self._written(begun)
        red = self._red()
        off = self._off()
        failing, answered = times(written, off)
        return Drill(
            route=self._route.name,
            before=self._before,
            alarm=red.changed.name if red else "",
            failing=failing,
            red=datetime.fromisoformat(red.changed.at) if red else None,
            off=off,
            answered=answered,
            requests=self._sent,
            errors=self._errors,
        )

    def _send_until(self, is_over: Callable[[], bool], limit_s: float, progress: Progress) -> bool:
        """Whether it was over within the limit."""
        pause = self._minute_s / _IN_A_MINUTE
        started = looked = time.monotonic()
        while (now := time.monotonic()) < started + limit_s:
            self._send()
            progress("failing requests", min(100, 100 * (now - started) / limit_s))
            if now > looked + 1:
                if is_over():
                    return True
                looked = now
            time.sleep(pause)
        return False

    def _send(self) -> None:
        self._sent += 1
        context = {**self._event["requestContext"], "requestId": f"drill-{self._id}-{self._sent}"}
        event = {**self._event, "requestContext": context, MARK: {"drill": self._user}}
        invoked = self._lambda.invoke(
            FunctionName=self._functions.route.settings.function,
            Qualifier=ALIAS,
            Payload=json.dumps(event),
        )
        answer = front_door(event).served(json.loads(invoked["Payload"].read()))
        self._errors += "FunctionError" in invoked or answer.is_fault

    def _has_fallen(self) -> bool:
        deployed = self._route.flag.deployed()
        return deployed.position.stage == Stage.OFF and not deployed.is_running

    def _written(self, since: datetime) -> list[log_query.Line]:
        """What the route wrote of the drill's requests, once the last of them is told of."""
        last = log_query.field("request_id", f"drill-{self._id}-{self._sent}")
        any_ = f'"request_id": ?"drill-{self._id}-'
        logs, group = self._aws.client("logs"), log_group(self._functions.answering)
        for _ in range(_LOGS_S):
            if log_query.lines(logs, group, last, since=since).found:
                break
            self._send_late()
        return log_query.lines(logs, group, any_, since=since).found

    def _send_late(self) -> None:
        """Logs come late, and those of the embedded AWS with the next invocation."""
        sent, errors = self._sent, self._errors
        self._send()
        self._sent, self._errors = sent, errors
        time.sleep(1)

    def _red(self) -> ExposureAlarm | None:
        """The first that turned red; before the drill none was."""
        names = self._functions.route.settings.exposure_alarms
        found = describe(self._aws.client("cloudwatch"), names).values()
        return min((a for a in found if a.is_red), key=lambda a: a.changed.at, default=None)

    def _off(self) -> datetime | None:
        """When everybody had the flag at `off`, by a machine's doing."""
        newest: Deployment = self._route.flag.history(1)[-1]
        change = newest.change
        is_machines = change is not None and change.who.writer is not Writer.PERSON
        return newest.completed if is_machines else None


def user_in(stage: Stage, bucket: str, prefix: str) -> str:
    """An id of nobody whom a canary of `stage` has for its candidate.

    `bucket` is the route's name, or that of its dataset: its routes share their users.

    Example:
        >>> user_in(Stage.canary(percent=50), "get-user", "a").startswith("drill-a-")
        True
    """
    ids = (f"drill-{prefix}-{number}" for number in itertools.count())
    percent = stage.percent
    return next(i for i in ids if is_in(i, percent, route=bucket, purpose="canary"))


def request(functions: Functions) -> dict[str, Any]:
    """What is asked: the first of the route's recorded requests that only reads, or nothing."""
    with suppress(RouteFilesError, FileNotFoundError):
        file = requests_file(variables(functions.comparing)[Variable.ROUTE_PACKAGE])
        for each in recorded(file):
            if front_door(each.event).method(each.event) in SAFE_METHODS:
                return each.event
    return HTTP_API.event(Request(method="GET", path="/"))


def times(
    written: Sequence[log_query.Line], off: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """When the first request failed on the candidate, and when the first after `off` met control.

    A request is told of in several lines: the candidate's, and those of control in its place.
    """
    of: dict[str, list[log_query.Line]] = {}
    for line in written:
        of.setdefault(str(line.fields.get("request_id")), []).append(line)
    failing, control = [], []
    for lines in of.values():
        asked = {line.fields.get(Dimension.VARIANT) for line in lines}
        fell = any(MetricName.FALLBACKS in line.fields for line in lines)
        at = min(_measured(line) for line in lines)
        if fell:
            failing.append(at)
        elif Variant.CANDIDATE not in asked and any(MetricName.REQUESTS in x.fields for x in lines):
            control.append(at)
    later = [at for at in control if off is not None and at >= off]
    return min(failing, default=None), min(later, default=None)


def _measured(line: log_query.Line) -> datetime:
    """The document's own time: a log's may be later."""
    at: float = line.fields.get("_aws", {}).get("Timestamp", line.at.timestamp() * 1_000)
    return datetime.fromtimestamp(at / 1_000, UTC)
