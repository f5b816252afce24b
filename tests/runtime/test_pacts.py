"""Pacts of consumers: both sides keep them, or it is said which does not, and how."""

import base64
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from shadow_runtime.candidate import candidate
from shadow_runtime.front_doors import (
    HTTP_API,
    LOAD_BALANCER,
    REST_API,
    FrontDoor,
    front_door,
)
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating
from shadow_runtime.user import header
from shadowctl.pacts import PactError, assert_pacts_kept, http_api, load_balancer, rest_api
from tests.runtime.handlers import fastapi_app, flask_app, orders_resolver
from tests.runtime.pact_files import JSON, v2, v3, v4, write

ORDER = {"id": "7", "total": 12.5}
LIKE_ORDER = {"$.total": {"match": "number"}}


def typed(request: Request) -> Response:
    return Response.json({**ORDER, "id": request.path_parameters["id"]})


def raw(event: Any, context: Any) -> dict[str, Any]:
    body = {**ORDER, "id": event["pathParameters"]["id"]}
    assert context.get_remaining_time_in_millis() > 0
    return {"statusCode": 200, "headers": JSON, "body": json.dumps(body)}


def answering(response: Response) -> Callable[[Request], Response]:
    return lambda _: response


def kept(
    tmp_path: Path, pact: Any, control: Any = typed, candidate: Any = None, **options: Any
) -> None:
    options = {"answers": "GET /orders/{id}", **options}
    assert_pacts_kept(control, candidate or control, write(tmp_path, pact), **options)


def broken(tmp_path: Path, pact: Any, *sides: Any, **options: Any) -> list[str]:
    """What is raised, line by line."""
    with pytest.raises(AssertionError) as raised:
        kept(tmp_path, pact, *sides, **options)
    return str(raised.value).splitlines()


RESPONSE = {"status": 200, "headers": JSON, "body": ORDER}
VERSIONS = {
    "2": v2({**RESPONSE, "matchingRules": {"$.body.total": {"match": "type"}}}),
    "3": v3(
        {**RESPONSE, "matchingRules": {"body": {"$.total": {"matchers": [{"match": "type"}]}}}}
    ),
    "4": v4(ORDER, rules={"$.total": {"match": "type"}}),
}
SIDES: dict[str, Any] = {
    "of Lambda's form": raw,
    "of the typed form": typed,
    "decorated": (migrating(user=header("x-user"))(typed), candidate(raw)),
}


@pytest.mark.parametrize("pact", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
def test_sides_of_every_form_keep_pacts_of_every_version(
    tmp_path: Path, pact: Any, sides: Any
) -> None:
    kept(tmp_path, pact, *(sides if isinstance(sides, tuple) else (sides,)))


WRONG: dict[str, tuple[Response, list[str]]] = {
    "another type": (
        Response.json({"id": "7", "total": "12.5"}),
        ["    $.total: Expected '12.5' (String) to be the same type as 12.5 (Decimal)"],
    ),
    "a member less": (
        Response.json({"id": "7"}),
        ["    $: Actual map is missing the following keys: total"],
    ),
    "another status": (
        Response.json(ORDER, status=201),
        ["    status: expected 200, was 201"],
    ),
}


@pytest.mark.parametrize(("wrong", "lines"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("side", ["control", "candidate"])
def test_a_side_that_breaks_a_pact_is_named_with_the_difference_in_words(
    tmp_path: Path, side: str, wrong: Response, lines: list[str]
) -> None:
    sides = [answering(wrong), typed] if side == "control" else [typed, answering(wrong)]
    said = broken(tmp_path, VERSIONS["4"], *sides)
    assert said == [f"{side} breaks 'a wish' (app-orders.json)", *lines]


def test_a_missing_header_is_a_difference(tmp_path: Path) -> None:
    etag = v4(
        ORDER, rules=LIKE_ORDER, headers={"etag": ["1"], "Content-Type": ["application/json"]}
    )
    said = broken(tmp_path, etag)
    assert said[0] == "control breaks 'a wish' (app-orders.json)"
    assert said[1].startswith("    headers.etag: Expected a header 'etag'")


def test_what_a_side_raises_is_the_cause(tmp_path: Path) -> None:
    def fails(_: Request) -> Response:
        raise ZeroDivisionError("by an order")

    with pytest.raises(AssertionError, match=r"status: expected 200, was 500") as raised:
        kept(tmp_path, VERSIONS["4"], typed, fails)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


BODIES: dict[str, tuple[Any, Response]] = {
    "text": (
        v4("seven", kind="text/plain"),
        Response(status=200, headers={"content-type": "text/plain"}, body="seven"),
    ),
    "bytes": (
        v4(
            status=200,
            body={
                "content": base64.b64encode(b"\x89PNG\0\xff").decode(),
                "contentType": "image/png",
                "encoded": "base64",
            },
        ),
        Response(status=200, headers={"content-type": "image/png"}, body=b"\x89PNG\0\xff"),
    ),
    "none": (v4(status=204), Response(status=204)),
    "a redirection": (
        v4(status=302, headers={"Location": ["/orders/8"]}),
        Response(status=302, headers={"location": "/orders/8"}),
    ),
}


@pytest.mark.parametrize(("pact", "answer"), BODIES.values(), ids=BODIES)
def test_answers_of_every_kind_can_be_kept_and_broken(
    tmp_path: Path, pact: Any, answer: Response
) -> None:
    kept(tmp_path, pact, answering(answer))
    other = Response(status=answer.status + 1, headers=answer.headers, body=b"other")
    assert broken(tmp_path, pact, answering(answer), answering(other))


def test_the_whole_request_arrives(tmp_path: Path) -> None:
    seen = list[Request]()

    def looks(request: Request) -> Response:
        seen.append(request)
        return Response(status=204)

    pact = v3(
        {"status": 204},
        method="POST",
        path="/orders/a b/ü",
        query={"tag": ["x&y", "z"], "empty": [""]},
        headers={"Content-Type": "application/json", "Cookie": "cart=7", "X-Trace": "1"},
        body={"count": 2},
    )
    kept(tmp_path, pact, looks, answers=["GET /orders", "POST /orders/{id}/{more+}"])
    [request, _] = seen
    assert (request.method, request.path) == ("POST", "/orders/a%20b/%C3%BC")
    assert request.path_parameters == {"id": "a b", "more": "ü"}
    assert request.route_key == "POST /orders/{id}/{more+}"
    assert request.parameters == {"tag": ["x&y", "z"], "empty": [""]}
    assert request.cookies == {"cart": "7"}
    assert request.headers["x-trace"] == "1"
    assert json.loads(request.body) == {"count": 2}


def test_a_binary_body_arrives_as_bytes(tmp_path: Path) -> None:
    pact = v4(status=204)
    pact["interactions"][0]["request"] |= {
        "method": "PUT",
        "headers": {"Content-Type": ["image/png"]},
        "body": {
            "content": base64.b64encode(b"\x89PNG\0\xff").decode(),
            "contentType": "image/png",
            "encoded": "base64",
        },
    }
    seen = list[Request]()

    def looks(request: Request) -> Response:
        seen.append(request)
        return Response(status=204)

    kept(tmp_path, pact, looks, answers="ANY /{all+}")
    assert {request.body for request in seen} == {b"\x89PNG\0\xff"}


_CLAIMS = base64.urlsafe_b64encode(json.dumps({"sub": "ada", "scope": "x"}).encode()).decode()
JWT = f"e30.{_CLAIMS.rstrip('=')}.c2ln"
TOKENS = {
    "a word": ("Bearer ada", "ada"),
    "a JWT": (f"Bearer {JWT}", "ada"),
    "no JWT, with dots": ("Bearer a.b.c", "a.b.c"),
    "no token": ("Basic eA==", ""),
}


@pytest.mark.parametrize(("token", "user"), TOKENS.values(), ids=TOKENS)
def test_a_token_says_who_asks(tmp_path: Path, token: str, user: str) -> None:
    pact = v2({"status": 200, "headers": JSON, "body": {"user": user}})
    pact["interactions"][0]["request"]["headers"] = {"Authorization": token}
    kept(tmp_path, pact, lambda request: Response.json({"user": request.user}))


HANDLERS: dict[str, tuple[Any, Any, str, dict[str, Any]]] = {
    "Powertools' resolver": (
        orders_resolver.lambda_handler,
        rest_api,
        "/orders/42",
        {"id": "42", "total": "19.90", "tags": ["a b"]},
    ),
    "FastAPI and Mangum": (
        fastapi_app.handler,
        http_api,
        "/carts/42",
        {"id": "42", "user": "ada", "tags": ["a b"], "theme": "dark"},
    ),
    "Flask": (
        flask_app.lambda_handler,
        http_api,
        "/carts/42",
        {"id": "42", "tags": ["a b"], "theme": "dark"},
    ),
}


@pytest.mark.parametrize(("handler", "event", "path", "body"), HANDLERS.values(), ids=HANDLERS)
def test_handlers_of_frameworks_keep_pacts_and_break_them(
    tmp_path: Path, handler: Any, event: Any, path: str, body: dict[str, Any]
) -> None:
    key = f"GET {path.replace('42', '{id}')}"
    asked: dict[str, Any] = {
        "path": path,
        "query": {"tag": ["a b"]},
        "headers": {"Authorization": "Bearer ada", "Cookie": "theme=dark"},
    }
    kept(tmp_path, v3({"status": 200, "body": body}, **asked), handler, answers=key, event=event)
    other = v3({"status": 200, "body": {**body, "id": "43"}}, **asked)
    said = broken(tmp_path, other, handler, answers=key, event=event)
    assert said[1] == "    $.id: Expected '42' (String) to be equal to '43' (String)"


DOORS: dict[str, tuple[Any, FrontDoor]] = {
    "HTTP API": (http_api, HTTP_API),
    "REST API": (rest_api, REST_API),
    "load balancer": (load_balancer, LOAD_BALANCER),
}


@pytest.mark.parametrize(("event", "door"), DOORS.values(), ids=DOORS)
def test_a_route_is_asked_as_its_front_door_asks(
    tmp_path: Path, event: Any, door: FrontDoor
) -> None:
    seen = list[Any]()

    def handler(event: Any, context: Any) -> Any:
        seen.append(event)
        return door.payload(Response.json(ORDER))

    pact = v3(RESPONSE, query={"tag": ["a b", "c"]}, headers={"X-User": "ada"})
    kept(tmp_path, pact, migrating(user=header("x-user"))(handler), event=event)
    assert all(front_door(each) is door for each in seen)
    request = door.request(seen[0])
    assert (request.path, request.headers["x-user"]) == ("/orders/7", "ada")


def test_a_state_is_made_with_its_parameters_in_the_thread_of_the_test_and_left_again(
    tmp_path: Path,
) -> None:
    database = sqlite3.connect(":memory:")  # which no other thread may use
    database.execute("CREATE TABLE orders (id)")

    @contextmanager
    def an_order(id: str, total: float) -> Iterator[None]:
        database.execute("INSERT INTO orders VALUES (?)", [id])
        assert total == 12.5
        yield
        database.execute("DELETE FROM orders")

    def handler(request: Request) -> Response:
        assert threading.current_thread() is threading.main_thread()
        assert database.execute("SELECT count(*) FROM orders").fetchone() == (1,)
        return Response.json(ORDER)

    pact = v3(RESPONSE, states={"an order": {"id": "7", "total": 12.5}, "nothing else": {}})
    states = {"an order": an_order, "nothing else": lambda: None}
    kept(tmp_path, pact, handler, states=states)
    assert database.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    database.close()


def test_what_a_state_gives_is_in_the_request_that_takes_it_from_there(tmp_path: Path) -> None:
    pact = v3({"status": 200, "headers": JSON, "body": {"id": "1701"}}, states={"an order": {}})
    pact["interactions"][0]["request"]["generators"] = {
        "path": {"type": "ProviderState", "expression": "/orders/${id}", "dataType": "STRING"}
    }
    asks = lambda request: Response.json({"id": request.path_parameters["id"]})  # noqa: E731
    kept(tmp_path, pact, asks, states={"an order": lambda: {"id": "1701"}})


def test_a_folder_holds_the_pacts_of_several_consumers(tmp_path: Path) -> None:
    for consumer, pact in (("app", VERSIONS["2"]), ("shop", v4({"id": "8"}))):
        (tmp_path / f"{consumer}.json").write_text(json.dumps(pact))
    with pytest.raises(AssertionError) as raised:
        assert_pacts_kept(typed, typed, tmp_path, answers="GET /orders/{id}")
    assert "breaks 'a wish' (shop.json)" in str(raised.value)
    assert "app.json" not in str(raised.value)


BAD: dict[str, tuple[Any, str]] = {
    "no JSON": ("{nope", "is no JSON"),
    "empty": ("", "is no JSON"),
    "a list": ([], "is no pact: it names no consumer"),
    "no interactions": ({**v4(ORDER), "interactions": []}, "or no interactions"),
    "no consumer": ({**v4(ORDER), "consumer": {}}, "is no pact"),
    "an unknown version": (
        {**v4(ORDER), "metadata": {"pactSpecification": {"version": "9.0"}}},
        r"has version '9.0' of the Pact specification, known are 1, 2, 3, 4",
    ),
    "no version": ({**v4(ORDER), "metadata": {}}, "has version None"),
    "a message": (
        {**v4(ORDER), "interactions": [{"type": "Asynchronous/Messages", "description": "x"}]},
        "interaction 1 of .* is Asynchronous/Messages, and a route answers HTTP alone",
    ),
    "no request": (
        {**v4(ORDER), "interactions": [{"description": "x"}]},
        "interaction 1 of .* lacks a description, a request with a path, or a response",
    ),
    "a status that is none": (v3({"status": 2_000}), "a response with a status and headers"),
    "a status in words": (v3({"status": "200"}), "a response with a status and headers"),
    "headers in a list": (v3({"status": 200, "headers": ["etag"]}), "a response with a status"),
    "no response": (
        {**v4(), "interactions": [{"description": "x", "request": {"path": "/orders/7"}}]},
        "lacks a description",
    ),
    "a state without a name": (
        {
            **v2({"status": 200}),
            "interactions": [{**v2({"status": 200})["interactions"][0], "providerStates": [7]}],
        },
        "interaction 1 of .* needs .*, which is no state: give it a name",
    ),
    "deep JSON": ("[" * 100_000, "is no JSON"),
    "a plugin that is not here": (
        {
            **v4(ORDER),
            "metadata": {
                "pactSpecification": {"version": "4.0"},
                "plugins": [{"name": "csv", "version": "0.0.6", "configuration": {}}],
            },
        },
        "Pact cannot verify it",
    ),
    "another path": (
        v2(RESPONSE, path="/users/7"),
        r"'a wish' \(app-orders.json\) asks GET /users/7, and the route answers GET /orders/\{id\}",
    ),
    "another method": (v2(RESPONSE, method="DELETE"), "asks DELETE /orders/7"),
    "a state that nobody makes": (
        v3(RESPONSE, states={"an order": {"id": "7"}}),
        r"needs the state 'an order', which nobody makes; give states=\{'an order': …\}, a function"
        " of id",
    ),
    "a state of other parameters": (
        v3(RESPONSE, states={"nothing": {"id": "7"}}),
        r"needs the state 'nothing' with the parameters \{'id': '7'\}, and what makes it does not",
    ),
}


@pytest.mark.parametrize(("pact", "said"), BAD.values(), ids=BAD)
def test_what_nobody_can_keep_is_refused_with_the_reason(
    tmp_path: Path, pact: Any, said: str
) -> None:
    with pytest.raises(PactError, match=said):
        kept(tmp_path, pact, states={"nothing": lambda: None})


@pytest.mark.parametrize("pacts", ["nowhere.json", "."], ids=["no file", "an empty folder"])
def test_where_no_pact_is_nothing_is_shown(tmp_path: Path, pacts: str) -> None:
    with pytest.raises(PactError, match=r"cannot be read: No such file|holds no pact"):
        assert_pacts_kept(typed, typed, tmp_path / pacts, answers="GET /orders/{id}")


@pytest.mark.parametrize("key", ["", "GET", "/orders", "GET orders", "POST"])
def test_what_is_no_route_key_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="is no route key: write a method and a path"):
        kept(tmp_path, VERSIONS["4"], answers=key)


def test_a_state_that_raises_is_said_at_once_with_its_cause(tmp_path: Path) -> None:
    def fails() -> None:
        raise ConnectionError("no database")

    started = time.monotonic()
    with pytest.raises(
        PactError, match=r"'down' of 'a wish' \(app-orders.json\) could not"
    ) as raised:
        kept(tmp_path, v3(RESPONSE, states={"down": {}}), states={"down": fails})
    assert str(raised.value).endswith("ConnectionError: no database")
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert time.monotonic() - started < 5


def hangs(*_: object) -> Any:
    """However often it is told to end: a finalizer swallows it."""
    for _again in range(2):
        with suppress(BaseException):
            threading.Event().wait()
    threading.Event().wait()


def test_a_state_that_hangs_is_ended_and_said(tmp_path: Path) -> None:
    with pytest.raises(PactError, match=r"'down' .* was not there within 0.1 s"):
        kept(tmp_path, v3(RESPONSE, states={"down": {}}), states={"down": hangs}, timeout_s=0.1)


@pytest.mark.parametrize("side", ["control", "candidate"])
def test_a_side_that_hangs_is_ended_and_said(tmp_path: Path, side: str) -> None:
    sides = [hangs_typed, typed] if side == "control" else [typed, hangs_typed]
    said = broken(tmp_path, VERSIONS["4"], *sides, timeout_s=0.3)
    assert said[:2] == [f"{side} breaks 'a wish' (app-orders.json)", "    no answer within 0.3 s"]


def hangs_typed(_: Request) -> Response:
    response: Response = hangs()
    return response


def test_pact_is_told_to_track_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "")
    kept(tmp_path, VERSIONS["4"])
    assert os.environ["PACT_DO_NOT_TRACK"] == "true"
