"""What a route uses up in a month: by part of the machinery, so many of each priced item."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self, TypeAlias

from analysis.rollout import Rollout
from analysis.template import Stack
from shadow_runtime.contract import (
    DROPPED,
    MOST_NOISY_PATHS,
    POLL_INTERVAL,
    Dimension,
    MetricName,
    Stage,
    Variable,
    Variant,
)
from shadowctl.plan.dataset import DatasetUse
from shadowctl.plan.size import VARIABLES, FunctionSize


@dataclass(frozen=True, slots=True)
class Functions:
    """Those that requests and their copies run in.

    Example:
        >>> Functions.of(Stack.load(Path("cdk.out"), "GetUser")).candidate  # doctest: +SKIP
        FunctionSize(memory_mib=1024, architecture='arm64', at_once=None)
    """

    route: FunctionSize
    candidate: FunctionSize
    shadow: FunctionSize

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """The functions of the route whose stack it is.

        Raises:
            TemplateError: it has no route, or something is missing in it.
        """
        route = stack.the("AWS::Lambda::Function", *VARIABLES, Variable.CANDIDATE_DEADLINE_MS)
        candidate, shadow = (
            stack.referred(stack.referred(route, *VARIABLES, version), "FunctionName")
            for version in (Variable.CANDIDATE, Variable.SHADOW)
        )
        return cls(*map(FunctionSize.of, (route, candidate, shadow)))


# Custom metrics: each is paid for by the hour in which it is written, so each kind of them is
# listed here, and how often it is. A kind is a name and what it is counted by beside the route.

By: TypeAlias = tuple[tuple[Dimension, str | None], ...]
"""Dimensions with their one value, or with None, where one value is written at a time."""

Kinds: TypeAlias = Mapping[Stage, Mapping[By, tuple[MetricName, ...]]]
"""By the stage from which on they are written."""

_CANARY = Stage.canary(percent=0.01)
_ROUTE: By = ()
_CONTROL: By = ((Dimension.VARIANT, Variant.CONTROL),)
_CANDIDATE: By = ((Dimension.VARIANT, Variant.CANDIDATE),)
_EXPOSED: By = ((Dimension.EXPOSED, "true"),)
_VERSION: By = ((Dimension.VERSION, None),)
_PATH: By = ((Dimension.PATH, None),)
_JUDGED: By = ((Dimension.CANDIDATE_VERSION, None),)
_JUDGED_PAIRS: By = (*_JUDGED, (Dimension.ASKED_AGAIN, None))

_OF_A_SIDE = (MetricName.REQUESTS, MetricName.FAULTS, MetricName.LATENCY)
_OF_PAIRS = (MetricName.COMPARED, MetricName.MISMATCHED, MetricName.CANDIDATE_ERRORS)
_OF_VERDICTS = (
    *_OF_PAIRS,
    *(MetricName.EMPTY, MetricName.REFUSED, MetricName.FIRST_SIGHT, MetricName.UNSETTLED),
    *(MetricName.NOISE, MetricName.BOTH_DIFFER),
)
_OF_WHAT_USERS_SAW = (MetricName.COMPARED, MetricName.MISMATCHED, MetricName.CONTROL_ERRORS)

_OF_ALARMS = (MetricName.COMPARED, MetricName.WRONG)

OF_ROUTE: Kinds = {
    Stage.OFF: {
        _ROUTE: (
            *(MetricName.FLAG_AGE, MetricName.STAGE, MetricName.CANDIDATE_PERCENT),
            *(MetricName.UNREAD, MetricName.UNKEYED, MetricName.WRITES),
        ),
        _CONTROL: _OF_A_SIDE,
        _VERSION: (MetricName.FAILED,),
    },
    _CANARY: {
        _ROUTE: (
            *(MetricName.FALLBACKS, MetricName.TIMEOUTS),
            *(MetricName.SHORT_CIRCUITED, MetricName.STOOD_IN),
        ),
        _CANDIDATE: _OF_A_SIDE,
        _JUDGED: (MetricName.STOOD_IN,),
        _CANDIDATE + _JUDGED: (MetricName.REQUESTS, MetricName.FAULTS),
    },
}
OF_SHADOW: Kinds = {
    Stage.SHADOW: {
        _ROUTE: (
            *_OF_VERDICTS,
            *(MetricName.COPIES_SENT, MetricName.TEE_SKIPPED, MetricName.TEE_FAILED),
            *(MetricName.COPIES_LOST, MetricName.COPIES_DROPPED),
            *(*DROPPED, MetricName.DUPLICATE),
        ),
        _PATH: (MetricName.NOISE,),
        _JUDGED_PAIRS: _OF_VERDICTS,
    },
    _CANARY: {
        _EXPOSED: _OF_ALARMS,
        _VERSION: _OF_ALARMS,
        _CANDIDATE: _OF_WHAT_USERS_SAW,
        _CANDIDATE + _JUDGED: _OF_WHAT_USERS_SAW,
    },
}

OF_DATASET = (
    *(MetricName.UNRECONCILED, MetricName.DIRTY_READS),
    *(MetricName.REPAIRED, MetricName.FOLLOWER_LAG),
)
"""By dataset alone, by whichever route or function of it."""


def written(kinds: Kinds, ceiling: Stage) -> Iterator[tuple[MetricName, By]]:
    """Those of `kinds` that may be written up to `ceiling`."""
    for stage, by in kinds.items():
        if stage <= ceiling:
            yield from ((name, dimension) for dimension, names in by.items() for name in names)


def kinds(ceiling: Stage) -> int:
    """How many metrics may be written up to `ceiling`, each by one version at a time."""
    return sum(_values(by) for of in (OF_ROUTE, OF_SHADOW) for _, by in written(of, ceiling))


def _values(by: By) -> int:
    """How many values a dimension may have at a time."""
    return MOST_NOISY_PATHS if by == _PATH else 1


ON_OCCASION = frozenset(
    {
        *(MetricName.FAULTS, MetricName.FAILED, MetricName.FALLBACKS, MetricName.TIMEOUTS),
        *(MetricName.SHORT_CIRCUITED, MetricName.UNREAD, MetricName.UNKEYED, MetricName.WRITES),
        *(MetricName.MISMATCHED, MetricName.CANDIDATE_ERRORS, MetricName.WRONG),
        *(MetricName.STOOD_IN, MetricName.CONTROL_ERRORS, MetricName.BOTH_DIFFER),
        *(MetricName.FIRST_SIGHT, MetricName.UNSETTLED, MetricName.EMPTY, MetricName.REFUSED),
        *(MetricName.TEE_SKIPPED, MetricName.TEE_FAILED, MetricName.COPIES_DROPPED, *DROPPED),
        *(MetricName.DUPLICATE, MetricName.NOISE, MetricName.COPIES_LOST, MetricName.FLAG_AGE),
    }
)
"""What is written when it happens, and not for each request or copy."""

ON_CHANGE = frozenset({MetricName.STAGE, MetricName.CANDIDATE_PERCENT})
"""What an execution environment writes when it begins, and when the flag moves."""

ONE_IN = 1_000
"""Requests, or copies, to each that something happens to: as of what fails while all is well."""


# A month

DAYS = 30
"""Of a month."""

CALL_MS = 10
"""For handing a request, or a copy, to another function."""

AT_PEAK = 10
"""The busiest moment of a day, in times of its average."""

LIVES_HOURS = 2
"""How long an execution environment lives before Lambda replaces it."""

LAMBDA_BYTES = 250
"""Lambda's own three lines about an invocation."""

ROUTE_BYTES, CANDIDATE_BYTES, SENT_BYTES = 380, 525, 300
"""Of a request, in lines of ours: with control, with the candidate; what a copy adds to them."""

LOOKS = 2
"""Items that a read looks up: the register, and the mark of its key. An intent that is reconciled
takes as many."""

MESSAGES = 3
"""Requests of the queue for an intent: it is sent, received and deleted."""

RECONCILE_MS = 50
"""For asking the register and both stores for a key."""

POLLS = 5 * 3
"""Of an empty queue a minute: five at a time, each for twenty seconds.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

SWEEP_MS = 100
"""For a look at the marks, every five minutes."""

COPY_BYTES, EXPOSED_BYTES, SERVED_BYTES = 555, 630, 715
"""Of a copy: in stage `shadow`, while users are exposed, and when a user had the candidate's."""

_SECONDS = 86_400 * DAYS
_HOURS = 24 * DAYS


class Part(StrEnum):
    """What it is used up by."""

    ROUTE = "route"
    CANDIDATE = "candidate"
    SHADOW = "shadow"
    FLAG = "flag"
    DATASET = "dataset"
    SHARED = "shared"
    WATCHING = "watching"


class Line(NamedTuple):
    """So many of an item of the price table."""

    part: Part
    quantity: float
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Thirty ordinary days at the ceiling, while all is well.

    Example:
        >>> month = Month(requests_per_day=1_000_000, ceiling=Stage.canary(percent=2),
        ...               functions=functions, alarm_metrics=23)  # doctest: +SKIP
        >>> month.requests, month.on_candidate, month.copies  # doctest: +SKIP
        (30000000, 600000.0, 30000000.0)

    Attributes:
        requests_per_day: of all users.
        ceiling: the flag is taken to be there.
        functions: their memory decides what a second costs.
        alarm_metrics: metrics that the alarms look at, each as often as one does.
        dashboards: none or one.
        control_ms: what control takes for an answer.
        candidate_ms: what the candidate does.
        shadow_percent: requests that are copied, where the stage copies any.
        dataset: what the route reads or writes, if anything; `synced` past `shadow`.
    """

    requests_per_day: float
    ceiling: Stage
    functions: Functions
    alarm_metrics: int
    dashboards: int = 1
    control_ms: float = 20
    candidate_ms: float = 60
    shadow_percent: float = 100
    dataset: DatasetUse | None = None

    @classmethod
    def of(
        cls, stack: Stack, rollout: Rollout, *, control_ms: float = 20, candidate_ms: float = 60
    ) -> Self:
        """A month of the route whose stack and rollout these are.

        Raises:
            TemplateError: something is missing in the template; what, and where.
        """
        alarms = (rollout.code_alarms, rollout.exposure_alarms, rollout.operational_alarms)
        return cls(
            requests_per_day=rollout.traffic.requests_per_day,
            ceiling=rollout.ceiling,
            functions=Functions.of(stack),
            alarm_metrics=sum(len(alarm.metrics) for each in alarms for alarm in each.values()),
            dashboards=len(stack.all("AWS::CloudWatch::Dashboard")),
            control_ms=control_ms,
            candidate_ms=candidate_ms,
        )

    @property
    def requests(self) -> float:
        """Of all users."""
        return DAYS * self.requests_per_day

    @property
    def on_candidate(self) -> float:
        """Requests of the candidate's users."""
        return self.requests * self._part

    @property
    def writes(self) -> float:
        """Requests that change what other routes read."""
        return self.requests * self.dataset.writes if self.dataset else 0

    @property
    def announced(self) -> float:
        """Writes that are copied to the side that is not the authority, for all users."""
        return self.writes if Stage.SHADOW <= self.ceiling < Stage.COMPLETE else 0

    @property
    def copies(self) -> float:
        """Requests that are copied."""
        copies_any = Stage.SHADOW <= self.ceiling < Stage.COMPLETE
        return copies_any * self.requests * self.shadow_percent / 100

    @property
    def copies_at_once(self) -> float:
        """How many the shadow works at, on average."""
        return self.copies * self._copy_ms / 1_000 / _SECONDS

    @property
    def environments(self) -> int:
        """Execution environments of the route that live at once."""
        busy_ms = self._route_ms + self.copies * CALL_MS
        return math.ceil(AT_PEAK * busy_ms / 1_000 / _SECONDS)

    def lines(self) -> list[Line]:
        """All that is used up, in the order of the parts."""
        parts = (
            *(self._by_route, self._by_candidate, self._by_shadow, self._by_flag),
            *(self._by_dataset, self._by_shared_dataset, self._watching),
        )
        return [line for part in parts for line in part() if line.quantity]

    @property
    def _part(self) -> float:
        return self.ceiling.candidate_percent / 100

    @property
    def _route_ms(self) -> float:
        """Control's work, and waiting for the candidate's; for a write, for what it takes beside.

        That is a read of the register and, where it is announced, a message and both sides.
        """
        read = self.requests - self.announced
        on_candidate = read * self._part
        waited = on_candidate * (self.candidate_ms + CALL_MS) + self.writes * CALL_MS
        announced = self.announced * (self.control_ms + self.candidate_ms + 2 * CALL_MS)
        return (read - on_candidate) * self.control_ms + waited + announced

    @property
    def _copy_ms(self) -> float:
        """The side that did not answer works for a copy."""
        return (1 - self._part) * self.candidate_ms + self._part * self.control_ms

    def _by_route(self) -> Iterator[Line]:
        function = self.functions.route
        yield Line(Part.ROUTE, self.requests, "Lambda requests")
        yield Line(
            Part.ROUTE,
            function.gb_seconds(self._route_ms),
            f"Lambda GB-s on {function.architecture}",
        )
        of_ours = ROUTE_BYTES + self._part * (CANDIDATE_BYTES - ROUTE_BYTES)
        logged = self.requests * (of_ours + LAMBDA_BYTES) + self.copies * SENT_BYTES
        yield Line(Part.ROUTE, _gb(logged), "GB of logs")
        yield Line(
            Part.ROUTE,
            self._metrics(OF_ROUTE, self.requests, of_candidate=self.on_candidate),
            "custom metrics",
        )

    def _by_candidate(self) -> Iterator[Line]:
        """Asked for its users, and given the state of each write, whoever's it is."""
        function = self.functions.candidate
        asked = self.announced + (self.requests - self.announced) * self._part
        yield Line(Part.CANDIDATE, asked, "Lambda requests")
        yield Line(
            Part.CANDIDATE,
            function.gb_seconds(asked * self.candidate_ms),
            f"Lambda GB-s on {function.architecture}",
        )
        yield Line(Part.CANDIDATE, _gb(asked * LAMBDA_BYTES), "GB of logs")

    def _by_shadow(self) -> Iterator[Line]:
        """With the route's waiting until a copy is sent."""
        function, sender = self.functions.shadow, self.functions.route
        worked = function.gb_seconds(self.copies * self._copy_ms)
        sent = sender.gb_seconds(self.copies * CALL_MS)
        metrics = self._metrics(OF_SHADOW, self.copies, of_candidate=self.copies * self._part)
        yield Line(Part.SHADOW, self.copies, "Lambda requests")
        yield Line(Part.SHADOW, worked + sent, f"Lambda GB-s on {function.architecture}")
        yield Line(Part.SHADOW, _gb(self.copies * self._bytes_of_a_copy), "GB of logs")
        yield Line(Part.SHADOW, metrics, "custom metrics")
        yield Line(Part.SHADOW, 1, "secrets")

    @property
    def _bytes_of_a_copy(self) -> float:
        """Lines by what is counted of it: control's answer or the candidate's, exposed or not."""
        of_control = EXPOSED_BYTES if self._part else COPY_BYTES
        return LAMBDA_BYTES + (1 - self._part) * of_control + self._part * SERVED_BYTES

    def _metrics(self, kinds: Kinds, events: float, *, of_candidate: float) -> float:
        """How many of `kinds` are written on average, for `events` of which so many are its."""
        by_side: dict[By, float] = {_CONTROL: events - of_candidate, _CANDIDATE: of_candidate}
        hours = 0.0
        for name, by in written(kinds, self.ceiling):
            values = _values(by)
            hours += values * self._hours_of(name, by_side.get(by[:1], events) / values)
        return hours / _HOURS

    def _hours_of(self, name: MetricName, events: float) -> float:
        """Hours of the month in which `name` is written, for so many requests or copies."""
        if name in ON_CHANGE:
            events = min(self.requests, self._begun)
        elif name in ON_OCCASION:
            events /= ONE_IN
        return -_HOURS * math.expm1(-events / _HOURS)

    @property
    def _begun(self) -> float:
        """Execution environments of the route that begin."""
        return self.environments * _HOURS / LIVES_HOURS

    def _by_flag(self) -> Iterator[Line]:
        polls = self.environments * _SECONDS / POLL_INTERVAL
        yield Line(Part.FLAG, min(self.requests, polls), "AppConfig requests")
        yield Line(Part.FLAG, min(self.requests, self._begun), "configurations received")

    def _by_dataset(self) -> Iterator[Line]:
        """What the route's own requests take of it."""
        if self.dataset is None or self.ceiling == Stage.COMPLETE:
            return  # whoever has read that it is complete asks no more
        function = self.dataset.reconciler
        looked_up = LOOKS * (self.requests - self.writes + self.announced) + self.writes
        yield Line(Part.DATASET, looked_up, "DynamoDB read units")
        yield Line(Part.DATASET, MESSAGES * self.announced, "SQS FIFO requests")
        yield Line(Part.DATASET, self.announced, "Lambda requests")
        yield Line(
            Part.DATASET,
            function.gb_seconds(self.announced * RECONCILE_MS),
            f"Lambda GB-s on {function.architecture}",
        )
        yield Line(Part.DATASET, _gb(self.announced * LAMBDA_BYTES), "GB of logs")

    def _by_shared_dataset(self) -> Iterator[Line]:
        """What it takes by itself, however many routes have it."""
        if self.dataset is None:
            return
        function, sweeps = self.dataset.operations, _HOURS * 60 / 5
        yield Line(Part.SHARED, _HOURS * 60 * POLLS, "SQS FIFO requests")
        yield Line(Part.SHARED, sweeps, "Lambda requests")
        yield Line(
            Part.SHARED,
            function.gb_seconds(sweeps * SWEEP_MS),
            f"Lambda GB-s on {function.architecture}",
        )
        yield Line(Part.SHARED, len(OF_DATASET), "custom metrics")
        yield Line(Part.SHARED, self.dataset.alarms, "metrics of alarms")

    def _watching(self) -> Iterator[Line]:
        yield Line(Part.WATCHING, self.alarm_metrics, "metrics of alarms")
        yield Line(Part.WATCHING, self.dashboards, "dashboards")
        yield Line(Part.WATCHING, _SECONDS * _traced(self.requests / _SECONDS), "X-Ray traces")


def _gb(size: float) -> float:
    return size / 1e9


def _traced(a_second: float) -> float:
    """Lambda records the first request of a second, and 5 % of the others."""
    first = 1 - math.exp(-a_second)
    return first + 0.05 * (a_second - first)
