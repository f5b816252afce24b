"""One side answers one request: control and candidate are functions of one shape."""

import traceback
from collections.abc import Callable
from pathlib import PurePath

from shadow_runtime.http import Request, Response
from shadow_runtime.telemetry import logger

Side = Callable[[Request], Response]


def answered(side: Side, request: Request) -> Response:
    """What `side` answers, and 500 when it raises: an error is an answer too, and is compared.

    The log says what was raised and where, never the message, which may hold a user's data.
    """
    try:
        return side(request)
    except (Exception, SystemExit) as error:  # Lambda would print what an exit says
        frame = traceback.extract_tb(error.__traceback__)[-1]
        logger.error(
            "raised",
            error=type(error).__name__,
            at=f"{PurePath(frame.filename).name}:{frame.lineno}",
            request_id=request.id,
        )
        return Response.error(500, "Internal Server Error")
