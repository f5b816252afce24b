"""The decorator that puts the machinery between control and its users."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, overload

from shadow_runtime.aws import Service
from shadow_runtime.candidate_call import CandidateCall
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Stage
from shadow_runtime.flag import FlagReader
from shadow_runtime.handlers import (
    Handler,
    HandlerError,
    LambdaHandler,
    as_function,
    as_side,
    take_mark,
)
from shadow_runtime.respond import Call, RouteDataset, RouteRuntime, respond
from shadow_runtime.settings import settings
from shadow_runtime.tee import Tee
from shadow_runtime.telemetry import Measurements
from shadow_runtime.user import User, claim, key_of

_SUBJECT = claim("sub")


class Migration:
    """What answers with control, the old code, which is `function`.

    `repeatable` says that control may run again on a copy, to tell its own noise, and what users
    wrote meanwhile, from mismatches. Without a `runtime` it is control alone: in a test, and in
    the shadow.

    Example:
        >>> Migration(lambda event, context: {"statusCode": 204}, None)({}, None)
        {'statusCode': 204}
    """

    def __init__(
        self,
        function: Handler,
        runtime: RouteRuntime | None,
        *,
        user: User = _SUBJECT,
        repeatable: bool = True,
        withhold: Iterable[str] = (),
    ) -> None:
        if not callable(user):
            raise HandlerError(f"user={user!r} is no function of the event: write claim({user!r})")
        self.user = user
        self.repeatable = repeatable
        self._runtime = runtime
        self._control = as_side(function)
        self._withhold = frozenset(name.lower() for name in withhold)

    def __call__(self, event: Any, context: Any) -> Any:
        """Answers `event`, and counts what happened.

        Raises:
            UnsupportedEventError: the event is of no front door.
            BaseException: what control raised.
        """
        told = take_mark(event)
        if told.get("probe") and not event:  # the hook has nothing recorded to ask
            return {"statusCode": 204}
        if self._runtime is None or "user" in told:
            user = told["user"] if "user" in told else key_of(self.user, event)
            return self._control(event, context, user)
        call = Call.of(
            event,
            context,
            user=self.user,
            withhold=self._withhold,
            is_probe=bool(told.get("probe")),
            drill=str(told.get("drill", "")),
        )
        measurements = (_Uncounted if call.is_probe else Measurements)(
            request_id=call.id, trace=call.trace
        )
        try:
            return respond(self._runtime, self._control, call, measurements)
        finally:
            measurements.flush()


class _Uncounted(Measurements):
    """Of a request that nobody sent."""

    def flush(self) -> None:
        """Writes nothing."""


@overload
def migrating(handler: Handler, /) -> LambdaHandler: ...
@overload
def migrating(
    *, user: User = ..., repeatable: bool = ..., withhold: Iterable[str] = ...
) -> Callable[[Handler], LambdaHandler]: ...
def migrating(
    handler: Handler | None = None,
    /,
    *,
    user: User = _SUBJECT,
    repeatable: bool = True,
    withhold: Iterable[str] = (),
) -> LambdaHandler | Callable[[Handler], LambdaHandler]:
    """Makes control, the old code of a route, the handler of the route function.

    It goes over Lambda's `handler(event, context)` as it stands: a function, a bound method such as
    `app.resolve`, an object such as Mangum's, with other decorators below or above; and over
    `handler(request: Request) -> Response`. In the route function, which the construct makes, it
    also makes the clients, so that Lambda's init phase pays for them and no user does.

    Args:
        handler: control, where there is nothing else to say.
        user: finds the key by which a user stays on one side - the claim `sub`.
        repeatable: whether control may run again on a copy; where it may not, no mismatch is
            confirmed, and none moves a user - it may.
        withhold: headers that the candidate is not handed when it answers a user - none.

    Raises:
        HandlerError: what is decorated takes neither an event and a context nor a `Request`; or
            `user` is no function.

    Example:
        >>> from shadow_runtime.user import cookie
        >>> @migrating(user=cookie("cartId"), repeatable=False)
        ... def handler(event, context):
        ...     return {"statusCode": 200, "body": event["rawPath"]}
        >>> handler({"rawPath": "/users/me"}, None)
        {'statusCode': 200, 'body': '/users/me'}
    """

    def decorate(handler: Handler) -> LambdaHandler:
        made = Migration(handler, _runtime(), user=user, repeatable=repeatable, withhold=withhold)
        return as_function(made, handler)

    return decorate if handler is None else decorate(handler)


def _runtime() -> RouteRuntime | None:
    """The runtime that the construct's settings describe; None outside of a route function."""
    given = settings()
    if not given.flag_profile:
        return None
    lambda_ = Service("lambda")
    flag = FlagReader(
        Service("appconfigdata"),
        application=given.flag_application,
        environment=given.flag_environment,
        profile=given.flag_profile,
    )
    flag.start()
    deadline_ms = int(given.candidate_deadline_ms)
    return RouteRuntime(
        flag=flag,
        ceiling=Stage.parse(given.ceiling),
        candidate=CandidateCall(lambda_, given.candidate, deadline_ms=deadline_ms),
        circuit_breaker=CircuitBreaker(),
        tee=Tee(lambda_, given.shadow),
        deadline_ms=deadline_ms,
        dataset=_dataset() if given.dataset else None,
    )


def _dataset() -> RouteDataset:
    """What carries a route's writes out; a route without a dataset does not ship it."""
    made: RouteDataset = importlib.import_module("dataset_runtime.route").route_dataset()
    return made
