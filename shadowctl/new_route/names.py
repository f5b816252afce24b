"""What a route is called, everywhere, and what it answers."""

import keyword
import re
from dataclasses import dataclass
from typing import Self

from shadow_runtime.contract import ShadowCanaryError

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SEGMENT = re.compile(r"[\w.~-]+|\{[A-Za-z_]\w*\}")
_LONGEST = 40
_WRITING = ("POST", "PUT", "PATCH", "DELETE")


class NewRouteError(ShadowCanaryError):
    """Nothing was written: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Names:
    """A route's name in the forms in which it is used.

    Example:
        >>> Names.of("get-order")
        Names(route='get-order', module='get_order', stack='GetOrder')
        >>> Names.of("ORDERS") == Names.of("Orders") == Names.of("orders")
        True
    """

    route: str
    module: str
    stack: str

    @classmethod
    def of(cls, name: str) -> Self:
        """From any of them.

        Raises:
            NewRouteError: it is none.
        """
        words = [word.lower() for word in _WORD.findall(name)]
        route = "-".join(words)
        named = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*", name)
        if named is None or len(route) > _LONGEST or keyword.iskeyword("_".join(words)):
            raise NewRouteError(
                f"{name!r} names no route: up to {_LONGEST} letters, digits, - and _, a letter "
                "first, and no word of Python's, such as Orders or get-order"
            )
        return cls(route, "_".join(words), "".join(word.capitalize() for word in words))


@dataclass(frozen=True, slots=True)
class Answered:
    """The requests of a route: a path of GET.

    Example:
        >>> Answered.of("get /orders/{id}")
        Answered(path='/orders/{id}')
        >>> str(Answered.of("GET /orders/{id}")), Answered.of("GET /orders/{id}").parameter
        ('GET /orders/{id}', 'id')
    """

    path: str

    @classmethod
    def of(cls, text: str) -> Self:
        """From a method and a path.

        Raises:
            NewRouteError: it is none, or no GET.
        """
        method, _, path = text.strip().partition(" ")
        if method.upper() in _WRITING:
            raise NewRouteError(
                f"{method.upper()} changes data, and so its route has a dataset, which nobody can "
                "write for you: docs/adopt.md shows how. This command is for GET, got "
                f"{text!r}"
            )
        segments = path.strip().removeprefix("/").split("/")
        is_path = path.strip() == "/" or all(_SEGMENT.fullmatch(each) for each in segments)
        if method.upper() != "GET" or not path.strip().startswith("/") or not is_path:
            raise NewRouteError(
                f"{text!r} is no request to move: write GET and a path, such as 'GET /orders' or "
                "'GET /orders/{id}'"
            )
        return cls(path.strip())

    def __str__(self) -> str:
        """As an API's route key."""
        return f"GET {self.path}"

    @property
    def parameter(self) -> str:
        """The last parameter of the path; `""` where it has none."""
        return self.path.rpartition("{")[2].partition("}")[0] if "{" in self.path else ""
