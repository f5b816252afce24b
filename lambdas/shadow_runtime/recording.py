"""A request of a user's, masked: its form stays, so that it can be asked again, and no value does.

Each letter becomes a letter, each digit a digit, by a keyed hash of the whole text. Without the key
nobody gets back, and what was equal still is: a path names the user that the claims name.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from shadow_runtime.compare.findings import is_name
from shadow_runtime.http import Request

_CLEAR = ("accept", "accept-encoding", "accept-language", "content-type")
_PLAIN = re.compile(r"[A-Za-z0-9*/+;=.,_ -]{1,100}")
"""What a header that negotiates is made of, and no address or token."""

_OF_A_PROXY = ("x-forwarded-", "x-amz", "x-amzn-")
_DIGEST = 32


def masked(request: Request, key: bytes) -> dict[str, Any]:
    """`request` as a line of `requests.jsonl`, without a value that a user or a client gave.

    Literal parts of the path stay, as far as the API's route says that they are; names of
    parameters and of `x-` headers, where they look like names; and the four headers that negotiate.
    There is no body, no id, no address and no other header.

    Example:
        >>> line = masked(Request(method="GET", path="/users/ada", user="ada",
        ...                       route_key="GET /users/{id}"), b"key")
        >>> line["path"] == "/users/" + line["user"] != "/users/ada"
        True
    """
    line = {
        "method": request.method,
        "path": _path(request, key),
        "user": text(request.user, key),
        "route_key": request.route_key,
        "stage": request.stage,
        "path_parameters": {n: _parts(v, key) for n, v in request.path_parameters.items()},
        "query": urlencode(
            [
                (_name(name, key), text(value, key))
                for name, value in parse_qsl(request.query, keep_blank_values=True)
            ]
        ),
        "headers": dict(sorted(_headers(request.headers, key).items())),
        "authorizer": _values(request.authorizer, key),
    }
    return {name: value for name, value in line.items() if value}


def form(line: Mapping[str, Any] | None) -> str:
    """What lines of one kind have in common: all but what is masked in them."""
    if line is None:
        return ""
    query = sorted({name for name, _ in parse_qsl(line.get("query", ""), keep_blank_values=True)})
    named = [line["method"], line.get("route_key", ""), *query, *line.get("headers", {})]
    return " ".join(named)


def text(value: str, key: bytes) -> str:
    """`value` with other letters and digits: as many of them, and the same ones for the same value.

    Example:
        >>> masked_id = text("User-042", b"key")
        >>> len(masked_id), masked_id[0].isupper(), masked_id[4], masked_id[5:].isdigit()
        (8, True, '-', True)
    """
    encoded = value.encode("utf-8", "surrogatepass")
    blocks = (
        hmac.digest(key, b"%d\0%s" % (number, encoded), "sha256")
        for number in range(len(value) // _DIGEST + 1)
    )
    drawn = b"".join(blocks)
    return "".join(map(_drawn, value, drawn))


def _drawn(character: str, byte: int) -> str:
    if character.isdecimal():
        return str(byte % 10)
    if character.isascii() and not character.isalpha():
        return character
    return chr(ord("A" if character.isupper() else "a") + byte % 26)


def _path(request: Request, key: bytes) -> str:
    """Masked but for what stands in the API's route, such as `GET /users/{id}`."""
    literal = request.route_key.partition(" ")[2].split("/")
    parts = request.path.split("/")
    if request.stage and parts[1:2] == [request.stage]:
        literal = ["", *parts[1:2], *literal[1:]]
    kept = [*literal[: len(parts)], *[""] * (len(parts) - len(literal))]
    return "/".join(
        part if part == same else quote(text(unquote(part), key))
        for part, same in zip(parts, kept, strict=True)
    )


def _parts(value: str, key: bytes) -> str:
    return "/".join(text(unquote(part), key) for part in value.split("/"))


def _name(name: str, key: bytes) -> str:
    return name if is_name(name) else text(name, key)


def _headers(headers: Mapping[str, str], key: bytes) -> dict[str, str]:
    clear = {n: headers[n] for n in _CLEAR if _PLAIN.fullmatch(headers.get(n, ""))}
    own = {
        name: text(value, key)
        for name, value in headers.items()
        if name.startswith("x-") and not name.startswith(_OF_A_PROXY) and is_name(name)
    }
    return clear | own


def _values(value: Any, key: bytes) -> Any:
    match value:
        case Mapping():
            return {_name(str(name), key): _values(each, key) for name, each in value.items()}
        case list():
            return [_values(each, key) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return int(text(f"{abs(value):.0f}", key))
    return text(str(value), key)
