"""What is known of a route at one moment: read once, told to people and to machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from analysis.alarms import Alarm
from judge import (
    Counts,
    Decision,
    Judgement,
    Ramp,
    Tolerances,
    Verdict,
    decide,
    judge,
    step_after,
)
from operations.counts import Found, candidate_versions, counted
from operations.dataset_function import DatasetStatus
from operations.dataset_needs import lacks
from operations.flag import Deployed, Deployment
from operations.guards import Guards, objections, unfit
from operations.observer import Observer
from operations.ramp import Proof
from operations.ramp import look as ramp_look
from shadow_runtime.contract import Stage
from shadowctl.dataset.screen import document
from shadowctl.deployed import DeployedRoute
from shadowctl.distance import MINUTE_S, Distance, definitions, distances
from shadowctl.failures import EXPECTED, in_one_line
from shadowctl.route import Route
from shadowctl.schedule import clean_up_at
from shadowctl.verb import ExitCode

_CHANGES = 3
_FAR = 24 * 365
"""Hours after which nobody waits for a verdict."""

_CODES = {
    Verdict.PASS: ExitCode.DONE,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.FAIL: ExitCode.FAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Of the alarms: their definitions, where CloudWatch has none, and how long a minute lasts.

    The embedded AWS knows no formulas, and its minutes are shorter.
    """

    alarms: Mapping[str, Alarm] | None = None
    minute_s: float = MINUTE_S


AWS = Clock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """An exposure alarm: its state, how far from red it is, and why it could take nobody back.

    `distance` is None of one that looks at other alarms, or that is not there.
    """

    name: str
    state: str
    distance: Distance | None
    faults: Sequence[str]

    @property
    def is_red(self) -> bool:
        """Whether it is in ALARM."""
        return self.state == "ALARM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A route at the moment `now`.

    Attributes:
        asked: as an operator names it.
        is_embedded: whether it is on the embedded AWS.
        name: as its metrics and logs name it.
        deployed: what the flag says.
        ceiling: how far it may go.
        guards: its exposure alarms.
        notices: what else keeps users from the candidate, or makes the canary smaller.
        version: of the candidate, that is judged.
        beside: other versions that answer.
        found: what was counted of it; None before it was asked.
        judgement: what that proves.
        history: the last changes, the newest last.
        clean_up: when it is to happen; None where no schedule says so.
        decision: what its ramp would do now, and why; None where it has none.
        is_open: whether nothing here says how many users the next canary takes.
        dataset: where its data is; None of a route that has none.
    """

    now: datetime
    asked: str
    is_embedded: bool
    name: str
    deployed: Deployed
    ceiling: Stage
    guards: Sequence[Guard]
    notices: Sequence[str]
    version: str
    beside: Sequence[str]
    found: Found | None
    judgement: Judgement
    history: Sequence[Deployment]
    clean_up: datetime | None
    decision: Decision | None
    is_open: bool
    dataset: "DatasetStatus | Unseen | None" = None

    @property
    def stage(self) -> Stage:
        """The one that acts: the lower one of position and ceiling; unreadable it is `off`."""
        return min(self.deployed.stage or Stage.OFF, self.ceiling)

    @property
    def answers(self) -> str:
        """Who answers the users, in words."""
        return self.stage.answers if self.deployed.is_ours else _UNREADABLE

    @property
    def red(self) -> list[str]:
        """The guards that are in ALARM, by name."""
        return [guard.name for guard in self.guards if guard.is_red]

    @property
    def running(self) -> Deployment | None:
        """The deployment that has not reached everybody yet."""
        newest = self.history[-1] if self.history else None
        return newest if newest and self.deployed.is_running else None

    @property
    def needed(self) -> int | None:
        """About how many more pairs decide; 0 where they have, None where no number would."""
        wanted = [
            result.needed for result in self.judgement.results if result.criterion != "faults"
        ]
        return None if None in wanted else max((each or 0 for each in wanted), default=0)

    @property
    def decided_at(self) -> datetime | None:
        """When they will be there at the pace of the last day; None where that cannot be told."""
        pace = self.found.pairs_an_hour(self.now) if self.found else 0
        if not self.needed or not pace or self.stage == Stage.OFF or self.needed > _FAR * pace:
            return None
        return self.now + self.needed / pace * timedelta(hours=1)

    @property
    def code(self) -> ExitCode:
        """4 where a guard is red or cannot act, or the flag is unreadable; else the verdict's."""
        if self.red or any(guard.faults for guard in self.guards) or not self.deployed.is_ours:
            return ExitCode.FAIL
        return _CODES[self.judgement.verdict]

    def document(self) -> dict[str, Any]:
        """For machines."""
        counts = self.found.counts if self.found else None
        return {
            "at": self.now.isoformat(),
            "asked": self.asked,
            "route": self.name,
            "stage": str(self.stage),
            "position": str(self.deployed.stage) if self.deployed.is_ours else None,
            "ceiling": str(self.ceiling),
            "answers": self.answers,
            "guards": [_guard(each) for each in self.guards],
            "notices": [*self.notices],
            "verdict": {
                "verdict": self.judgement.verdict,
                "version": self.version,
                "beside": [*self.beside],
                "since": self.found and self.found.since.isoformat(),
                "said": self.judgement.message.splitlines(),
                "needed": self.needed,
                "decided_at": self.decided_at and self.decided_at.isoformat(),
            },
            "evidence": counts
            and {
                "pairs": counts.pairs,
                "content": counts.content,
                "empty": counts.empty,
                "refused": counts.refused,
                "mismatches": counts.mismatches,
                "both_differ": counts.hidden,
                "first_sights": counts.first_sights,
                "requests": counts.asked.total,
                "faults": counts.asked.worse,
                "hours": counts.hours,
            },
            "ramp": self.decision and {"outcome": self.decision.outcome, "why": self.decision.why},
            "clean_up": self.clean_up and self.clean_up.isoformat(),
            "dataset": self.dataset and _data(self.dataset),
            "history": [_change(each) for each in self.history],
        }


_UNREADABLE = "what is deployed cannot be read; in doubt control answers"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A route that could not be looked at, and why."""

    name: str
    why: str

    code = ExitCode.ERROR

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {"route": self.name, "error": self.why}


def _data(dataset: DatasetStatus | Unseen) -> dict[str, Any]:
    if isinstance(dataset, Unseen):
        return {"dataset": dataset.name, "error": dataset.why}
    return document(dataset)


def _guard(guard: Guard) -> dict[str, Any]:
    distance = guard.distance
    told = {each: getattr(distance, each) for each in Distance.__slots__} if distance else None
    return {
        "name": guard.name,
        "state": guard.state,
        "distance": told,
        "can_act": not guard.faults,
        "faults": [*guard.faults],
    }


def _change(deployment: Deployment) -> dict[str, Any]:
    change = deployment.change
    return {
        "number": deployment.number,
        "state": deployment.state,
        "percent": deployment.percent,
        "started": deployment.started.isoformat(),
        "completed": deployment.completed and deployment.completed.isoformat(),
        "who": str(change.who) if change else None,
        "why": change.why if change else None,
        "from": str(change.before) if change and change.before else None,
        "to": str(change.after) if change else None,
    }


def look(
    held: DeployedRoute,
    aws: boto3.Session,
    *,
    asked: str,
    tolerances: Mapping[str, float],
    version: str | None = None,
    since: datetime | None = None,
    clock: Clock = AWS,
) -> Status:
    """A route as it is now.

    `asked` is how an operator names it; `tolerances` go before those of its ramp. `version` is the
    candidate's - the newest that a version of the route calls. `since` is where its counts begin -
    where it was first asked.

    Raises:
        FlagWriterError: the flag was never deployed.
        botocore.exceptions.ClientError: one may not look.
    """
    now = datetime.now(UTC)
    route, cloudwatch = Route.of(held, aws), aws.client("cloudwatch")
    answering = candidate_versions(aws.client("lambda"), route.function)
    judged = version or answering[0]
    found = counted(cloudwatch, route.name, version=judged, since=since)
    guards, ratio = route.guards(), route.sample_ratio()
    alarms = clock.alarms or definitions(cloudwatch, guards.names)
    far = distances(
        cloudwatch,
        {name: alarm for name, alarm in alarms.items() if name in guards.names},
        now=now,
        minute_s=clock.minute_s,
    )
    ramp, settings = held.settings.ramp, held.settings
    observer = Observer(aws, settings, route.flag, held.function)
    dataset = _dataset(observer)
    objected = [*objections(guards, ratio), *filter(None, [lacking(dataset, Stage.LIVE)])]
    sight = _Sight(observer, objected)
    deployed, steps = route.flag.deployed(), route.flag.transitions.steps
    is_open = deployed.position.stage == Stage.SHADOW and not step_after(steps, Stage.SHADOW)
    return Status(
        now=now,
        asked=asked,
        is_embedded=clock is not AWS,
        name=route.name,
        deployed=deployed,
        ceiling=route.ceiling,
        guards=[_of(guards, name, far.get(name)) for name in guards.names],
        notices=[each for each in ((ratio.objection, ratio.notice) if ratio else ()) if each],
        version=judged,
        beside=[each for each in answering if each != judged],
        found=found,
        judgement=judge(
            found.counts if found else Counts(),
            replace(ramp.tolerances if ramp else Tolerances(), **tolerances),
        ),
        history=route.flag.history(_CHANGES),
        clean_up=clean_up_at(held, aws),
        decision=_decision(ramp, route, sight, now) if ramp else None,
        is_open=is_open and route.ceiling >= Stage.LIVE,
        dataset=dataset,
    )


def _dataset(observer: Observer) -> DatasetStatus | Unseen | None:
    function = observer.dataset()
    if function is None:
        return None
    try:
        return function.status()
    except EXPECTED as error:
        return Unseen(function.name, in_one_line(error))


def lacking(dataset: DatasetStatus | Unseen | None, to: Stage) -> str:
    """Why a route may not go up to a stage for its dataset's sake; empty if it may."""
    if isinstance(dataset, Unseen):
        return f"the dataset {dataset.name} does not answer ({dataset.why})"
    return lacks(dataset, to) if dataset else ""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the ramp would see: the guards are those that are shown, and not asked for again."""

    observer: Observer
    objected: Sequence[str]

    def proof(self, stage: Stage | None, since: datetime | None) -> Proof:
        return self.observer.proof(stage, since)

    def objections(self, _to: Stage) -> Sequence[str]:
        return self.objected


def _decision(ramp: Ramp, route: Route, sight: _Sight, now: datetime) -> Decision:
    return decide(ramp, ramp_look(route.flag, sight, ceiling=route.ceiling, now=now).seen)


def _of(guards: Guards, name: str, distance: Distance | None) -> Guard:
    alarm = guards.alarms.get(name)
    state = alarm.changed.state if alarm else "missing"
    return Guard(name=name, state=state, distance=distance, faults=[*unfit(guards, name)])
