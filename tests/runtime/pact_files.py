"""Pact files of every version, of one interaction unless said otherwise."""

import json
from pathlib import Path
from typing import Any

JSON = {"content-type": "application/json"}


def v2(response: dict[str, Any], *, state: str = "", **request: Any) -> dict[str, Any]:
    return _pact(
        "2.0.0",
        {
            "description": "a wish",
            **({"providerState": state} if state else {}),
            "request": {"method": "GET", "path": "/orders/7", **request},
            "response": response,
        },
    )


def v3(
    response: dict[str, Any], *, states: dict[str, dict[str, Any]] | None = None, **request: Any
) -> dict[str, Any]:
    return _pact(
        "3.0.0",
        {
            "description": "a wish",
            "providerStates": [{"name": n, "params": p} for n, p in (states or {}).items()],
            "request": {"method": "GET", "path": "/orders/7", **request},
            "response": response,
        },
    )


def v4(
    content: Any = None,
    *,
    kind: str = "application/json",
    rules: dict[str, Any] | None = None,
    **response: Any,
) -> dict[str, Any]:
    """`rules` are matchers of the body by path."""
    body = {"body": {"content": content, "contentType": kind, "encoded": False}}
    matching = {
        path: {"combine": "AND", "matchers": [rule]} for path, rule in (rules or {}).items()
    }
    return _pact(
        "4.0",
        {
            "type": "Synchronous/HTTP",
            "description": "a wish",
            "request": {"method": "GET", "path": "/orders/7"},
            "response": {
                "status": 200,
                **({} if content is None else body),
                **({"matchingRules": {"body": matching}} if matching else {}),
                **response,
            },
        },
    )


def _pact(version: str, *interactions: dict[str, Any]) -> dict[str, Any]:
    return {
        "consumer": {"name": "app"},
        "provider": {"name": "orders"},
        "interactions": [*interactions],
        "metadata": {"pactSpecification": {"version": version}},
    }


def write(folder: Path, pact: Any) -> Path:
    file = folder / "app-orders.json"
    file.write_text(pact if isinstance(pact, str) else json.dumps(pact))
    return file
