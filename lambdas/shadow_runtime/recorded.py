"""Recorded requests: a route's tests replay them, and its pre-traffic hook asks them."""

import json
from collections.abc import Iterator
from pathlib import Path

from shadow_runtime.http import Request


def recorded(file: Path) -> Iterator[Request]:
    """The requests in `file`, one JSON object a line, as `Request.copy` writes them.

    Raises:
        ValueError: a line that is no request; says which.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Request.from_copy(json.loads(line))
            except ValueError as error:
                raise ValueError(
                    f"{file}:{number} is no request: {error}. "
                    "Write each line as json.dumps(request.copy()) does"
                ) from error
