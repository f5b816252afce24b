"""Users on both sides: which of them a request is about, and how each side holds one."""

from dataset.steps import Rows
from shadow_runtime.http import Request


def keys(request: Request) -> tuple[str, ...]:
    """The caller alone."""
    return (request.user,) if request.user else ()


def translate(old: Rows) -> Rows:
    """The directory's entry as the table holds it."""
    return {"name": old["name"], "email": old["email"], "plan": old["plan"]}


def inverse(new: Rows) -> Rows:
    """The table's row as the directory holds it."""
    return {"name": new["name"], "email": new["email"], "plan": new["plan"]}
