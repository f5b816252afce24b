"""How much more often one side is bad than the other, and what that proves."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Self

from judge.bounds import Bounds, rate_bounds

_MOSTLY = 0.5
"""Of the baseline, bad for certain. What hides in that much noise cannot be seen."""


class Verdict(StrEnum):
    """What is proven: that it is within the tolerance, that it is not, or nothing yet."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Tally(NamedTuple):
    """How many of a `total` were bad."""

    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more often `tested` is bad than `baseline`; any amount where that is empty.

    Both tallies have half of `alpha`, so that the bounds hold together, even where the same
    request counts in both. An empty baseline counts as never bad.

    Example:
        >>> Excess(Tally(900, 1_000), Tally(600, 1_000), tolerance=0.001, alpha=0.05).verdict
        <Verdict.FAIL: 'FAIL'>
    """

    tested: Tally
    baseline: Tally
    tolerance: float
    alpha: float

    @property
    def bounds(self) -> Bounds:
        """What the difference of the two rates lies between."""
        low, high = rate_bounds(*self.tested, alpha=self.alpha / 2)
        base = self._base
        return Bounds(low - base.high, high - base.low)

    @property
    def is_drowned(self) -> bool:
        """Whether the baseline itself is bad in most cases."""
        return self._base.low > _MOSTLY

    @property
    def verdict(self) -> Verdict:
        """What the bounds prove; without anything tested, or drowned, never that it is well."""
        low, high = self.bounds
        if low > self.tolerance:
            return Verdict.FAIL
        is_known = self.tested.total > 0 and not self.is_drowned
        return Verdict.PASS if is_known and high < self.tolerance else Verdict.INCONCLUSIVE

    def at(self, total: int) -> Self:
        """As it would be after `total` tested, were both to go on at their present rates."""
        times = total / self.tested.total
        return replace(
            self,
            tested=Tally(self.tested.bad * times, total),
            baseline=Tally(self.baseline.bad * times, self.baseline.total * times),
        )

    @property
    def _base(self) -> Bounds:
        if not self.baseline.total:
            return Bounds(0, 0)
        return rate_bounds(*self.baseline, alpha=self.alpha / 2)
