"""Two values, or two bodies, compared as the answers of a route."""

from typing import Any

from shadow_runtime.compare import EXACT, Comparison, Rules, compare
from shadow_runtime.http import Response

JSON = {"content-type": "application/json"}


def text(body: str | bytes, *, status: int = 200, **headers: str) -> Response:
    """An answer whose body is JSON; a header's name has `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=JSON | named, body=body)


def of(control: Any, candidate: Any, rules: Rules = EXACT) -> Comparison:
    return compare(Response.json(control), Response.json(candidate), rules)


def found(control: Any, candidate: Any, rules: Rules = EXACT) -> list[str]:
    return [f"{d.path} {d.kind}" for d in of(control, candidate, rules).differences]
