"""Numbers, chances and times as a person writes them."""

import math
from datetime import datetime

_HOUR, _DAY = 60, 1_440
"""Minutes."""


def count(number: float) -> str:
    """With a decimal where it is small, and with two digits where it is less than one.

    Example:
        >>> count(1_000_000), count(30.94), count(3.0), count(0.153), count(0.0007)
        ('1,000,000', '30.9', '3', '0.15', 'under 0.01')
    """
    if 0 < number < 0.01:
        return "under 0.01"
    if number < 1:
        return f"{number:.2g}"
    return f"{number:,.0f}" if number >= 1_000 else f"{number:.1f}".removesuffix(".0")


def chance(share: float, *, decimals: int = 0) -> str:
    """In percent; one decimal more within a percent of 0 or 1, and neither for what only is near.

    Example:
        >>> chance(0.1538), chance(0.0023), chance(0.99999), chance(1e-5), chance(0)
        ('15 %', '0.2 %', 'over 99.9 %', 'under 0.1 %', '0 %')
    """
    if share in (0, 1):
        return f"{100 * share:g} %"
    least = 10.0 ** -(decimals + 1)  # percent
    if 100 * share < least:
        return f"under {least:g} %"
    if 100 * (1 - share) < least:
        return f"over {100 - least:g} %"
    return f"{100 * share:.{decimals + (min(share, 1 - share) < 0.01)}f} %"


def chance_at_least(share: float) -> str:
    """In whole percents, rounded down: what may be promised.

    Example:
        >>> chance_at_least(0.799), chance_at_least(0.002)
        ('79 %', 'under 1 %')
    """
    return f"{math.floor(100 * share)} %" if share >= 0.01 else "under 1 %"


def duration(minutes: float, *, decimals: int = 0) -> str:
    """In the unit that suits it; `decimals` are those of minutes.

    Example:
        >>> duration(0.25), duration(10), duration(60), duration(702), duration(7_021)
        ('15 seconds', '10 minutes', '60 minutes', '11.7 hours', '4.9 days')
    """
    if minutes < 1:
        return _many(60 * minutes, "second")
    if minutes < 2 * _HOUR:
        return _many(round(minutes, decimals), "minute")
    if minutes < 2 * _DAY:
        return _many(minutes / _HOUR, "hour")
    return _many(minutes / _DAY, "day")


def moment(at: datetime) -> str:
    """A date with its weekday, its time and its time zone.

    Example:
        >>> from zoneinfo import ZoneInfo
        >>> moment(datetime(2030, 1, 14, 9, tzinfo=ZoneInfo("Etc/UTC")))
        'Monday, 14 January 2030, 09:00 UTC'
    """
    zone = str(at.tzinfo).removeprefix("Etc/")
    return f"{at:%A}, {at.day} {at:%B %Y, %H:%M} {zone}"


def _many(number: float, noun: str) -> str:
    return f"{count(number)} {noun}{'' if count(number) == '1' else 's'}"
