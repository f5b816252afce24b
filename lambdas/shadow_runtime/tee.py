"""A copy of a request and its answer goes to the shadow function: one asynchronous invocation."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from shadow_runtime.contract import MetricName
from shadow_runtime.copies import Copy
from shadow_runtime.telemetry import Measurements, logger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LIMIT = 1_000_000
"""Bytes of an asynchronous payload: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""


class Tee:
    """Sends copies to the shadow's version. What cannot be sent is counted, never raised.

    Example:
        >>> Tee("arn:aws:lambda:…:function:shadow:7").send(copy, measurements)  # doctest: +SKIP
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
            logger.warning("copy not sent", error=type(error).__name__, request_id=copy.id)

    def _invoke(self, payload: bytes) -> Any:
        return self._client.invoke(
            FunctionName=self._function, InvocationType="Event", Payload=payload
        )
