"""Requests and responses: what a handler reads, and how values are written as JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel
from sqlmodel import SQLModel

from shadow_runtime.http import Request, Response


def asked(**members: Any) -> Request:
    return Request(method="GET", path="/", **members)


def test_repeated_parameters_are_all_there_decoded_and_the_query_stays_as_sent() -> None:
    request = asked(query="tag=a%20b&tag=c&empty=&code=DE")
    assert request.parameters == {"tag": ["a b", "c"], "empty": [""], "code": ["DE"]}
    assert request.query == "tag=a%20b&tag=c&empty=&code=DE"


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("cartId=7; theme=dark", {"cartId": "7", "theme": "dark"}),
        ("cartId=7;theme=dark", {"cartId": "7", "theme": "dark"}),
        ("token=a=b", {"token": "a=b"}),
        ("id=first; id=second", {"id": "first"}),
        ("", {}),
    ],
)
def test_cookies_are_read_from_their_header(header: str, cookies: dict[str, str]) -> None:
    assert asked(headers={"cookie": header}).cookies == cookies


@pytest.mark.parametrize(
    "authorizer",
    [
        {"jwt": {"claims": {"sub": "ada", "cognito:groups": "[staff]"}, "scopes": None}},
        {"claims": {"sub": "ada", "cognito:groups": "[staff]"}},
    ],
)
def test_claims_are_those_of_either_kind_of_authorizer(authorizer: dict[str, Any]) -> None:
    claims = asked(authorizer=authorizer).claims
    assert (claims["sub"], claims["cognito:groups"]) == ("ada", "[staff]")


@pytest.mark.parametrize("authorizer", [{}, {"lambda": {"userId": "ada"}}, {"jwt": None}])
def test_without_a_token_there_are_no_claims(authorizer: dict[str, Any]) -> None:
    assert asked(authorizer=authorizer).claims == {}


def test_a_server_that_failed_is_told_from_one_that_refused() -> None:
    assert [s for s in (200, 404, 499, 500, 503) if Response(status=s).is_fault] == [500, 503]


class Plan(BaseModel):
    price: Decimal


class Account(SQLModel):
    name: str
    since: datetime


class Size(Enum):
    LARGE = "L"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Line:
    sku: UUID
    price: Decimal
    size: Size


SKU = UUID("12345678-1234-5678-1234-567812345678")


def written(value: Any) -> Any:
    return json.loads(Response.json(value).body)


def test_models_are_answered_in_their_json_form_alone_in_lists_and_nested() -> None:
    account = Account(name="Åda", since=datetime(2030, 1, 7, 9, tzinfo=UTC))
    form = {"name": "Åda", "since": "2030-01-07T09:00:00Z"}
    assert written(account) == form
    assert written([account, account]) == [form, form]
    assert written({"plan": Plan(price=Decimal("1.50"))}) == {"plan": {"price": "1.50"}}


def test_what_handlers_hold_is_written_as_clients_expect_it() -> None:
    assert written([Decimal(3), Decimal("19.90"), Decimal("1E+2")]) == [3, 19.9, 100]
    assert written([datetime(2030, 1, 7, 9, tzinfo=UTC), date(2030, 1, 7)]) == [
        "2030-01-07T09:00:00+00:00",
        "2030-01-07",
    ]
    assert written([SKU, Size.LARGE, Level.HIGH]) == [str(SKU), "L", 3]
    line = Line(SKU, Decimal("2.5"), Size.LARGE)
    assert written({"lines": [line]}) == {"lines": [{"sku": str(SKU), "price": 2.5, "size": "L"}]}


def test_text_is_answered_as_it_is_written_not_escaped() -> None:
    assert Response.json("Å").body == '"Å"'


def test_a_value_without_a_json_form_is_refused_by_its_type_never_by_its_content() -> None:
    with pytest.raises(TypeError, match="set") as e:
        Response.json({"secret"})
    assert "secret" not in str(e.value)


def test_a_refusal_has_the_shape_of_api_gateways_own() -> None:
    assert Response.error(401, "Unauthorized").body == '{"message": "Unauthorized"}'
