"""What copies can prove where users are too few: pairs for a PASS, and how long they take."""

from dataclasses import dataclass
from typing import Self

from analysis.traffic import Traffic
from judge import pairs_needed


@dataclass(frozen=True, slots=True)
class ShadowEvidence:
    """The pairs without mismatch after which the judge says PASS, and the days that they take.

    Example:
        >>> evidence = ShadowEvidence.of(Traffic.per_day(1_000, users=50), tolerance_percent=0.1)
        >>> f"{evidence.pairs:,} pairs in {evidence.days:.1f} days"
        '4,876 pairs in 4.9 days'
    """

    pairs: int
    days: float

    @classmethod
    def of(
        cls, traffic: Traffic, *, tolerance_percent: float = 0.1, shadow_percent: float = 100
    ) -> Self:
        """For a mismatch under `tolerance_percent`, with `shadow_percent` of requests copied.

        Raises:
            ValueError: a tolerance that is no percentage, or nothing copied.
        """
        if not 0 < shadow_percent <= 100:
            raise ValueError(
                f"shadow_percent is over 0 and at most 100 percent; got {shadow_percent!r}"
            )
        pairs = pairs_needed(tolerance_percent)
        return cls(pairs, pairs / (traffic.requests_per_day * shadow_percent / 100))
