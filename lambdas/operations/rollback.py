"""The way back: on a red exposure alarm the flag goes to `off`, at any moment."""

from dataclasses import dataclass

from operations.alarms import Call
from operations.flag_writer import lower
from operations.hosted_flag import HostedFlag
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What called and what was done; `changed` is false when the flag was at `off` before."""

    outcome: str
    changed: bool
    before: str
    alarm: str
    reason: str
    at: str


def roll_back(flag: HostedFlag, call: Call) -> RolledBack:
    """Stops a raise that is under way and deploys `off` to everybody. Again changes nothing.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    before = flag.deployed().position.stage
    changed = lower(flag, Stage.OFF, why=f"rollback: {call.name}")
    return RolledBack("off", changed, str(before), call.name, call.reason, call.at)
