"""Which part of a list a client asks for: one reading for both sides.

A page that one side began must go on at the other, whoever answers then: after a way back, behind
a control that stands in, and on the copies that the shadow compares.
"""

import base64
import re
from dataclasses import dataclass
from typing import Self

from shadow_runtime.http import RefusedError, Request

_LARGEST = 50
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")  # fits into a bigint


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Up to `limit` posts, all older than the post `before`; 0 is the newest page.

    Example:
        >>> begun = Page.of(Request(method="GET", path="/users/me/posts", query="limit=2"))
        >>> then = f"limit=2&cursor={begun.cursor(7)}"
        >>> Page.of(Request(method="GET", path="/users/me/posts", query=then))
        Page(limit=2, before=7)
    """

    limit: int
    before: int = 0

    @classmethod
    def of(cls, request: Request) -> Self:
        """By the parameters `limit`, 20 where there is none, and `cursor`.

        Raises:
            RefusedError: 400 where one of them is there twice, or is none.
        """
        limit, cursor = (_single(request, name) for name in ("limit", "cursor"))
        number = _NUMBER.fullmatch("20" if limit is None else limit)
        if number is None or int(number[0]) > _LARGEST:
            raise RefusedError(400, f"limit is a number from 1 to {_LARGEST}")
        return cls(limit=int(number[0]), before=0 if cursor is None else _read(cursor))

    @staticmethod
    def cursor(last: int) -> str:
        """Where the page after the one that ends with the post `last` begins; opaque to clients."""
        return base64.urlsafe_b64encode(f"{last}".encode()).decode().rstrip("=")


def _single(request: Request, name: str) -> str | None:
    values = request.parameters.get(name, [])
    if len(values) > 1:
        raise RefusedError(400, f"one {name} is enough")
    return values[0] if values else None


def _read(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        number = _NUMBER.fullmatch(text.decode())
    except ValueError:
        number = None
    if number is None or Page.cursor(int(number[0])) != cursor:
        raise RefusedError(400, "cursor is what an answer said in next")
    return int(number[0])
