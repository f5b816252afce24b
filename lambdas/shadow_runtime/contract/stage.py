"""How far a route is: an ordered value."""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

STAGE_NAMES = ("off", "shadow", "canary", "live", "complete")
_CANARY = STAGE_NAMES.index("canary")
_TEXT = re.compile(r"canary\((?P<percent>\d+(?:\.\d+)?)%\)")


@dataclass(frozen=True, order=True, slots=True)
class Stage:
    """How many users the candidate may answer: `off < shadow < canary(p %) < live < complete`.

    `percent` is the share of users on the candidate in a canary, in steps of 0.01; 0 elsewhere.

    Example:
        >>> min(Stage.canary(percent=1), Stage.LIVE)
        canary(1%)

    Raises:
        ValueError: a percentage that is not over 0 and at most 100, or finer than 0.01.
    """

    OFF: ClassVar[Self]
    SHADOW: ClassVar[Self]
    LIVE: ClassVar[Self]
    COMPLETE: ClassVar[Self]

    rank: int
    percent: float = 0.0

    @classmethod
    def canary(cls, *, percent: float) -> Self:
        """The candidate answers `percent` of the users, always the same ones."""
        if not 0 < percent <= 100:
            raise ValueError(
                f"a canary takes over 0 and at most 100 percent of the users, got {percent!r}; "
                "for none use Stage.SHADOW, for all use Stage.LIVE"
            )
        if round(percent, 2) != percent:
            raise ValueError(f"a canary moves in steps of 0.01 percent, got {percent!r}")
        return cls(_CANARY, float(percent))

    @classmethod
    def of(cls, name: str, *, percent: float = 0.0) -> Self:
        """The stage called `name`; `percent` counts for `canary` only."""
        if name not in STAGE_NAMES:
            raise ValueError(f"unknown stage {name!r}; one of {', '.join(STAGE_NAMES)}")
        return cls.canary(percent=percent) if name == "canary" else cls(STAGE_NAMES.index(name))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The stage whose `str` is `text`, such as `live` or `canary(2.5%)`."""
        match = _TEXT.fullmatch(text)
        return cls.canary(percent=float(match["percent"])) if match else cls.of(text)

    @property
    def name(self) -> str:
        """The name in the flag: `off`, `shadow`, `canary`, `live` or `complete`."""
        return STAGE_NAMES[self.rank]

    @property
    def candidate_percent(self) -> float:
        """The share of users whom the candidate answers: 0 up to `shadow`, 100 from `live` on."""
        return self.percent if self.rank == _CANARY else 100.0 * (self.rank > _CANARY)

    def __str__(self) -> str:
        return f"canary({self.percent:g}%)" if self.rank == _CANARY else self.name

    __repr__ = __str__


Stage.OFF = Stage.of("off")
Stage.SHADOW = Stage.of("shadow")
Stage.LIVE = Stage.of("live")
Stage.COMPLETE = Stage.of("complete")
