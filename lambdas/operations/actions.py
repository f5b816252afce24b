"""What operations does with a route: rollback, check and clean-up. None can raise it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from operations.alarms import AlarmNotification, ExposureAlarm
from operations.clean_up import Ending, Seen, decide
from operations.flag import FlagWriterError, HostedFlag
from operations.moves import deprecate, lower, was_done
from operations.transitions import Evidence, Who
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did, upon which alarm, and whether its message came or its state was seen.

    `changed` is false when something else had moved the flag to `off`; an earlier attempt at the
    same request counts as this rollback. `deployment` says who moved the flag to `off`, why, and
    from which stage; it is empty where a console did.

    Example:
        >>> RolledBack("off", changed=True, deployment="rollback: error-rate (from live to off)",
        ...            alarm="error-rate", alarm_says="the candidate failed", reason="40 > 2",
        ...            at="2030-01-09T03:00:00Z", by_message=True).changed
        True
    """

    outcome: str
    changed: bool
    deployment: str
    alarm: str
    alarm_says: str
    reason: str
    at: str
    by_message: bool


def roll_back(flag: HostedFlag, alarm: AlarmNotification, *, who: Who) -> RolledBack:
    """Stops a raise that is under way and deploys `off` to everybody. Again changes nothing.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    return _rolled_back(flag, alarm, who, by_message=True)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw: where the flag is, and the states of the alarms where users are exposed.

    Example:
        >>> Checked("shadow", {}, None).rollback is None
        True
    """

    stage: str
    states: Mapping[str, str]
    rollback: RolledBack | None


def check(
    flag: HostedFlag,
    names: Sequence[str],
    describe: Callable[[Sequence[str]], Mapping[str, ExposureAlarm]],
    *,
    who: Who,
) -> Checked:
    """Rolls back when users are exposed under a red alarm, whose message was lost then.

    Nobody is exposed at `off` and `shadow`, so that it does nothing there. Asked again, early or
    late, it changes nothing; further attempts of `who` at one check say what the first did.

    Raises:
        FlagWriterError: one of the alarms is not there, or the flag could not be moved.
    """
    deployed = flag.deployed()
    stage = deployed.position.stage
    if stage <= Stage.SHADOW and not was_done(flag, who):
        return Checked(str(stage), {}, None)
    alarms = describe(names)
    states = {name: alarm.changed.state for name, alarm in alarms.items()}
    red = [alarm.changed for alarm in alarms.values() if alarm.is_red]
    if red:
        done = _rolled_back(flag, red[0], who, by_message=False)
        return Checked(str(stage), states, done)
    if missing := [name for name in names if name not in alarms]:
        raise FlagWriterError(
            f"users are exposed, and there is no alarm {' and no '.join(missing)}: deploy the "
            "stack that makes it, or move the flag to shadow"
        )
    return Checked(str(stage), states, None)


def _rolled_back(
    flag: HostedFlag, alarm: AlarmNotification, who: Who, *, by_message: bool
) -> RolledBack:
    why = f"{alarm.name} in ALARM since {alarm.at}"
    evidence: Evidence = {"reason": alarm.reason, "by_message": by_message}
    changed = lower(flag, Stage.OFF, who=who, why=why, evidence=evidence)
    change = flag.change(flag.deployed().number)
    return RolledBack(
        "off",
        changed,
        deployment=str(change or ""),
        alarm=alarm.name,
        alarm_says=alarm.description,
        reason=alarm.reason,
        at=alarm.at,
        by_message=by_message,
    )


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What a clean-up found and did; `changed` is false when it was all done before.

    `stage` is where it found the route on that `day` after it was due, `reason` why it did that,
    and `lacks` what keeps the route from being finished. `deployment` says who moved or marked the
    flag and why, where this clean-up did. It looks again on the day `again`, if it does.

    Example:
        >>> CleanedUp("off", changed=True, pruned=3, stage="shadow", day=7, reason="", lacks=(),
        ...           deployment="cleanup: … (from shadow to off)", again="").is_news
        True
    """

    outcome: str
    changed: bool
    pruned: int
    stage: str
    day: int
    reason: str
    lacks: tuple[str, ...]
    deployment: str
    again: str

    @property
    def is_news(self) -> bool:
        """Whether people are to hear of it: not each day that what was settled still is."""
        return self.changed or self.day <= 0 or self.outcome in (Ending.REARMED, Ending.STAYED)


def clean_up(flag: HostedFlag, seen: Seen, *, who: Who) -> CleanedUp:
    """Does with the route what the table of `operations.clean_up` says.

    Where it is settled, hosted versions older than the deployed one are deleted. Running it again
    changes nothing.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    decision = decide(seen)
    why, evidence = decision.why, decision.evidence(seen)
    match decision.outcome:
        case Ending.OFF:
            changed = lower(flag, Stage.OFF, who=who, why=why, evidence=evidence)
        case Ending.RETIRED:
            day = f"{seen.now:%Y-%m-%d}"
            changed = deprecate(flag, day, who=who, why=why, evidence=evidence)
        case Ending.REARMED | Ending.STAYED:
            changed = False
    is_settled = decision.outcome is not Ending.REARMED
    return CleanedUp(
        decision.outcome,
        changed,
        pruned=flag.prune() if is_settled else 0,
        stage="unreadable" if seen.stage is None else str(seen.stage),
        day=seen.day,
        reason=decision.row.reason,
        lacks=decision.lacks,
        deployment=str(flag.change(flag.deployed().number) or "") if changed else "",
        again="" if is_settled else f"{seen.again:%Y-%m-%d}",
    )
