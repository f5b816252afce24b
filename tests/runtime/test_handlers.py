"""Handlers of either form, told apart; ours found through whatever is around them."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from shadow_runtime.candidate import Candidate, FailedByDrillError, candidate
from shadow_runtime.compare import Rules
from shadow_runtime.contract import Variable
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import MARK, HandlerError, as_side, call_safely, find, take_mark
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration, migrating
from shadow_runtime.user import header
from tests.runtime.test_front_doors import DOORS, OF_HTTP_API
from tests.strategies import json_values

GOOD = {"statusCode": 200, "body": "{}"}


def plain(event: Any, context: Any) -> Any:
    return GOOD


def typed(request: Request) -> Response:
    return Response(status=200, body=request.user)


class Handlers:
    def method(self, event: Any, context: Any = None) -> Any:
        return GOOD

    def __call__(self, event: Any, context: Any) -> Any:
        return GOOD


PLAIN: dict[str, Callable[..., Any]] = {
    "a function": plain,
    "a bound method": Handlers().method,
    "an object": Handlers(),
    "a partial": functools.partial(lambda _, event, context: GOOD, 1),
    "a wrapper that hides what it wraps": lambda *args, **kwargs: plain(
        args[0], *args[1:], **kwargs
    ),
}


@pytest.mark.parametrize("handler", PLAIN.values(), ids=PLAIN)
def test_lambdas_own_form_is_handed_its_event_and_context_themselves(handler: Any) -> None:
    assert as_side(handler)(OF_HTTP_API, None, "ada") is GOOD


def test_event_and_context_are_the_very_objects_that_lambda_made() -> None:
    event, context = dict(OF_HTTP_API), object()
    assert as_side(lambda event, context: (event, context))(event, context, "") == (event, context)
    seen = as_side(lambda event, context: [event, context])(event, context, "")
    assert seen[0] is event
    assert seen[1] is context


@pytest.mark.parametrize("event", [event for event, _ in DOORS.values()], ids=DOORS)
def test_the_typed_form_is_answered_as_the_events_own_front_door_wants_it(event: Any) -> None:
    assert as_side(typed)(event, None, "ada")["body"] == "ada"


def of_an_event(event: dict[str, Any]) -> dict[str, Any]:
    return event


def of_a_request_and_more(request: Request, context: Any) -> Response:
    return typed(request)


async def later(event: Any, context: Any) -> Any:
    return GOOD


def piece_by_piece(event: Any, context: Any) -> Any:
    yield GOOD


NEITHER: dict[str, Any] = {
    "no argument": lambda: GOOD,
    "three arguments": lambda event, context, more: GOOD,
    "keyword-only arguments": lambda *, event, context: GOOD,
    "one that is an event": of_an_event,
    "a request and more": of_a_request_and_more,
    "a coroutine": later,
    "a generator": piece_by_piece,
    "a class": Handlers,
    "a text": "control.handler",
}


@pytest.mark.parametrize("handler", NEITHER.values(), ids=NEITHER)
@pytest.mark.parametrize("decorator", [migrating, candidate, migrating(repeatable=True)])
def test_what_is_no_handler_is_refused_at_import_with_both_forms_in_words(
    handler: Any, decorator: Any
) -> None:
    with pytest.raises(HandlerError, match=r"handler\(event, context\), or handler\(request: "):
        decorator(handler)


def hidden(handler: Any) -> Any:
    def wrapper(*args: Any) -> Any:
        return handler(*args)

    return wrapper


def wrapped(handler: Any) -> Any:
    @functools.wraps(handler)
    def wrapper(event: Any, context: Any) -> Any:
        return handler(event, context)

    return wrapper


class Held:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def handle(self, event: Any, context: Any) -> Any:
        return self.inner(event, context)


AROUND: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda handler: handler,
    "a decorator": wrapped,
    "one that hides": hidden,
    "several": lambda handler: wrapped(hidden(wrapped(handler))),
    "a partial": lambda handler: functools.partial(handler, context=None),
    "an object's method": lambda handler: Held(handler).handle,
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_ours_are_found_through_what_is_around_them(around: Callable[[Any], Any]) -> None:
    rules = Rules(ignore=["$.at"])
    found = find(Candidate, around(candidate(rules=rules)(plain)))
    assert found is not None
    assert found.rules is rules
    assert find(Migration, around(plain)) is None


def test_a_decorated_handler_keeps_its_name_and_words() -> None:
    decorated: Any = migrating(plain)
    assert (decorated.__name__, decorated.__module__) == ("plain", __name__)


def test_outside_of_a_route_function_a_migrated_handler_is_control_alone() -> None:
    event = {"Records": [{"eventSource": "aws:sqs"}]}
    assert migrating(plain)(event, None) is GOOD
    with pytest.raises(ZeroDivisionError):
        migrating(lambda event, context: 1 / 0)(event, None)


def test_there_a_typed_one_knows_its_user_by_the_routes_rule_or_by_what_ours_say() -> None:
    control = migrating(user=header("x-tenant"))(typed)
    event = {**OF_HTTP_API, "headers": {"x-tenant": "acme"}}
    assert control(event, None)["body"] == "acme"
    assert control({**event, MARK: {"user": "told"}}, None)["body"] == "told"


def test_a_user_that_is_no_function_is_refused_at_import() -> None:
    with pytest.raises(HandlerError, match=r"write claim\('sub'\)"):
        migrating(user="sub")(plain)  # type: ignore[call-overload]


@given(json_values)
def test_a_mark_is_taken_out_of_an_event_and_nothing_else_is(event: Any) -> None:
    marked = {**event, MARK: {"user": "ada"}} if isinstance(event, dict) else event
    expected = {"user": "ada"} if isinstance(event, dict) else {}
    assert take_mark(marked) == expected
    assert json.dumps(marked) == json.dumps(event)


@pytest.mark.parametrize("said", [None, "", "false", "1"])
def test_in_production_a_candidate_heeds_no_drill(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv(Variable.DRILL, said)
    handler = candidate(lambda event, context: {"id": 1})
    assert handler({**OF_HTTP_API, MARK: {"user": "ada", "drill": True}}, None) == {"id": 1}


def test_elsewhere_it_fails_for_a_drill_and_for_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(Variable.DRILL, "true")
    handler = candidate(lambda event, context: {"id": 1})
    with pytest.raises(FailedByDrillError):
        handler({**OF_HTTP_API, MARK: {"user": "ada", "drill": True}}, None)
    client = {
        **OF_HTTP_API,
        "headers": {MARK: "drill"},
        "body": '{"shadowCanary": {"drill": true}}',
    }
    assert handler({**client, MARK: {"user": "ada"}}, None) == {"id": 1}


def test_a_candidate_sees_the_events_of_the_front_door_and_answers_as_it_likes() -> None:
    seen = []
    handler = candidate(lambda event, context: seen.append(event) or {"id": 1})  # type: ignore[func-returns-value]
    assert handler({**OF_HTTP_API, MARK: {"user": "ada"}}, None) == {"id": 1}
    assert seen == [OF_HTTP_API]


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
def test_what_a_side_raises_is_an_answer_of_500_and_its_message_stays_inside(
    event: Any, door: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Any:
        raise SystemExit("s3cret")

    assert door.response(call_safely(broken, event)).status == 500
    [line] = capfd.readouterr().out.splitlines()
    assert "s3cret" not in line
    assert (json.loads(line)["error"], json.loads(line)["message"]) == ("SystemExit", "raised")


def test_a_typed_candidate_that_answers_no_response_answers_500() -> None:
    wrong = candidate(lambda request: {"id": "somebody"})  # type: ignore[arg-type]
    assert HTTP_API.response(wrong(dict(OF_HTTP_API), None)).status == 500
