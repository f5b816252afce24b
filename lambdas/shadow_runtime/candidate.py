"""The candidate's own Lambda: the new code behind a direct invocation."""

from collections.abc import Callable
from typing import Any, overload

from shadow_runtime.compare import Rules
from shadow_runtime.front_doors import front_door
from shadow_runtime.handlers import (
    Handler,
    LambdaHandler,
    as_function,
    as_side,
    call_safely,
    take_mark,
)
from shadow_runtime.telemetry import traced
from shadow_runtime.user import claim, key_of


class Candidate:
    """What answers with the new code, which is `function`.

    `rules` say which differences from control are none. What it raises is answered with 500.

    Example:
        >>> from shadow_runtime.front_doors import HTTP_API
        >>> from shadow_runtime.http import Request
        >>> event = HTTP_API.event(Request(method="GET", path="/users/me"))
        >>> Candidate(lambda event, context: event["rawPath"], Rules())(event, None)
        '/users/me'
    """

    def __init__(self, function: Handler, rules: Rules) -> None:
        self.rules = rules
        self._answer = as_side(function)

    def __call__(self, event: Any, context: Any) -> Any:
        """Answers `event`, which is the front door's.

        Raises:
            UnsupportedEventError: the event is of no front door.
        """
        told = take_mark(event)
        user = told["user"] if "user" in told else key_of(claim("sub"), event)
        door = front_door(event)
        with traced("candidate") as annotations:
            payload = call_safely(lambda: self._answer(event, context, user), event)
            annotations["status"] = door.served(payload).status
        return payload


@overload
def candidate(handler: Handler, /) -> LambdaHandler: ...
@overload
def candidate(*, rules: Rules) -> Callable[[Handler], LambdaHandler]: ...
def candidate(
    handler: Handler | None = None, /, *, rules: Rules | None = None
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Makes the new code of a route the handler of the candidate function.

    As `@candidate`, or `@candidate(rules=Rules(ignore=["$.generated_at"]))`, over what `@migrating`
    goes over too.

    Raises:
        HandlerError: what is decorated takes neither an event and a context nor a `Request`.

    Example:
        >>> from shadow_runtime.http import Request, Response
        >>> @candidate
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.__wrapped__(Request(method="GET", path="/", user="ada")).body
        '{"id": "ada"}'
    """

    def decorate(handler: Handler) -> LambdaHandler:
        return as_function(Candidate(handler, rules or Rules()), handler)

    return decorate if handler is None else decorate(handler)
