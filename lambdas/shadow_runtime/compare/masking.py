"""What may be said about a value, or a path, where others can read it: shapes and keyed hashes."""

import hmac
import json
import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(r"(?!(?:.*\d){5})[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST_CLEAR = 100
_DEEPEST_SHOWN = 32

Steps = tuple[str | int, ...]
"""Where a value is: a root (`$`, `status` or `headers`), then object keys and list indexes."""


class Absent:
    """What one side lacks and the other has; JSON has no word for it."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


class DataKey(str):
    """An object key that is data (an id, an e-mail), not the name of a field."""

    __slots__ = ()


def mask(value: object, key: bytes) -> str:
    """`value` by type, length and keyed hash: `str(5)#a1b2c3`.

    Equal values have equal masks under one `key` (any length, kept secret: a hash that anyone can
    compute is found by guessing). An empty key leaves the hash out: `str(5)`.

    Example:
        >>> mask("hello", b"")
        'str(5)'
    """
    return f"{_shape(value)}#{_signature(value, key)}" if key else _shape(value)


def clear(value: object, key: bytes) -> str:
    """`value` itself, as ASCII JSON of at most 100 characters; lists and objects stay masked."""
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value)[:_LONGEST_CLEAR]
    return mask(value, key)


def written(steps: Steps, key: bytes = b"") -> str:
    """The path as text, such as `$.items[3].name`; keys that are data are masked."""
    return _joined(
        steps,
        lambda step: f"[{step}]" if isinstance(step, int) else _written_key(step, key),
    )


def folded(steps: Steps) -> str:
    """The path as text without what varies: `$.items[*].name`, and `$.users{*}` for data keys."""
    return _joined(
        steps,
        lambda step: "[*]" if isinstance(step, int) else f".{step}" if _is_name(step) else "{*}",
    )


def _joined(steps: Steps, text: Callable[[str | int], str]) -> str:
    """The steps in one line, as many of them as a line can bear."""
    shown = "".join(map(text, steps[1:_DEEPEST_SHOWN]))
    return f"{steps[0]}{shown}{'…' if len(steps) > _DEEPEST_SHOWN else ''}"


def _written_key(step: str, key: bytes) -> str:
    return f".{step}" if _is_name(step) else f"{{{mask(str(step), key)}}}"


def _is_name(step: str) -> bool:
    """Whether a key looks like the name of a field: more than four digits make an id."""
    return not isinstance(step, DataKey) and _NAME.fullmatch(step) is not None


def _shape(value: object) -> str:
    match value:
        case None:
            return "null"
        case Absent():
            return "absent"
        case str() | bytes() | list() | dict():
            return f"{type(value).__name__}({len(value)})"
    return type(value).__name__


def _signature(value: object, key: bytes) -> str:
    return hmac.digest(key, _canonical(value), "sha256").hex()[:6]


def _canonical(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return json.dumps(value, sort_keys=True, default=repr).encode()
    except RecursionError:
        return b""
