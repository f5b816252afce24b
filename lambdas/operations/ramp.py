"""The ramp's tick: it looks, decides and acts. It remembers nothing: all is read anew each time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from judge import Counts, Decision, Outcome, Ramp, Seen, decide
from operations.flag import Deployed, Deployment, HostedFlag
from operations.moves import Objections, advance, lower
from operations.transitions import Change, Evidence, Who
from shadow_runtime.contract import Stage


class Proof(NamedTuple):
    """What was counted: of each version that answers, the newest first; and at this very stage."""

    counts: Mapping[str, Counts | None]
    pairs: int


class Sight(Protocol):
    """What is asked of the world, once a look."""

    def proof(self, stage: Stage | None, since: datetime | None) -> Proof:
        """What was counted; `since` everybody has the stage, and None while that is to come."""
        ...

    def objections(self, to: Stage) -> Sequence[str]:
        """Why nobody may be moved up to a stage now."""
        ...


class Look(NamedTuple):
    """What was seen; the deployment that it was seen of, and who made that."""

    seen: Seen
    deployed: Deployed
    change: Change | None


def look(flag: HostedFlag, world: Sight, *, ceiling: Stage, now: datetime) -> Look:
    """All that a decision is taken upon."""
    history, deployed = flag.history(), flag.deployed()
    since, lowered = standing(history, deployed)
    counts, pairs = world.proof(deployed.stage, since)
    seen = Seen(
        now=now,
        stage=deployed.stage,
        ceiling=ceiling,
        is_paused=deployed.is_paused,
        since=since,
        lowered=lowered,
        counts=counts,
        pairs=pairs,
        objections=world.objections(Stage.LIVE),
    )
    return Look(seen, deployed, history[-1].change)


def standing(history: Sequence[Deployment], deployed: Deployed) -> tuple[datetime | None, str]:
    """From when everybody has the stage that is deployed; and who moved it there, if down.

    None while that is still to come. `history` is of the deployments, the newest last, as they were
    before `deployed` was asked for. Who is not known any more counts as one who moved it down, and
    so does one who stopped a change of the stage: neither wants it raised by itself.
    """
    if history[-1].number != deployed.latest:
        return None, ""
    stopped, older = "", [*history]
    while older:
        each = older.pop()
        before = each.change.before if each.change else _stage_after(older)
        if each.is_taken_back:
            if before is None or before != each.stage:
                stopped = stopped or f"deployment {each.number} was taken back"
            continue
        if before is None or deployed.stage is None or before > deployed.stage:
            return each.completed, stopped or _said(each)
        if before < deployed.stage:
            return each.completed, stopped
    return history[0].completed, stopped or "nobody knows any more who moved it last"


def _stage_after(history: Sequence[Deployment]) -> Stage | None:
    """The stage that stood after those deployments; None where that is not known."""
    served = [each for each in history if not each.is_taken_back]
    return served[-1].stage if served else None


def _said(deployment: Deployment) -> str:
    return str(deployment.change or f"deployment {deployment.number}, by a console or a template")


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick decided, and what came of it.

    `changed` is false where there was nothing to do, and where another writer was faster: the next
    tick decides anew.

    Example:
        >>> Ticked("hold", changed=False, to="", why="paused", evidence={}).changed
        False
    """

    outcome: str
    changed: bool
    to: str
    why: str
    evidence: Evidence


def tick(
    flag: HostedFlag,
    ramp: Ramp,
    look: Callable[[], Look],
    *,
    objections: Objections,
    who: Who,
) -> Ticked:
    """Looks once, and takes one step at most: up by one, or to `off`.

    Nothing is kept of it but the flag and its deployments. A tick that is lost, late or doubled
    does no harm: what it would do is done upon the very deployment that it saw, or not at all.

    Raises:
        FlagWriterError: a raise was objected to after all, and taken back; or the flag could not
            be lowered.
    """
    seen, deployed, change = look()
    if change is not None and change.who == who:
        return _of_earlier_attempt(change)
    decision = decide(ramp, seen)
    return Ticked(
        decision.outcome,
        changed=_act(flag, decision, deployed, who, objections),
        to=str(decision.to or ""),
        why=decision.why,
        evidence=decision.evidence,
    )


def _of_earlier_attempt(change: Change) -> Ticked:
    """What an earlier attempt at the same tick did, and perhaps could tell nobody."""
    up = change.before is not None and change.before < change.after
    return Ticked(
        Outcome.ADVANCE if up else Outcome.ROLL_BACK,
        changed=True,
        to=str(change.after),
        why=change.why,
        evidence=change.evidence,
    )


def _act(
    flag: HostedFlag, decision: Decision, deployed: Deployed, who: Who, objections: Objections
) -> bool:
    why, evidence = decision.why, decision.evidence
    match decision:
        case Decision(Outcome.ADVANCE, Stage() as to):
            return advance(
                flag,
                to,
                upon=deployed,
                who=who,
                why=why,
                evidence=evidence,
                objections=objections,
            )
        case Decision(Outcome.ROLL_BACK, Stage() as to):
            return lower(flag, to, who=who, why=why, evidence=evidence)
    return False
