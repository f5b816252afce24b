"""Handlers as classes: one base that answers errors, one class a resource."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar


class NotFoundError(Exception):
    pass


class BaseHandler(ABC):
    """Turns what `respond` returns or raises into an answer of API Gateway."""

    headers: ClassVar[dict[str, str]] = {"content-type": "application/json"}

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        return self.handle(event, context)

    def handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            body, status = self.respond(event), 200
        except NotFoundError as error:
            body, status = {"error": str(error), "request": context.aws_request_id}, 404
        return {"statusCode": status, "headers": self.headers, "body": json.dumps(body)}

    @abstractmethod
    def respond(self, event: dict[str, Any]) -> dict[str, Any]: ...


@dataclass
class CartHandler(BaseHandler):
    carts: dict[str, list[str]]

    def respond(self, event: dict[str, Any]) -> dict[str, Any]:
        cart_id = event["pathParameters"]["id"]
        if cart_id not in self.carts:
            raise NotFoundError(f"no cart {cart_id}")
        tenant = event["requestContext"]["authorizer"]["userId"]
        return {"id": cart_id, "tenant": tenant, "items": self.carts[cart_id]}


handler = CartHandler({"42": ["tea"]})
