"""A cart for visitors who have not signed in: who they are stands in a cookie."""

import json
import uuid
from decimal import Decimal
from http.cookies import SimpleCookie
from typing import Any

CARTS = {"c-42": [{"sku": "tea", "quantity": Decimal(2), "price": Decimal("4.95")}]}


def _headers(cart_id: str) -> dict[str, Any]:
    cookie: SimpleCookie = SimpleCookie()
    cookie["cartId"] = cart_id
    cookie["cartId"]["max-age"] = 86_400
    cookie["cartId"]["secure"] = True
    cookie["cartId"]["httponly"] = True
    cookie["cartId"]["path"] = "/"
    return {
        "Access-Control-Allow-Origin": "https://shop.example.com",
        "Access-Control-Allow-Credentials": True,
        "Set-Cookie": cookie["cartId"].OutputString(),
    }


def _cart_id(headers: dict[str, str] | None) -> str:
    found = next((v for n, v in (headers or {}).items() if n.lower() == "cookie"), "")
    cookie: SimpleCookie = SimpleCookie(found)
    return cookie["cartId"].value if "cartId" in cookie else str(uuid.uuid4())


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value))


def lambda_handler(event, context):  # type: ignore[no-untyped-def]
    cart_id = _cart_id(event["headers"])
    if event["httpMethod"] == "DELETE":
        return {"statusCode": 204, "headers": _headers(cart_id)}
    return {
        "statusCode": 200,
        "headers": _headers(cart_id),
        "body": json.dumps({"products": CARTS.get(cart_id, [])}, default=_number),
    }
