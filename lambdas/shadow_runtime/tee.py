"""A copy of a request and its answer goes to the shadow function: one asynchronous invocation."""

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from shadow_runtime.contract import MetricName, Variant
from shadow_runtime.credentials import headers_without
from shadow_runtime.http import MalformedError, Request, Response
from shadow_runtime.telemetry import Measurements, logger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LIMIT = 1_000_000
"""Bytes of an asynchronous payload: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

_MARKER = "shadow-canary/1"


@dataclass(frozen=True, slots=True)
class Copy:
    """What the shadow function needs: the request, who answered it, and how.

    `exposed` tells that the candidate may answer users at this stage, so that a difference is more
    than a finding. `sent_at` is in milliseconds since the epoch.
    """

    request: Request
    variant: Variant
    response: Response
    sent_at: float = field(default_factory=lambda: time.time() * 1_000)
    exposed: bool = False

    def payload(self) -> bytes:
        """The copy as JSON, without credentials in either direction."""
        answer = self.response.payload()
        copy = {
            "marker": _MARKER,
            "request": self.request.copy(),
            "variant": self.variant,
            "response": {**answer, "headers": headers_without(self.response.headers)},
            "sent_at": self.sent_at,
            "exposed": self.exposed,
        }
        return json.dumps(copy, ensure_ascii=False).encode("utf-8", "surrogatepass")

    @classmethod
    def from_payload(cls, payload: object) -> Self:
        """The copy that `payload` wrote.

        Raises:
            MalformedError: anything else.
        """
        match payload:
            case {
                "marker": marker,
                "request": dict(request),
                "variant": str(variant),
                "response": response,
                "sent_at": int(sent_at) | float(sent_at),
                "exposed": bool(exposed),
            } if marker == _MARKER and variant in [*Variant]:
                return cls(
                    Request.from_copy(request),
                    Variant(variant),
                    Response.from_payload(response),
                    sent_at,
                    exposed,
                )
        raise MalformedError("this payload is no copy of a route")


class Tee:
    """Sends copies to the shadow's version. What cannot be sent is counted, never raised.

    Example:
        >>> Tee("arn:aws:lambda:…:function:shadow:7").send(
        ...     Copy(request, Variant.CONTROL, response), measurements)  # doctest: +SKIP
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._client: LambdaClient = boto3.client(
            "lambda",
            config=Config(
                connect_timeout=0.2,
                read_timeout=0.5,
                retries={"total_max_attempts": 1},
                tcp_keepalive=True,
            ),
        )

    def send(self, copy: Copy, measurements: Measurements) -> None:
        """Hands one copy to Lambda's queue. Never raises, and waits 0.7 seconds at most."""
        try:
            payload = copy.payload()
            if len(payload) > LIMIT:
                measurements.add(MetricName.TEE_SKIPPED)
                return
            self._invoke(payload)
        except Exception as error:  # the answer is known; nothing here may change it
            measurements.add(MetricName.TEE_FAILED)
            logger.warning("copy not sent", error=type(error).__name__, request_id=copy.request.id)

    def _invoke(self, payload: bytes) -> Any:
        return self._client.invoke(
            FunctionName=self._function, InvocationType="Event", Payload=payload
        )
