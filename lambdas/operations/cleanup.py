"""The end of a migration, seven days after launch."""

from dataclasses import dataclass

from operations.flag_writer import deprecate, lower
from operations.hosted_flag import HostedFlag
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What a clean-up found and did; `changed` is false when it was all done before."""

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
    deployed = flag.deployed()
    if deployed.is_ours and deployed.position.stage == Stage.COMPLETE:
        outcome, changed = "deprecated", deprecate(flag, today, why="clean-up: migration complete")
    else:
        outcome, changed = "off", lower(flag, Stage.OFF, why="clean-up: the time is over")
    return CleanedUp(outcome, changed, flag.prune())
