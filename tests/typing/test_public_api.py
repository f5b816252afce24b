"""The public API as a type checker sees it: mypy reads this file in `make check`.

What mypy must refuse is marked with `type: ignore`, which strict mypy refuses where it is needless.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, assert_type

from aws_lambda_powertools.utilities.typing import LambdaContext

from shadow_runtime.candidate import candidate
from shadow_runtime.compare import Rules
from shadow_runtime.handlers import LambdaHandler
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating
from shadow_runtime.user import (
    User,
    authorizer,
    claim,
    cookie,
    header,
    iam_user,
    per_request,
)
from tests.runtime.front_doors.events import SAMPLES
from tests.runtime.front_doors.route import Context
from tests.runtime.handlers import class_based, fastapi_app, orders_resolver


def plain(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return {"statusCode": 200, "body": event["rawPath"]}


def typed(request: Request) -> Response:
    return Response.json({"id": request.user})


def tenant(event: Mapping[str, Any]) -> str | None:
    found: str | None = event["headers"].get("x-tenant")
    return found


def three(event: Any, context: Any, more: Any) -> Any:
    return None


def of_words(request: Request) -> str:
    return request.path


def numbered(event: Mapping[str, Any]) -> int:
    return len(event)


def test_the_decorators_take_handlers_of_both_forms() -> None:
    assert_type(migrating(plain), LambdaHandler)
    assert_type(migrating(typed), LambdaHandler)
    assert_type(candidate(plain), LambdaHandler)
    assert_type(candidate(typed), LambdaHandler)


def test_they_take_methods_and_objects() -> None:
    assert_type(migrating(orders_resolver.app.resolve), LambdaHandler)
    assert_type(migrating(fastapi_app.handler), LambdaHandler)
    assert_type(migrating(class_based.handler), LambdaHandler)
    assert_type(migrating(class_based.handler.handle), LambdaHandler)


def test_with_options_they_give_a_decorator_of_both_forms() -> None:
    for_users = migrating(user=claim("sub"), repeatable=True, withhold=["x-api-key"])
    assert_type(for_users(plain), LambdaHandler)
    assert_type(for_users(typed), LambdaHandler)
    by_rules = candidate(rules=Rules(ignore=["$.at"]))
    assert_type(by_rules(plain), LambdaHandler)
    assert_type(by_rules(typed), LambdaHandler)


def test_a_user_is_found_by_a_function_of_the_event() -> None:
    users: list[User] = [claim("sub"), authorizer("userId"), header("x-tenant"), cookie("cart")]
    users += [iam_user(), per_request, tenant]
    assert_type(users[0]({"headers": {}, "requestContext": {}}), str | None)
    assert_type(migrating(user=tenant)(plain), LambdaHandler)


def test_a_migrated_handler_is_called_as_lambda_calls_it() -> None:
    event = SAMPLES["HTTP API: a JWT"].event
    assert_type(migrating(plain)(event, Context()), Any)
    assert_type(candidate(plain)(event, Context()), Any)
    handler: Callable[[dict[str, Any], LambdaContext], Any] = migrating(plain)
    assert callable(handler)


def test_a_request_and_a_response_say_what_they_hold() -> None:
    request = Request(method="GET", path="/carts", query="tag=a", headers={"cookie": "cart=7"})
    assert_type(request.user, str)
    assert_type(request.body, str | bytes)
    assert_type(request.parameters, dict[str, list[str]])
    assert_type(request.cookies, dict[str, str])
    assert_type(request.claims, Mapping[str, Any])
    response = Response.json({"at": datetime.now(UTC)})
    assert_type(response, Response)
    assert_type(response.cookies, tuple[str, ...])
    assert_type(Response.error(404, "no such cart").is_fault, bool)


def refused() -> None:
    """Never called: each line is one that mypy must not let pass."""
    migrating(three)  # type: ignore[arg-type]
    migrating(of_words)  # type: ignore[arg-type]
    migrating("control.handler")  # type: ignore[call-overload]
    migrating(user="sub")  # type: ignore[call-overload]
    migrating(user=numbered)  # type: ignore[arg-type]
    candidate(three)  # type: ignore[arg-type]
    candidate(rules={"ignore": ["$.at"]})  # type: ignore[call-overload]
    Response(status="200")  # type: ignore[arg-type]
