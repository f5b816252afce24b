"""Recorded requests: a route's tests replay them, and its pre-traffic hook asks them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shadow_runtime.contract import ShadowCanaryError
from shadow_runtime.front_doors import HTTP_API, UnsupportedEventError, front_door
from shadow_runtime.http import Request


class RecordingError(ShadowCanaryError, ValueError):
    """A line that holds no recorded request: which line, and why."""


class Recorded(NamedTuple):
    """An event as a front door sends it, and the status of its answer, where that is known."""

    event: dict[str, Any]
    status: int | None = None


def recorded(file: Path) -> Iterator[Recorded]:
    """The requests in `file`, one JSON object a line.

    A line is an event, or as a shorthand for an HTTP API's some members of a `Request`. Either may
    have a further member `status`: the status of the answer that was recorded.

    Raises:
        RecordingError: a line is neither; says which.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _read(json.loads(line))
            except (ValueError, TypeError) as error:
                raise RecordingError(
                    f"{file}:{number} holds no request ({type(error).__name__}): write an event as "
                    f'a front door sends it, or {{"method": "GET", "path": "/users/me", …}}'
                ) from error


def _read(line: Any) -> Recorded:
    if not isinstance(line, dict):
        raise UnsupportedEventError
    status = line.pop("status", None)
    if not isinstance(status, int | None):
        raise TypeError
    event = HTTP_API.event(Request(**line)) if "method" in line else line
    front_door(event)
    return Recorded(event, status)
