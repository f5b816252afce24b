"""The candidate's own Lambda: the new code behind a direct invocation."""

import importlib
from collections.abc import Callable
from typing import Any, Protocol, cast, overload

from shadow_runtime.compare import Rules
from shadow_runtime.contract import ShadowCanaryError
from shadow_runtime.front_doors import front_door
from shadow_runtime.handlers import (
    Handler,
    HandlerError,
    LambdaHandler,
    as_function,
    as_side,
    call_safely,
    take_mark,
)
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import traced
from shadow_runtime.user import User, claim, key_of

_SUBJECT = claim("sub")


class Writes(Protocol):
    """What is loaded where the route has a dataset: `dataset_runtime.candidate`."""

    def carry_out(self, told: object, answer: Callable[[], Any]) -> Any:
        """What the route asks for, beside an answer, in `told`."""


class FailedByDrillError(ShadowCanaryError):
    """What a drill asks for: the candidate fails."""


class Candidate:
    """What answers with the new code, which is `function`.

    `rules` say which differences from control are none; `user` says whose request it is when a
    front door calls, as it does once the migration is over. What it raises is answered with 500.

    Example:
        >>> from shadow_runtime.front_doors import HTTP_API
        >>> from shadow_runtime.http import Request
        >>> event = HTTP_API.event(Request(method="GET", path="/users/me"))
        >>> Candidate(lambda event, context: event["rawPath"], Rules())(event, None)
        '/users/me'
    """

    def __init__(self, function: Handler, rules: Rules, *, user: User = _SUBJECT) -> None:
        if not callable(user):
            raise HandlerError(f"user={user!r} is no function of the event: write claim({user!r})")
        self.rules = rules
        self._user = user
        self._answer = as_side(function)

    def __call__(self, event: Any, context: Any) -> Any:
        """Answers `event`, which is the front door's.

        Raises:
            UnsupportedEventError: the event is of no front door.
            FailedByDrillError: a drill asks for it, where that is no production.
        """
        told = take_mark(event)
        if told.get("drill") and settings().allows_drills:
            raise FailedByDrillError("a drill asked for this")
        if told.get("probe"):  # nobody asks the new data source before the flag does
            return {"statusCode": 204}
        user = told["user"] if "user" in told else key_of(self._user, event)
        if "dataset" in told:
            writes = cast("Writes", importlib.import_module("dataset_runtime.candidate"))
            return writes.carry_out(told["dataset"], lambda: self._answered(event, context, user))
        return self._answered(event, context, user)

    def _answered(self, event: Any, context: Any, user: str) -> Any:
        door = front_door(event)
        with traced("candidate") as annotations:
            payload = call_safely(lambda: self._answer(event, context, user), event)
            annotations["status"] = door.served(payload).status
        return payload


@overload
def candidate(handler: Handler, /) -> LambdaHandler: ...
@overload
def candidate(*, rules: Rules = ..., user: User = ...) -> Callable[[Handler], LambdaHandler]: ...
def candidate(
    handler: Handler | None = None,
    /,
    *,
    rules: Rules | None = None,
    user: User = _SUBJECT,
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Makes the new code of a route the handler of the candidate function.

    As `@candidate`, or `@candidate(rules=Rules(ignore=["$.generated_at"]))`, over what `@migrating`
    goes over too. It answers whatever a front door sends as well, so that it can serve alone.

    Args:
        handler: the new code, where there is nothing else to say.
        rules: which differences from control are none - every difference is one.
        user: finds the user of a `Request` when a front door calls; the route tells it who that is
            as long as there is a control - the claim `sub`.

    Raises:
        HandlerError: what is decorated takes neither an event and a context nor a `Request`; or
            `user` is no function.

    Example:
        >>> from shadow_runtime.http import Request, Response
        >>> @candidate
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.__wrapped__(Request(method="GET", path="/", user="ada")).body
        '{"id": "ada"}'
    """

    def decorate(handler: Handler) -> LambdaHandler:
        return as_function(Candidate(handler, rules or Rules(), user=user), handler)

    return decorate if handler is None else decorate(handler)
