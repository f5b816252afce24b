"""A side of a route in a test: asked as the shadow asks it."""

import copy
from collections.abc import Callable
from typing import Any

from shadow_runtime.candidate import Candidate
from shadow_runtime.front_doors import front_door
from shadow_runtime.handlers import MARK, Handler, as_side, call_safely, find, take_mark
from shadow_runtime.http import Response
from shadow_runtime.migrating import Migration


class _Context:
    """What Lambda's context object has, for handlers that look at it."""

    function_name = "route"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:route"
    memory_limit_in_mb = 128
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    log_group_name = "/aws/lambda/route"
    log_stream_name = "test"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def asking(handler: Handler) -> Callable[[dict[str, Any], str], Response]:
    """Asks a side of either form, decorated or not; each time with an event of its own.

    Example:
        >>> from shadow_runtime.front_doors import HTTP_API
        >>> from shadow_runtime.http import Request
        >>> ask = asking(lambda request: Response.json({"id": request.user}))
        >>> ask(HTTP_API.event(Request(method="GET", path="/users/me")), "ada").body
        '{"id": "ada"}'
    """
    called: Any = handler
    if find(Migration, handler) is None and find(Candidate, handler) is None:
        side = as_side(handler)
        called = lambda event, context: side(event, context, take_mark(event)["user"])  # noqa: E731

    def ask(event: dict[str, Any], user: str) -> Response:
        own = {**copy.deepcopy(event), MARK: {"user": user}}
        payload = call_safely(lambda: called(own, _Context()), event)
        return front_door(event).served(payload)

    return ask
