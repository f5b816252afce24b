"""The candidate's own Lambda: the new code behind a direct invocation."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, overload

from shadow_runtime.compare import Rules
from shadow_runtime.front_doors import front_door
from shadow_runtime.handlers import Handler, as_side, call_safely, take_mark
from shadow_runtime.telemetry import traced
from shadow_runtime.user import claim, key_of


class Candidate:
    """A Lambda handler around the new code; `function` is that code itself.

    `rules` say which differences from control are none. What it raises is answered with 500.

    Example:
        >>> from shadow_runtime.http import Request, Response
        >>> @candidate
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.function(Request(method="GET", path="/", user="ada")).body
        '{"id": "ada"}'
    """

    def __init__(self, function: Handler, rules: Rules) -> None:
        self.function: Any = function
        self.rules = rules
        self._answer = as_side(function)
        update_wrapper(self, function, updated=())

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
def candidate(handler: Handler, /) -> Candidate: ...
@overload
def candidate(*, rules: Rules) -> Callable[[Handler], Candidate]: ...
def candidate(
    handler: Handler | None = None, /, *, rules: Rules | None = None
) -> Candidate | Callable[[Handler], Candidate]:
    """Makes the new code of a route the handler of the candidate function.

    As `@candidate`, or `@candidate(rules=Rules(ignore=["$.generated_at"]))`, over what `@migrating`
    goes over too.

    Raises:
        HandlerError: what is decorated takes neither an event and a context nor a `Request`.
    """
    if handler is not None:
        return Candidate(handler, Rules())
    return lambda handler: Candidate(handler, rules or Rules())
