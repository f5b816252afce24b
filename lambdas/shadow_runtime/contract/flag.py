"""The flag document: seeded at synth, read by the route, rewritten by operations.

Its schema is AppConfig's own:
https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from shadow_runtime.contract.names import FLAG_KEY
from shadow_runtime.contract.stage import STAGE_NAMES, Stage


class FlagError(ValueError):
    """The flag cannot be read: what was found, and what was expected."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the flag says the route is.

    `shadow_percent` is the share of requests that are copied to the candidate, 0 to 100.
    `candidate_users` and `control_users` are answered by that side whatever their bucket says, from
    stage `canary` on.

    Example:
        >>> Position.read({"enabled": True, "stage": "canary", "canary_percent": 2,
        ...                "shadow_percent": 50})
        Position(stage=canary(2%), shadow_percent=50.0, candidate_users=(), control_users=())
    """

    OFF: ClassVar[Self]

    stage: Stage
    shadow_percent: float = 100.0
    candidate_users: tuple[str, ...] = ()
    control_users: tuple[str, ...] = ()

    @classmethod
    def read(cls, values: object) -> Self:
        """The position in one flag's values, as AppConfig serves them.

        A disabled flag is `off`: the console's toggle is a kill switch. A canary of 0 % is
        `shadow`.

        Raises:
            FlagError: no known stage, a percentage out of range, users that are no strings.
        """
        if not isinstance(values, Mapping):
            raise FlagError(f"the flag must be an object, got {values!r}")
        enabled = values.get("enabled")
        if enabled is False:
            return cls(Stage.OFF)
        if enabled is not True:
            raise FlagError(f"enabled must be true or false, got {enabled!r}")
        name, canary = str(values.get("stage")), _percentage(values, "canary_percent")
        if name == "canary" and canary == 0:  # a person who writes 0 means nobody
            name = "shadow"
        try:
            stage = Stage.of(name, percent=canary)
        except ValueError as error:
            raise FlagError(str(error)) from error
        return cls(
            stage,
            _percentage(values, "shadow_percent"),
            _users(values, "candidate_users"),
            _users(values, "control_users"),
        )

    def values(self) -> dict[str, Any]:
        """The flag's values that `read` turns back into this position."""
        return {
            "enabled": True,
            "stage": self.stage.name,
            "canary_percent": self.stage.percent,
            "shadow_percent": self.shadow_percent,
            "candidate_users": [*self.candidate_users],
            "control_users": [*self.control_users],
        }


Position.OFF = Position(Stage.OFF)


def flag_document(position: Position) -> dict[str, Any]:
    """The whole hosted document at `position`, with the constraints that AppConfig enforces."""
    percentage = {"type": "number", "minimum": 0, "maximum": 100, "required": True}
    users = {"type": "array", "elements": {"type": "string"}}
    return {
        "version": "1",
        "flags": {
            FLAG_KEY: {
                "name": FLAG_KEY,
                "attributes": {
                    "stage": {
                        "constraints": {"type": "string", "enum": [*STAGE_NAMES], "required": True}
                    },
                    "canary_percent": {"constraints": percentage},
                    "shadow_percent": {"constraints": percentage},
                    "candidate_users": {"constraints": users},
                    "control_users": {"constraints": users},
                },
            }
        },
        "values": {FLAG_KEY: position.values()},
    }


def _percentage(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise FlagError(f"{name} must be a number from 0 to 100, got {value!r}")
    return float(value)


def _users(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    users = values.get(name, [])
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise FlagError(f"{name} must be a list of user ids, got {users!r}")
    return tuple(users)
