"""The operation that a write carries out, and why a store may not."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from dataset.register import EFFECT_S
from dataset.steps import Operation
from shadow_runtime.front_doors import front_door
from shadow_runtime.http import RefusedError, Request

HEADER = "idempotency-key"
"""By which a client says that it asks once more.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

LONGEST = 255
"""Characters of one, as long as at Stripe: https://docs.stripe.com/api/idempotent_requests"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of `operation`: it takes effect before `until`, or never.

    `until` is in seconds since the epoch; at 0 only what an earlier attempt did is answered.

    Example:
        >>> Attempt(Operation("a", "b", ("ada",)), until=0.0).operation.id
        'a'
    """

    operation: Operation
    until: float


class ConflictError(RefusedError):
    """The operation's id was used with another body: 422."""

    def __init__(self) -> None:
        super().__init__(422, "This Idempotency-Key was used for another request")


class MissingError(RefusedError):
    """The store does not know the key: 404."""

    def __init__(self) -> None:
        super().__init__(404, "Not Found")


class LateError(RefusedError):
    """The attempt's time was over, and nothing was done: 503."""

    def __init__(self) -> None:
        super().__init__(503, "Service Unavailable")


def attempt_of(request: Request | Mapping[str, Any]) -> Attempt:
    """What a handler hands to its store's `apply`: `request` is what it was called with.

    While a dataset moves the route has decided it; else it is made of the request.

    Example:
        >>> put = Request(method="PUT", path="/users/me", headers={"idempotency-key": "7"})
        >>> attempt_of(put).operation == attempt_of(put).operation
        True
    """
    carried = _carried.get()
    if carried is not None:
        return carried
    asked = request if isinstance(request, Request) else front_door(request).request(request)
    return Attempt(operation_of(asked), time.time() + EFFECT_S)


def operation_of(request: Request, keys: tuple[str, ...] = ()) -> Operation:
    """The operation that `request` asks for, on `keys`.

    Its id is a digest of the client's `Idempotency-Key`, or of what is this request's alone: a
    client's text is in no queue. Its digest is of all that makes it another request: an empty body
    sent elsewhere asks for something else.

    Raises:
        RefusedError: 400 for an `Idempotency-Key` that is longer than any needs to be.
    """
    given = request.headers.get(HEADER, "")
    if len(given) > LONGEST:
        raise RefusedError(400, f"An Idempotency-Key has at most {LONGEST} characters")
    # Behind a load balancer the id is the trace's, which a client may share among requests.
    own = f"{request.id} {request.headers.get('x-amzn-trace-id', '')}".strip() or uuid4().hex
    body = (
        request.body.encode("utf-8", "surrogatepass")
        if isinstance(request.body, str)
        else request.body
    )
    return Operation(
        id=_digest(given or own),
        digest=_digest(f"{request.method} {request.path}?{request.query}\0{request.user}", body),
        keys=keys,
    )


@contextmanager
def carrying(attempt: Attempt) -> Iterator[None]:
    """What handlers find meanwhile."""
    token = _carried.set(attempt)
    try:
        yield
    finally:
        _carried.reset(token)


@contextmanager
def rehearsing() -> Iterator[None]:
    """A dry run goes on meanwhile, in whatever thread."""
    _rehearsals.append(None)
    try:
        yield
    finally:
        _rehearsals.pop()


def is_rehearsal() -> bool:
    """Whether the shadow runs this code, as a dry run of a write.

    What it does to the database is rolled back; what it would do elsewhere it has to leave out: a
    mail, a message, a request that changes data.

    Example:
        >>> if not is_rehearsal():
        ...     pass  # send the mail
    """
    return bool(_rehearsals)


_carried: ContextVar[Attempt | None] = ContextVar("_carried", default=None)
_rehearsals: list[None] = []


def _digest(text: str, *more: bytes) -> str:
    head = text.encode("utf-8", "surrogatepass")
    return blake2b(b"\0".join([head, *more]), digest_size=16).hexdigest()
