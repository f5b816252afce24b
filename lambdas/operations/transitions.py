"""Which moves a flag may make, and what is kept of each that it made. Pure: no AWS here."""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from judge import Ramp, step_after
from shadow_runtime.contract import STAGE_NAMES, Stage, Variable


@dataclass(frozen=True, slots=True)
class Transitions:
    """The one transition table, under one route's ceiling and along its ramp's steps.

    A move goes one stage up or down: off, shadow, canary, live, complete; within canary to any
    share; and to `off` from anywhere. `ceiling` is the highest stage that git allows. Where a ramp
    declares `steps`, canaries and `live` are reached from one step to the next only.

    Example:
        >>> table = Transitions(ceiling=Stage.LIVE)
        >>> table.refusal(Stage.OFF, Stage.SHADOW)
        >>> table.refusal(Stage.OFF, Stage.LIVE)
        'off to live skips shadow: move there first, or override with a reason'
    """

    ceiling: Stage = Stage.COMPLETE
    steps: tuple[Stage, ...] = ()

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The table that the environment variables of a function describe."""
        ramp = variables.get(Variable.RAMP)
        steps = Ramp.parse(ramp).stages if ramp else ()
        return cls(Stage.parse(variables[Variable.CEILING]), steps)

    def refusal(self, before: Stage | None, after: Stage, *, override: str = "") -> str | None:
        """Why the flag may not move from `before` to `after`, with the remedy; None when it may.

        `before` is None where what is deployed cannot be read. `override` is a reason; it passes
        all but the ceiling.
        """
        if after in (Stage.OFF, before):
            return None
        if after > self.ceiling and (before is None or after > before):
            return (
                f"{after} is over the ceiling, {self.ceiling}: raise `ceiling` in the route's "
                "stack and deploy, then move the flag"
            )
        if override.strip():
            return None
        if before is None:
            return "what is deployed cannot be read: move to off first, or override with a reason"
        if abs(after.rank - before.rank) > 1:
            skipped = STAGE_NAMES[before.rank + (1 if after > before else -1)]
            return (
                f"{before} to {after} skips {skipped}: move there first, or override with a reason"
            )
        if self.steps and before < after and Stage.SHADOW < after < Stage.COMPLETE:
            return self._beside_the_ramp(before, after)
        return None

    def path(self, before: Stage | None, after: Stage) -> list[Stage]:
        """The moves by which the table leads from `before` to `after`, the ceiling aside.

        Through a canary that nothing names it goes at 1 %.
        """
        if before is None:
            return [Stage.OFF, *(self.path(Stage.OFF, after) if after > Stage.OFF else [])]
        if replace(self, ceiling=Stage.COMPLETE).refusal(before, after) is None:
            return [after]
        step = step_after(self.steps, before) if Stage.SHADOW <= before < after else None
        if step and step < after:
            near = step
        elif abs(after.rank - before.rank) > 1:
            near = Stage.of(STAGE_NAMES[before.rank + (1 if after > before else -1)], percent=1)
        else:
            return [after]  # beside the ramp: no move leads there
        return [near, *self.path(near, after)]

    def _beside_the_ramp(self, before: Stage, after: Stage) -> str | None:
        step = step_after(self.steps, before)
        if after == step:
            return None
        following = f"whose next step is {step}" if step else f"which ends at {max(self.steps)}"
        return (
            f"{before} to {after} leaves the ramp, {following}: "
            f"{'move there' if step else 'add a step'}, or override with a reason"
        )


class Writer(StrEnum):
    """Who moves flags."""

    PERSON = "person"
    RAMP = "ramp"
    ROLLBACK = "rollback"
    CLEANUP = "cleanup"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True)
class Who:
    """One who moved a flag: a person by ARN; a machine by the id of its request, as its logs do.

    All attempts at one request share its id: what an earlier one did is known by it.

    Example:
        >>> str(Who(Writer.PERSON, "arn:aws:iam::111122223333:user/ada"))
        'person arn:aws:iam::111122223333:user/ada'
    """

    writer: Writer
    name: str

    def __str__(self) -> str:
        return f"{self.writer} {self.name}"


Evidence = Mapping[str, str | float | bool | None]
"""What a change was decided upon, by name."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is kept of a change of the flag, as the description of its deployment.

    `before` is None where what was deployed could not be read; it equals `after` where something
    else than the stage was changed.

    Example:
        >>> change = Change(Who(Writer.ROLLBACK, "5f3c"), "error-rate in ALARM", Stage.LIVE,
        ...                 Stage.OFF, {"alarm": "error-rate"})
        >>> change.description()
        '{"who": "rollback", "name": "5f3c", "why": "error-rate in ALARM", "from": "live", \
"to": "off", "evidence": {"alarm": "error-rate"}}'
        >>> Change.parse(change.description()) == change
        True
    """

    who: Who
    why: str
    before: Stage | None
    after: Stage
    evidence: Evidence = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.who.writer}: {self.why} (from {self.before or 'unreadable'} to {self.after})"

    def description(self) -> str:
        """JSON in ASCII, as AppConfig takes it: where it is too long, long texts lose their ends.

        Should that not be enough, the last of the evidence goes.
        """
        evidence = dict(self.evidence)
        while len(self._json(evidence, 0)) > _LONGEST_DESCRIPTION:
            evidence.popitem()
        fitting = bisect_right(
            range(1, _LONGEST_DESCRIPTION),
            _LONGEST_DESCRIPTION,
            key=lambda length: len(self._json(evidence, length)),
        )
        return self._json(evidence, fitting)

    def _json(self, evidence: Evidence, length: int) -> str:
        """Its texts are cut to so many characters."""
        kept = {
            "who": self.who.writer,
            "name": self.who.name[:length],
            "why": self.why[:length],
            "from": None if self.before is None else str(self.before),
            "to": str(self.after),
            "evidence": {
                name: value[:length] if isinstance(value, str) else _finite(value)
                for name, value in evidence.items()
            },
        }
        return json.dumps(kept)

    @classmethod
    def parse(cls, description: str) -> Self | None:
        """The change that a description keeps; None for one that a console or a template wrote."""
        try:
            kept = json.loads(description)
            before, after = kept["from"], Stage.parse(kept["to"])
            return cls(
                Who(Writer(kept["who"]), _text(kept["name"])),
                _text(kept["why"]),
                None if before is None else Stage.parse(before),
                after,
                {name: _scalar(value) for name, value in kept["evidence"].items()},
            )
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return None


_LONGEST_DESCRIPTION = 1_024
"""https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_StartDeployment.html"""


def _finite(value: float | bool | None) -> str | float | bool | None:
    """JSON knows no infinity, and no move fails for its evidence."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _scalar(value: object) -> str | float | bool | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, float | int | bool | None):
        raise TypeError(f"expected text, a number, true, false or null, got {value!r}")
    return _finite(value)
