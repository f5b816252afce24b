"""Handlers as teams write them: in Lambda's own form, or from a `Request` to a `Response`."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, update_wrapper
from pathlib import PurePath
from types import CellType, FunctionType, MethodType
from typing import Any, Protocol, TypeVar, cast

from shadow_runtime.contract import ShadowCanaryError
from shadow_runtime.front_doors import Event, front_door, request_id
from shadow_runtime.http import RefusedError, Request, Response
from shadow_runtime.telemetry import logger

Handler = Callable[[Any, Any], Any] | Callable[[Request], Response]
"""`handler(event, context)`, or `handler(request) -> Response`."""

Side = Callable[[Event, Any, str], Any]
"""A handler of either form: event, context and the user's key in, Lambda's payload out."""

MARK = "shadowCanary"
"""A member of an event, beside what a front door puts there, so that no client can set it.

Ours tell each other there who the `user` is, that a request is the hook's `probe`, and who is the
user of a `drill`, for whom the candidate fails where that is no production.
"""

_heard: ContextVar[list[BaseException] | None] = ContextVar("_heard", default=None)
_Wanted = TypeVar("_Wanted")


class LambdaHandler(Protocol):
    """What Lambda calls: a function, and `__wrapped__` is the handler that was decorated."""

    __wrapped__: Any

    def __call__(self, event: Any, context: Any, /) -> Any: ...


class HandlerError(ShadowCanaryError, TypeError):
    """What was decorated is a handler of neither form."""


def as_side(handler: Handler) -> Side:
    """`handler` in the one form in which both are called.

    One of Lambda's form is handed its own event and context, answers as it likes, and may raise.
    One of the typed form answers 500 when it raises. A `RefusedError` of either is its answer.

    Raises:
        HandlerError: it takes neither an event and a context nor a `Request`.
    """
    function: Any = handler
    if not _is_typed(handler):
        return lambda event, context, _: _or_refusal(lambda: function(event, context), event)

    def typed(event: Event, _: Any, user: str) -> Any:
        door = front_door(event)
        return call_safely(
            lambda: _or_refusal(lambda: door.payload(function(door.request(event, user))), event),
            event,
        )

    return typed


def _or_refusal(answer: Callable[[], Any], event: Event) -> Any:
    try:
        return answer()
    except RefusedError as refused:
        return front_door(event).payload(refused.response)


def as_function(made: Callable[[Any, Any], Any], handler: Handler) -> LambdaHandler:
    """`made` as a function of `handler`'s name: Powertools' middlewares go over nothing else."""

    def function(event: Any, context: Any) -> Any:
        return made(event, context)

    return cast("LambdaHandler", update_wrapper(function, handler, updated=()))


def call_safely(answer: Callable[[], Any], event: Event) -> Any:
    """What `answer` returns, and when it raises an answer of 500: that is compared too.

    The log says what was raised and where, never the message, which may hold a user's data.
    """
    try:
        return answer()
    except (Exception, SystemExit) as error:  # Lambda would print what an exit says
        if (heard := _heard.get()) is not None:
            heard.append(error)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        logger.error(
            "raised",
            error=type(error).__name__,
            at=f"{PurePath(frame.filename).name}:{frame.lineno}",
            request_id=request_id(event),
        )
        return front_door(event).payload(Response.error(500, "Internal Server Error"))


@contextmanager
def hearing() -> Iterator[list[BaseException]]:
    """What `call_safely` catches meanwhile, for a route's tests: a log may not say it."""
    raised: list[BaseException] = []
    token = _heard.set(raised)
    try:
        yield raised
    finally:
        _heard.reset(token)


def take_mark(event: Any) -> dict[str, Any]:
    """What one of ours says in `event`, which does not hold it afterwards."""
    held = event if isinstance(event, dict) else getattr(event, "raw_event", {})
    return held.pop(MARK, {}) if MARK in held else {}


def find(wanted: type[_Wanted], handler: object) -> _Wanted | None:
    """The `wanted` that `handler` is, or that it wraps, through whatever decorators."""
    seen: dict[int, object] = {}
    waiting = [handler]
    for each in waiting:
        if isinstance(each, wanted):
            return each
        if callable(each) and not isinstance(each, type) and id(each) not in seen:
            seen[id(each)] = each
            waiting += _held(each)
    return None


def _held(wrapper: Any) -> Iterator[object]:
    """Where a decorator may keep what it wraps."""
    match wrapper:
        case partial():
            yield wrapper.func
        case MethodType():
            yield from (wrapper.__func__, wrapper.__self__, *vars(wrapper.__self__).values())
        case FunctionType():
            cells, names = wrapper.__closure__ or (), wrapper.__code__.co_names
            yield from (cell.cell_contents for cell in cells if cell != CellType())
            yield from (wrapper.__globals__.get(name) for name in names)
    yield from getattr(wrapper, "__dict__", {}).values()


def _is_typed(handler: Any) -> bool:
    call = getattr(handler, "__call__", None)  # noqa: B004 - an object's own
    if inspect.isclass(handler) or call is None:
        raise HandlerError(f"{handler!r} is no function; {_FORMS}")
    if any(is_deferred(each) for is_deferred in _DEFERRED for each in (handler, call)):
        raise HandlerError(f"{handler!r} answers later, and Lambda does not wait; {_FORMS}")
    try:
        signature = inspect.signature(handler)
    except ValueError as error:
        raise HandlerError(f"{handler!r} does not say what it takes; {_FORMS}") from error
    annotations = [each.annotation for each in signature.parameters.values()]
    first = annotations[0] if annotations else inspect.Parameter.empty
    is_request = str(getattr(first, "__name__", first)).rpartition(".")[2] == Request.__name__
    if _takes(signature, 2) and not is_request:
        return False
    if _takes(signature, 1) and (is_request or first is inspect.Parameter.empty):
        return True
    raise HandlerError(f"{handler!r} takes {signature}; {_FORMS}")


_DEFERRED = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)
_FORMS = "a handler is handler(event, context), or handler(request: Request) -> Response"


def _takes(signature: inspect.Signature, arguments: int) -> bool:
    try:
        signature.bind(*[None] * arguments)
    except TypeError:
        return False
    return True
