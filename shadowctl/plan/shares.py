"""Alarms over a share of bad requests, as their formulas have them."""

import re
from typing import NamedTuple, Self

from analysis.alarms.alarm import Alarm

_FORMULA = re.compile(r"IF\(.+ >= (\d+) AND .+ >= (\d+), 100 \* .+, 0\)")


class Share(NamedTuple):
    """Without so many requests, so many of them bad, a period counts as good.

    Example:
        >>> Share.of(bad_share)  # doctest: +SKIP
        Share(minimum_requests=10, minimum_failures=2)
    """

    minimum_requests: int
    minimum_failures: int

    @classmethod
    def of(cls, alarm: Alarm) -> Self | None:
        """Of an alarm over a share; None of any other."""
        found = _FORMULA.fullmatch(alarm.formula.text)
        return cls(int(found[1]), int(found[2])) if found else None
