"""What a client may ask of PUT /users/me."""

import json
import unicodedata

from shadow_runtime.http import RefusedError, Request

LARGEST = 8_192
"""Bytes of a body."""

LONGEST = 200
"""Characters of a member."""

_MEMBERS = ("name", "email", "plan")
_PLANS = ("free", "team", "enterprise")


def changes(request: Request) -> dict[str, str]:
    """The members that the caller wants changed.

    Raises:
        RefusedError: 413 for a body over 8 KB, 400 for one that is not JSON, 422 for another form.
    """
    body = (
        request.body.encode("utf-8", "replace") if isinstance(request.body, str) else request.body
    )
    if len(body) > LARGEST:
        raise RefusedError(413, f"A body has at most {LARGEST} bytes")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "The body is no JSON") from None
    if not isinstance(value, dict) or not value or not value.keys() <= {*_MEMBERS}:
        raise RefusedError(422, "The body is an object with some of name, email and plan")
    for name, text in value.items():
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST or not _is_text(text):
            raise RefusedError(422, f"{name} is a text of 1 to {LONGEST} characters")
    if value.get("plan", _PLANS[0]) not in _PLANS:
        raise RefusedError(422, f"plan is one of {', '.join(_PLANS)}")
    return value


def _is_text(text: str) -> bool:
    """Without control characters, and halves of what is written in two: no database holds these."""
    return not any(unicodedata.category(each) in ("Cc", "Cs") for each in text)
