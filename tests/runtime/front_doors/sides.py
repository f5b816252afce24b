"""The two sides of the route of these tests, which do what a test tells them."""

import json
from typing import Any

GOOD = {"statusCode": 200, "body": "{}"}


class Side:
    """A handler that answers `answer`, or raises it; it remembers what it was called with."""

    def __init__(self) -> None:
        self.answer: Any = GOOD
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, event: Any, context: Any) -> Any:
        self.calls.append((event, context))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(event) if callable(self.answer) else self.answer


def echo(event: Any) -> dict[str, Any]:
    """An answer that holds the whole event, with cookies and repeated headers as its door wants."""
    cookies = ["d=4", "e=5; HttpOnly"]
    return {
        "statusCode": 201 if event.get("body") else 200,
        "headers": {"Content-Type": "application/json", "X-Next": "2", "Set-Cookie": "a=1"},
        "body": json.dumps(event),
        **(
            {"cookies": cookies}
            if event.get("version") == "2.0"
            else {"multiValueHeaders": {"X-Tag": ["one", "two"], "Set-Cookie": cookies}}
        ),
    }


CONTROL, CANDIDATE = Side(), Side()
