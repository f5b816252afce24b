"""A copy of a request and its answer goes to the shadow function: one asynchronous invocation."""

from shadow_runtime.aws import Service, invoke
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import MetricName
from shadow_runtime.copies import Copy
from shadow_runtime.telemetry import Measurements, logger

LIMIT = 1_000_000
"""Bytes of an asynchronous payload: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""

PATIENCE = 0.5
"""Seconds that a user waits for Lambda to take a copy, in total."""


class NotTakenError(Exception):
    """Lambda answered, and did not take a copy: its status, and its error's name."""


class Tee:
    """Sends copies to the shadow's version. What cannot be sent is counted, never raised.

    When Lambda's API hangs, one user waits for it, and then none for half a minute.

    Example:
        >>> Tee(Service("lambda"), "arn:aws:lambda:…:function:shadow:7").send(
        ...     copy, measurements)  # doctest: +SKIP
    """

    def __init__(self, lambda_: Service, function: str) -> None:
        self._lambda = lambda_
        self._function = function
        self._circuit_breaker = CircuitBreaker(failures=1, pause=30)

    def send(self, copy: Copy, measurements: Measurements) -> None:
        """Hands one copy to Lambda's queue. Never raises, and waits `PATIENCE` at most."""
        end = MetricName.TEE_FAILED
        try:
            payload = copy.payload()
            if len(payload) > LIMIT:
                end = MetricName.TEE_SKIPPED
            elif self._circuit_breaker.allows():
                self._invoke(payload)
                end = MetricName.COPIES_SENT
        except Exception as error:  # the answer is known; nothing here may change it
            why = str(error) if isinstance(error, NotTakenError) else type(error).__name__
            logger.warning("copy not sent", error=why, request_id=copy.id)
        measurements.add(end)
        if end is not MetricName.COPIES_SENT:
            measurements.add(MetricName.COPIES_LOST)

    def _invoke(self, payload: bytes) -> None:
        try:
            reply = invoke(
                self._lambda, self._function, payload, seconds=PATIENCE, asynchronously=True
            )
        except TimeoutError:
            self._circuit_breaker.record(ok=False)
            raise
        self._circuit_breaker.record(ok=True)
        if reply.status != 202:
            kind = reply.headers.get("x-amzn-errortype", "")
            raise NotTakenError(f"Lambda answered {reply.status} {kind}".rstrip())
