"""Where the flag can stand for a user, and who is then asked."""

from collections.abc import Callable

from shadow_runtime.contract import Position, Stage

EVERYBODY = Stage.canary(percent=100)
NEXT_TO_NOBODY = Stage.canary(percent=0.01)

STAGES: dict[str, Callable[[str], Position]] = {
    "off": lambda _: Position.OFF,
    "shadow": lambda _: Position(Stage.SHADOW),
    "canary, user of control": lambda user: Position(
        EVERYBODY if user else NEXT_TO_NOBODY, control_users=(user,)
    ),
    "canary, user of the candidate": lambda user: Position(NEXT_TO_NOBODY, candidate_users=(user,)),
    "live": lambda _: Position(Stage.LIVE),
    "complete": lambda _: Position(Stage.COMPLETE),
}

ON_CONTROL = ("off", "shadow", "canary, user of control")
ON_THE_CANDIDATE = ("canary, user of the candidate", "live", "complete")
WITH_A_STAND_IN = ("canary, user of the candidate", "live")
EXPOSED = ("canary, user of control", "canary, user of the candidate", "live")
"""Where users meet the candidate and a difference from control takes them back."""
