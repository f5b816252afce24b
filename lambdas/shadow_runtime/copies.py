"""A copy of a request and its answer, for the side that did not answer to be compared with."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from shadow_runtime.contract import Variant
from shadow_runtime.credentials import Path, headers_without
from shadow_runtime.front_doors import HTTP_API, MalformedError, encoded
from shadow_runtime.http import Response

_MARKER = "shadow-canary/4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What the shadow function needs: the event, who answered it, and how.

    `event` has no credentials any more; `withheld` says which ones. `exposed` tells that the
    candidate may answer users at this stage, so that a difference is more than a finding.
    `is_recorded` asks for a line with the request, masked. `write` is None where a request reads,
    else its `operation` (`id`, `digest`, `keys`) and control's records `before` and `after` it, as
    `dataset_runtime.wire` writes them, and the answer is control's: a rehearsal begins at the one,
    and is to end at the other.
    `candidate_version` is the one that the route calls. `deadline_ms` is what the candidate would
    have had for a user. `sent_at` is in milliseconds since the epoch.
    """

    event: Mapping[str, Any]
    withheld: tuple[Path, ...]
    user: str
    id: str
    trace: str
    traceparent: str
    variant: Variant
    response: Response
    write: Mapping[str, Any] | None = None
    exposed: bool
    is_recorded: bool = False
    candidate_version: str
    deadline_ms: int
    sent_at: float = field(default_factory=lambda: time.time() * 1_000)

    def payload(self) -> bytes:
        """The copy as JSON, its answer without credentials too."""
        return encoded(
            {
                "marker": _MARKER,
                "event": self.event,
                "withheld": self.withheld,
                "user": self.user,
                "id": self.id,
                "trace": self.trace,
                "traceparent": self.traceparent,
                "variant": self.variant,
                "response": HTTP_API.payload(without_credentials(self.response)),
                "write": self.write,
                "exposed": self.exposed,
                "is_recorded": self.is_recorded,
                "candidate_version": self.candidate_version,
                "deadline_ms": self.deadline_ms,
                "sent_at": self.sent_at,
            }
        )

    @classmethod
    def from_payload(cls, payload: object) -> Self:
        """The copy that `payload` wrote.

        Raises:
            MalformedError: anything else.
        """
        match payload:
            case {
                "marker": marker,
                "event": dict(event),
                "withheld": list(withheld),
                "user": str(user),
                "id": str(id_),
                "trace": str(trace),
                "traceparent": str(traceparent),
                "variant": str(variant),
                "response": {"statusCode": int()} as response,
                "write": None | dict() as write,
                "exposed": bool(exposed),
                "is_recorded": bool(is_recorded),
                "candidate_version": str(candidate_version),
                "deadline_ms": int(deadline_ms),
                "sent_at": int(sent_at) | float(sent_at),
            } if (
                marker == _MARKER
                and variant in [*Variant]
                and all(isinstance(path, list) for path in withheld)
            ):
                return cls(
                    event=event,
                    withheld=tuple(tuple(path) for path in withheld),
                    user=user,
                    id=id_,
                    trace=trace,
                    traceparent=traceparent,
                    variant=Variant(variant),
                    response=HTTP_API.response(response),
                    write=write,
                    exposed=exposed,
                    is_recorded=is_recorded,
                    candidate_version=candidate_version,
                    deadline_ms=deadline_ms,
                    sent_at=sent_at,
                )
        raise MalformedError("this payload is no copy of a route")


def without_credentials(response: Response) -> Response:
    """`response` less its cookies, and other headers that prove who somebody is."""
    return Response(
        status=response.status, headers=headers_without(response.headers), body=response.body
    )
