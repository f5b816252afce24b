"""Durations and moments as people type them."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[smhd]?)")
_LONGEST = timedelta(days=366)


def duration(text: str) -> timedelta:
    """A number of seconds, or of the unit behind it: `90`, `90s`, `1.5h`, `7d`.

    Raises:
        ValueError: something else, nothing, or over a year.

    Example:
        >>> duration("1.5h")
        datetime.timedelta(seconds=5400)
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match["number"]) * _UNITS[match["unit"] or "s"] if match else 0
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError(f"takes a duration up to 366d, such as 90s, 10m or 2h; got {text!r}")
    return timedelta(seconds=seconds)


def moment(text: str, *, now: datetime) -> datetime:
    """A time in ISO 8601, UTC unless it says otherwise, or how long ago: `2h`.

    Raises:
        ValueError: neither, or a time that has not come yet.

    Example:
        >>> moment("2h", now=datetime(2030, 1, 7, 9, tzinfo=UTC)).hour
        7
    """
    if _DURATION.fullmatch(text):
        return now - duration(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"takes `release`, a duration such as 2h, or a time such as 2030-01-07T09:00; "
            f"got {text!r}"
        ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at >= now:
        raise ValueError(f"takes a time that has passed; got {text!r}, and it is {now:%F %R} UTC")
    return at
