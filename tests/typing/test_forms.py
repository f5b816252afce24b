"""Which callables are handlers, and of which form: told from the signature, at import."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.middleware_factory import lambda_handler_decorator

from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating
from tests.runtime.front_doors.events import SAMPLES
from tests.runtime.front_doors.route import Context
from tests.runtime.handlers import fastapi_app

EVENT = SAMPLES["HTTP API: a JWT"].event

GOOD = {"statusCode": 200, "body": "ada"}

logger = Logger(service="forms")
resolver = APIGatewayHttpResolver()


def plain(event: dict[str, Any], context: object) -> dict[str, Any]:
    return GOOD


def unannotated(event, context):  # type: ignore[no-untyped-def]
    return GOOD


def with_a_default(event: Any, context: Any = None) -> Any:
    return GOOD


def with_more(event: Any, context: Any, *more: Any, **named: Any) -> Any:
    return GOOD


def by_position(event: Any, context: Any, /) -> Any:
    return GOOD


def typed(request: Request) -> Response:
    return Response(status=200, body=request.user)


def typed_unannotated(request):  # type: ignore[no-untyped-def]
    return Response(status=200, body=request.user)


class Handlers:
    def method(self, event: Any, context: Any) -> Any:
        return GOOD

    @classmethod
    def of_class(cls, event: Any, context: Any) -> Any:
        return GOOD

    @staticmethod
    def static(event: Any, context: Any) -> Any:
        return GOOD

    def typed(self, request: Request) -> Response:
        return typed(request)

    def __call__(self, event: Any, context: Any) -> Any:
        return GOOD


class Unhashable(Handlers):
    __hash__ = None  # type: ignore[assignment]


def hidden(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does not say what it wraps."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return wrapper


def said(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that says what it wraps."""
    return functools.wraps(handler)(hidden(handler))


@lambda_handler_decorator
def middleware(handler: Any, event: Any, context: Any) -> Any:
    """Powertools' kind, which goes over functions alone."""
    return handler(event, context)


PLAIN: dict[str, Any] = {
    "a function": plain,
    "without annotations": unannotated,
    "with a default": with_a_default,
    "with more arguments": with_more,
    "by position": by_position,
    "a lambda": lambda event, context: GOOD,
    "under a decorator": said(plain),
    "under a decorator that hides it": hidden(plain),
    "under Powertools' decorator": logger.inject_lambda_context(plain),
    "a method": Handlers().method,
    "a class method": Handlers.of_class,
    "a static method": Handlers.static,
    "an instance": Handlers(),
    "an instance that has no hash": Unhashable(),
    "a resolver's resolve": resolver.resolve,
    "an adapter": fastapi_app.handler,
}
TYPED: dict[str, Any] = {
    "a function": typed,
    "without annotations": typed_unannotated,
    "a method": Handlers().typed,
    "a lambda": lambda request: Response(status=200, body=request.user),
    "under a decorator": said(typed),
}


async def asynchronous(event: Any, context: Any) -> Any:
    return GOOD


async def asynchronous_of_a_request(request: Request) -> Response:
    return typed(request)


def streaming(event: Any, context: Any) -> Iterator[Any]:
    yield GOOD


def nothing() -> Any:
    return GOOD


def three(event: Any, context: Any, more: Any) -> Any:
    return GOOD


def by_name(*, event: Any, context: Any) -> Any:
    return GOOD


def of_an_event(event: dict[str, Any]) -> dict[str, Any]:
    return GOOD


NEITHER: dict[str, Any] = {
    "no argument": nothing,
    "three arguments": three,
    "arguments by name": by_name,
    "an event alone": of_an_event,
    "asynchronous": asynchronous,
    "asynchronous, of a request": asynchronous_of_a_request,
    "a generator": streaming,
    "a class": Handlers,
    "a name": "control.handler",
    "a number": 42,
    "an answer": GOOD,
}


@pytest.mark.parametrize("handler", PLAIN.values(), ids=PLAIN)
def test_a_plain_handler_is_called_as_lambda_calls_it(handler: Any) -> None:
    bare = handler(EVENT, Context())
    assert migrating(handler)(EVENT, Context()) == bare
    assert migrating(repeatable=True)(handler)(EVENT, Context()) == bare
    assert candidate(handler)(EVENT, Context()) == bare


@pytest.mark.parametrize("handler", TYPED.values(), ids=TYPED)
def test_a_handler_of_a_request_answers_in_the_form_of_its_event(handler: Any) -> None:
    for made in (migrating(handler), migrating(repeatable=True)(handler), candidate(handler)):
        answer = made(EVENT, Context())
        assert (answer["statusCode"], answer["body"]) == (200, "ada")


@pytest.mark.parametrize("decorator", [migrating, candidate])
@pytest.mark.parametrize("handler", NEITHER.values(), ids=NEITHER)
def test_what_is_neither_is_refused_at_import_with_a_sentence(handler: Any, decorator: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"\w+ \w+ \w+ \w+"):
        decorator(handler)


@pytest.mark.parametrize("over", [logger.inject_lambda_context, middleware, said, hidden])
@pytest.mark.parametrize("decorator", [migrating, candidate])
def test_other_decorators_go_over_it(over: Any, decorator: Any) -> None:
    for handler in (plain, typed):
        assert over(decorator(handler))(EVENT, Context())["body"] == "ada"
