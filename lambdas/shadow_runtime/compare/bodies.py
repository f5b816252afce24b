"""JSON bodies as they are compared: numbers stay text until two of them differ.

The text of a number is kept as bytes, which equal no string and no boolean, unlike Python's `1`
that equals `True`. So `==` on two parsed bodies is never wrong when it says that they are equal,
and a walk can leave equal parts to it, at the speed of C.
"""

import json
import math
from typing import Any

_DECODER = json.JSONDecoder(parse_int=str.encode, parse_float=str.encode, parse_constant=str.encode)


def parse(body: str | bytes) -> Any:
    """A body parsed for comparison; bytes are UTF-8, as the standard has it.

    Raises:
        ValueError: no JSON.
        RecursionError: JSON nested deeper than Python can follow.
    """
    return _DECODER.decode(body if isinstance(body, str) else body.decode())


def number(text: bytes) -> Any:
    """The number with this text; a Decimal if it has more digits than Python likes to convert."""
    if text == b"NaN":
        return math.nan  # always the same one, so that it equals itself in a list or a dictionary
    try:
        return int(text) if text.lstrip(b"-").isdigit() else float(text)
    except ValueError:
        from decimal import Decimal

        return Decimal(text.decode())


def plain(value: Any) -> Any:
    """A parsed value as `json.loads` would have given it."""
    kind = value.__class__
    if kind is bytes:
        return number(value)
    if kind is list:
        return [plain(element) for element in value]
    return {key: plain(member) for key, member in value.items()} if kind is dict else value
