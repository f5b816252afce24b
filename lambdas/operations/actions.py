"""What operations does with a route: rollback and clean-up. Neither can raise it."""

from dataclasses import dataclass

from operations.alarms import AlarmNotification
from operations.flag import HostedFlag, deprecate, lower
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did, and upon which alarm.

    `changed` is false when something else had moved the flag to `off`; an earlier attempt at the
    same notification counts as this rollback. `deployment` is the description of the deployment
    that serves `off`: why, and from which stage.

    Example:
        >>> RolledBack("off", changed=True, deployment="rollback: error-rate (from live to off)",
        ...            alarm="error-rate", reason="40 > 2", at="2030-01-09T03:00:00Z").changed
        True
    """

    outcome: str
    changed: bool
    deployment: str
    alarm: str
    reason: str
    at: str


def roll_back(flag: HostedFlag, alarm: AlarmNotification) -> RolledBack:
    """Stops a raise that is under way and deploys `off` to everybody. Again changes nothing.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    changed = lower(flag, Stage.OFF, why=f"rollback: {alarm.name} in ALARM since {alarm.at}")
    return RolledBack("off", changed, flag.description(), alarm.name, alarm.reason, alarm.at)


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What a clean-up found and did; `changed` is false when it was all done before that day.

    Example:
        >>> CleanedUp("off", changed=True, pruned=3)
        CleanedUp(outcome='off', changed=True, pruned=3)
    """

    outcome: str
    changed: bool
    pruned: int


def clean_up(flag: HostedFlag, *, today: str) -> CleanedUp:
    """Ends the migration: what is not `complete` goes to `off`, what is stays and is marked.

    Then deletes the hosted versions older than the deployed one. Running it again changes nothing.
    `today` is the date (YYYY-MM-DD) that goes into AppConfig's `_deprecation`.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    deployed, why = flag.deployed(), f"clean-up on {today}"
    if deployed.is_ours and deployed.position.stage == Stage.COMPLETE:
        outcome, changed = "deprecated", deprecate(flag, today, why=why)
    else:
        outcome, changed = "off", lower(flag, Stage.OFF, why=why)
    return CleanedUp(outcome, changed, flag.prune())
