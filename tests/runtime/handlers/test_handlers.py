"""Six handlers in the shape of public ones, unchanged under `@migrating`: clients see no change."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shadow_runtime.user import User, authorizer, claim, cookie, header, iam_user
from tests.runtime.front_doors import doors
from tests.runtime.front_doors.answers import received
from tests.runtime.front_doors.doors import Event, Sent
from tests.runtime.front_doors.events import CLAIMS, IDENTITY, KEY, LAMBDA_AUTHORIZER, USER_ARN
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.stages import STAGES, WITH_A_STAND_IN
from tests.runtime.handlers import (
    cart,
    class_based,
    fastapi_app,
    flask_app,
    iam_route,
    orders_resolver,
)
from tests.runtime.played import error

JWT = {"jwt": {"claims": CLAIMS, "scopes": None}}
ORIGIN = ("origin", "https://shop.example.com")
JSON = ("content-type", "application/json")


@dataclass(frozen=True)
class Asked:
    """A handler, an event for it, and where its user stands."""

    handler: Any
    door: str
    event: Event
    user: User
    key: str
    status: int


def orders(path: str, status: int, **sent: Any) -> Asked:
    request = Sent(path=path, resource="/{proxy+}", headers=(ORIGIN, ("accept-encoding", "gzip")))
    event = doors.rest_api(replace(request, **sent), LAMBDA_AUTHORIZER)
    return Asked(orders_resolver.lambda_handler, "REST API", event, ORDERS_USER, KEY, status)


def visitors(status: int, key: str, **sent: Any) -> Asked:
    event = doors.rest_api(Sent(path="/cart", resource="/cart", **sent))
    return Asked(cart.lambda_handler, "REST API", event, CART, key, status)


def services(status: int, identity: Event) -> Asked:
    event = doors.rest_api(Sent(), identity=identity)
    return Asked(iam_route.handler, "REST API", event, IAM, identity.get("userArn", ""), status)


def shop(door: str, path: str, status: int, **sent: Any) -> Asked:
    request = Sent(
        path=path, resource="/{proxy+}", headers=(("x-tenant-id", KEY),), query="tag=a&tag=b"
    )
    event = FRONT_DOORS[door](replace(request, **sent))
    return Asked(flask_app.lambda_handler, door, event, TENANT, KEY, status)


def profiles(path: str, status: int, **sent: Any) -> Asked:
    request = Sent(path=path, resource="$default", query="tag=a&tag=b", cookies=("theme=dark",))
    event = doors.http_api(replace(request, **sent), JWT)
    return Asked(fastapi_app.handler, "HTTP API", event, SUBJECT, KEY, status)


def classes(handler: Any, id_: str, status: int) -> Asked:
    event = doors.http_api_v1(Sent(path_parameters=(("id", id_),)), LAMBDA_AUTHORIZER)
    return Asked(handler, "HTTP API, format 1.0", event, ORDERS_USER, KEY, status)


ORDERS_USER, CART, IAM = authorizer("userId"), cookie("cartId"), iam_user()
TENANT, SUBJECT = header("x-tenant-id"), claim("sub")
FRONT_DOORS = {
    "REST API": doors.rest_api,
    "HTTP API": doors.http_api,
    "load balancer": doors.alb,
    "load balancer, multi-value": doors.alb_multi_value,
}

ASKED = {
    "resolver: an order": orders("/orders/42", 200, query="tag=a&tag=b"),
    "resolver: no such order": orders("/orders/43", 404),
    "resolver: a list with cookies, compressed": orders("/orders", 200),
    "resolver: broken": orders("/orders/42/broken", 500),
    "resolver: no such route": orders("/nothing", 404),
    "resolver: preflight": orders("/orders/42", 204, method="OPTIONS"),
    "cart: of a visitor": visitors(200, "c-42", cookies=("theme=dark", "cartId=c-42")),
    "cart: of a new visitor": visitors(200, ""),
    "cart: emptied": visitors(204, "c-42", cookies=("cartId=c-42",), method="DELETE"),
    "IAM: a reader": services(200, IDENTITY),
    "IAM: no reader": services(403, {**IDENTITY, "userArn": f"{USER_ARN}s"}),
    "IAM: nobody": services(403, {}),
    **{
        f"Flask behind a {door}: {what}": shop(door, path, status, **sent)
        for door in FRONT_DOORS
        for what, path, status, sent in (
            ("a cart", "/carts/42", 200, {"cookies": ("theme=dark",)}),
            ("a redirect with cookies", "/login", 303, {}),
            ("bytes", "/logo", 200, {}),
            ("a form", "/carts/42", 201, {"method": "POST", "body": "a=1&a=2"}),
            ("broken", "/broken", 503, {}),
            ("not found", "/nothing", 404, {}),
        )
    },
    "FastAPI: a profile with cookies": profiles("/carts/42", 200),
    "FastAPI: bytes": profiles("/logo", 200),
    "FastAPI: a body": profiles(
        "/carts/42",
        201,
        method="POST",
        headers=(JSON,),
        body='{"id": "", "user": "東京", "tags": [], "theme": null}',
    ),
    "FastAPI: a wrong body": profiles("/carts/42", 422, method="POST", headers=(JSON,), body="{}"),
    "FastAPI: broken": profiles("/broken", 503),
    "class: a cart": classes(class_based.handler, "42", 200),
    "class: no such cart": classes(class_based.handler, "43", 404),
    "class: by its method": classes(class_based.handler.handle, "42", 200),
}

each = pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)


@pytest.fixture(autouse=True)
def _one_new_cart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=42))


def bare(asked: Asked) -> Any:
    return received(asked.door, asked.handler(asked.event, Context()))


def migrated(aws: Aws, asked: Asked, stage: str) -> Any:
    position = STAGES[stage](asked.key)
    answer = aws.ask(
        asked.handler, asked.handler, asked.event, at=position, context=Context(), user=asked.user
    )
    return received(asked.door, answer)


@each
def test_a_handler_works_without_a_migration(asked: Asked) -> None:
    assert bare(asked).status == asked.status


@each
def test_a_client_of_a_migrated_handler_sees_no_change(aws: Aws, asked: Asked) -> None:
    for stage in STAGES:
        assert migrated(aws, asked, stage) == bare(asked), stage


@each
def test_nor_where_control_stands_in_for_its_candidate(aws: Aws, asked: Asked) -> None:
    aws.functions.always(error(429, "TooManyRequestsException"))
    for stage in WITH_A_STAND_IN:
        assert migrated(aws, asked, stage) == bare(asked), stage
