"""What proves who somebody is stays out of copies, and whoever needed it there is told apart."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "referer",  # may hold a credential in its query
        "set-cookie",
        "x-access-token",
        "x-amz-security-token",
        "x-amzn-oidc-accesstoken",
        "x-amzn-oidc-data",
        "x-api-key",
        "x-auth-token",
        "x-forwarded-access-token",
    }
)
PARAMETERS = frozenset(
    {
        "access_token",  # RFC 6750, section 2.3
        "api_key",
        "apikey",
        "client_secret",
        "id_token",
        "refresh_token",
        "x-amz-security-token",  # of a pre-signed URL
        "x-amz-signature",
    }
)
"""Query parameters that hold nothing but credentials: never a name that has other uses too."""

_NAMES = re.compile(r"(?i)token|jwt|secret|password|authorization|(api|access)[-_]?key$")
"""Of text in an authorizer's context and in the caller's identity."""

Path = tuple[str, ...]
"""Where in an event something stood: names of members."""


def without_headers(event: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """`event` less the headers of these names, in lower case; with `cookie`, less all cookies."""
    return _without(event, [*_headers(event, names)])


def stripped(event: Mapping[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """A copy of `event`, which shares nothing with it, less its credentials, and what they were."""
    found = [*_headers(event, HEADERS), *_parameters(event), *_authorizer(event)]
    copy = _without(_copied(event), found)
    if query := copy.get("rawQueryString"):
        copy["rawQueryString"] = "&".join(
            pair
            for pair in query.split("&")
            if unquote_plus(pair.partition("=")[0]).lower() not in PARAMETERS
        )
    return copy, found


def headers_without(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` less those that hold a credential."""
    return {name: value for name, value in headers.items() if name.lower() not in HEADERS}


class Stripped(dict[str, Any]):
    """A part of a copied event that knows what was withheld from it, and notes who wants that.

    Looking a name up counts, in whatever case; going through all that is there does not.

    Example:
        >>> headers = Stripped({"accept": "*/*"}, {"cookie"}, asked := [])
        >>> headers.get("accept"), headers.get("Cookie"), asked
        ('*/*', None, ['Cookie'])
    """

    def __init__(
        self, held: Mapping[str, Any], withheld: Collection[str], asked: list[str]
    ) -> None:
        super().__init__(held)
        self._withheld = withheld
        self._asked = asked

    def holding(self, held: Mapping[str, Any]) -> "Stripped":
        """Another one, of the same names, around what it holds in another form."""
        return Stripped(held, self._withheld, self._asked)

    def __missing__(self, name: str) -> Any:
        self._note(name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        self._note(name)
        return super().get(name, default)

    def _note(self, name: object) -> None:
        if isinstance(name, str) and name.lower() in self._withheld:
            self._asked.append(name)


def watched(event: Mapping[str, Any], withheld: Collection[Path], asked: list[str]) -> Any:
    """A copy of `event` that puts into `asked` each name of `withheld` that a handler looks up."""
    return _watch(_copied(event), withheld, asked)


def _watch(part: dict[str, Any], withheld: Collection[Path], asked: list[str]) -> Stripped:
    here = {path[0].lower() for path in withheld if len(path) == 1}
    for name in {path[0] for path in withheld if len(path) > 1}:
        if isinstance(part.get(name), dict):
            below = [path[1:] for path in withheld if path[0] == name and len(path) > 1]
            part[name] = _watch(part[name], below, asked)
    return Stripped(part, here, asked)


def _headers(event: Mapping[str, Any], names: Collection[str]) -> Iterator[Path]:
    for part in ("headers", "multiValueHeaders"):
        yield from ((part, name) for name in event.get(part) or {} if name.lower() in names)
    if "cookie" in names and event.get("cookies"):
        yield from [("cookies",), ("headers", "cookie")]  # read as the one, or as the other


def _parameters(event: Mapping[str, Any]) -> Iterator[Path]:
    for part in ("queryStringParameters", "multiValueQueryStringParameters"):
        yield from ((part, name) for name in event.get(part) or {} if name.lower() in PARAMETERS)


def _authorizer(event: Mapping[str, Any]) -> Iterator[Path]:
    context = event["requestContext"]
    authorizer = context.get("authorizer") or {}
    for path, part in {
        ("authorizer",): authorizer,
        ("authorizer", "lambda"): authorizer.get("lambda"),
        ("authorizer", "iam"): authorizer.get("iam"),
        ("identity",): context.get("identity"),
    }.items():
        for name, value in (part or {}).items():
            if isinstance(value, str) and _NAMES.search(name):
                yield ("requestContext", *path, name)


def _without(event: Mapping[str, Any], paths: Collection[Path]) -> dict[str, Any]:
    """`event` less what is at `paths`; what holds them is copied, the rest is shared."""
    here = {path[0] for path in paths if len(path) == 1}
    below = {path[0] for path in paths} - here
    return {
        name: _without(part, [path[1:] for path in paths if path[0] == name])
        if name in below
        else part
        for name, part in event.items()
        if name not in here
    }


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(part) for name, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value
