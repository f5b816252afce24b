"""Bodies as they are compared: what a client reads, and its numbers, which stay text.

The text of a number is kept as bytes, which equal no string and no boolean, unlike Python's `1`
that equals `True`. So `==` on two parsed bodies is never wrong when it says that they are equal,
and a walk can leave equal parts to it, at the speed of C.
"""

import json
import math
import re
import zlib
from decimal import Decimal
from typing import Any

LARGEST = 6 * 1024 * 1024
"""Bytes that a compressed body may inflate to: as many as Lambda lets an answer have.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

_DECODER = json.JSONDecoder(parse_int=str.encode, parse_float=str.encode, parse_constant=str.encode)
_GZIP = b"\x1f\x8b"
_CONSTANTS = {b"NaN": math.nan, b"Infinity": math.inf, b"-Infinity": -math.inf}
_EMPTY = re.compile(r'(null|""|\[\s*\]|\{\s*\})?', re.ASCII)
_WHITE = " \t\r\n"
_CLOCK = re.compile(r"(?<=\d[T ])\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?", re.ASCII)
_IN_STRING = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LONGEST_EXPONENT = 4_000  # digits; Python converts no more than 4,300


class Absent:
    """What one side lacks and the other has; JSON has no word for it."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


class Binary(bytes):
    """A body that is no JSON, as bytes; plain bytes are the text of a number."""

    __slots__ = ()


class UnreadableError(Exception):
    """A body that cannot be read here, though a client may be able to."""


def parse(control: str | bytes, candidate: str | bytes, *, lines: bool = False) -> tuple[Any, Any]:
    """Both bodies parsed for comparison; with `lines`, or where one is no single text, by lines.

    A body without anything in it is `ABSENT`, unless it has `lines`. Bytes are UTF-8, as the
    standard has it; a byte order mark is skipped.

    Raises:
        ValueError: one of them is no JSON.
        RecursionError: JSON nested deeper than Python can follow.
    """
    left, right = _text(control), _text(candidate)
    if not lines:
        try:
            here = _DECODER.decode(left) if left else ABSENT
            return here, _DECODER.decode(right) if right else ABSENT
        except ValueError:
            if not left or not right:
                raise
    return [*map(_DECODER.decode, _lines(left))], [*map(_DECODER.decode, _lines(right))]


def is_empty(body: str | bytes) -> bool:
    """Whether a body says that there is nothing: no byte, `null`, `""`, `[]` or `{}`."""
    try:
        return _EMPTY.fullmatch(_text(body)) is not None
    except ValueError:
        return False


def is_gzip(body: str | bytes) -> bool:
    """Whether a body starts as gzip does, and as no text can."""
    return isinstance(body, bytes) and body.startswith(_GZIP)


def inflated(body: bytes) -> bytes:
    """What a gzip body holds.

    Raises:
        UnreadableError: it is damaged, or holds more than `LARGEST`.
    """
    content = b""
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            content += member.decompress(body, LARGEST + 1 - len(content))
        except zlib.error as error:
            raise UnreadableError("damaged gzip") from error
        if not member.eof or len(content) > LARGEST:
            raise UnreadableError("gzip that is cut off, or inflates to more than an answer holds")
        body = member.unused_data
    return content


def number_in(text: str) -> bytes | None:
    """The number that a string holds and nothing else, as a parsed body would hold it."""
    return text.encode() if _IN_STRING.fullmatch(text) else None


def fold(text: str) -> str:
    """The text without case, and with any run of white space as one space."""
    return " ".join(text.split()).casefold()


def form(value: Any, as_number: str | None = None) -> str | int:
    """How a number or an ISO 8601 time is written: two equal ones may be so in different ways.

    Example:
        >>> form(b"5"), form(b"5.0"), form("2024-05-01T10:00:00Z"), form("5.0")
        ('whole', 'with a fraction', 8, 0)
    """
    text = number_in(value) or value if as_number and isinstance(value, str) else value
    if isinstance(text, str):
        clock = _CLOCK.search(text)
        return len(clock[0]) if clock else 0
    if isinstance(text, bytes):
        return "whole" if is_whole(text) else "with a fraction"
    return 0


def is_whole(text: bytes) -> bool:
    """Whether a number is written without a fraction and an exponent."""
    return text.lstrip(b"+-").isdigit()


def exact(text: bytes) -> bytes:
    """A number's digits and its power of ten: two numbers are equal if theirs are.

    Neither a double's precision nor its range limits it.

    Example:
        >>> exact(b"1.50"), exact(b"15e-1"), exact(b"-0.0")
        (b'15e-1', b'15e-1', b'0')
    """
    mantissa, _, exponent = text.lower().partition(b"e")
    whole, _, fraction = mantissa.lstrip(b"+-").partition(b".")
    if not whole.isdigit() or len(exponent) > _LONGEST_EXPONENT:
        return text  # NaN or Infinity, or a power that nobody can mean
    digits = (whole + fraction).lstrip(b"0")
    significant = digits.rstrip(b"0")
    if not significant:
        return b"0"
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    sign = b"-" if text.startswith(b"-") else b""
    return b"%b%be%d" % (sign, significant, power)


def is_same_number(one: bytes, other: bytes) -> bool:
    """Whether two numbers of a body are equal, which `exact` would tell more slowly."""
    if one.isdigit() and other.isdigit():
        return one == other
    return exact(one) == exact(other)


def plain(value: Any) -> Any:
    """A parsed value as `json.loads` would have given it; as it is where it is nested too deep."""
    try:
        return _plain(value)
    except RecursionError:
        return value


def _plain(value: Any) -> Any:
    kind = value.__class__
    if kind is bytes:
        return _number(value)
    if kind is list:
        return [_plain(element) for element in value]
    return {key: _plain(member) for key, member in value.items()} if kind is dict else value


def _number(text: bytes) -> Any:
    """The number with this text: a Decimal if neither an int nor a float is exactly that."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        value = int(text) if is_whole(text) else float(text)
        if exact(repr(value).encode()) == exact(text):
            return value
    except ValueError:  # more digits than Python likes to convert
        pass
    try:
        return Decimal(text.decode())
    except ArithmeticError:  # a power that not even a Decimal has
        return text.decode()


def _text(body: str | bytes) -> str:
    text = body.decode() if isinstance(body, bytes) else body
    return text.removeprefix("\ufeff").strip(_WHITE)


def _lines(text: str) -> list[str]:
    stripped = (line.strip(_WHITE + "\x1e") for line in text.split("\n"))
    return [line for line in stripped if line]
