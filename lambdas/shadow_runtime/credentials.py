"""What proves who somebody is: it stays in the route, whose candidate is told who the user is."""

from collections.abc import Mapping
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
        "access_token",
        "api_key",
        "apikey",
        "code",
        "id_token",
        "key",
        "password",
        "refresh_token",
        "secret",
        "sig",
        "signature",
        "token",
        "x-amz-security-token",
        "x-amz-signature",
    }
)
"""Query parameters that commonly hold a credential (RFC 6750 §2.3, pre-signed URLs, API keys)."""


def headers_without(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` less those that hold a credential, in any case."""
    return {name: value for name, value in headers.items() if name.lower() not in HEADERS}


def query_without(query: str) -> str:
    """The raw query string `query` less the parameters that hold a credential, in any case."""
    return "&".join(
        pair
        for pair in query.split("&")
        if unquote_plus(pair.partition("=")[0]).lower() not in PARAMETERS
    )
