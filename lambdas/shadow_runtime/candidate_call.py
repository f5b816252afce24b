"""The route asks its candidate, and waits no longer than its deadline."""

import json
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError

from shadow_runtime.aws import Service, invoke
from shadow_runtime.contract import CONTROL_NEEDS_MS

START_MS = 10_000
"""Lambda's own limit on the start of an execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

_LEAST_MS = 100


class Outcome(StrEnum):
    """How the candidate met the request."""

    ANSWERED = "answered"
    FAULT = "fault"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    THROTTLED = "throttled"
    MALFORMED = "malformed"


class Answer(NamedTuple):
    """An outcome; with `ANSWERED` also what the candidate's handler returned, read from JSON."""

    outcome: Outcome
    payload: Any = None


class CandidateCall:
    """One synchronous invocation of the candidate's version.

    The wait is `deadline_ms` in total, that for one that may have to start first at least
    `START_MS`, or what the invocation can spare. Only an idempotent request is sent once more, and
    only where a kept connection turns out to be dead.

    Example:
        >>> candidate = "arn:aws:lambda:…:function:candidate:7"
        >>> call = CandidateCall(lambda_, candidate, deadline_ms=2_000)  # doctest: +SKIP
        >>> call.ask(b"{}", idempotent=True, remaining_ms=9_000)  # doctest: +SKIP
        Answer(outcome=<Outcome.ANSWERED: 'answered'>, payload={'statusCode': 200, …})
    """

    def __init__(self, lambda_: Service, function: str, *, deadline_ms: int) -> None:
        self._lambda = lambda_
        self._function = function
        self._deadline_ms = deadline_ms

    def ask(
        self, payload: bytes, *, idempotent: bool, remaining_ms: int, starts: bool = False
    ) -> Answer:
        """The candidate's answer to `payload`, or why there is none. Never raises."""
        wait_ms = max(self._deadline_ms, START_MS) if starts else self._deadline_ms
        spare_ms = min(wait_ms, remaining_ms - CONTROL_NEEDS_MS)
        if spare_ms < _LEAST_MS:
            return Answer(Outcome.TIMEOUT)
        try:
            reply = invoke(
                self._lambda,
                self._function,
                payload,
                seconds=spare_ms / 1_000,
                idempotent=idempotent,
            )
            if reply.status == 429:
                return Answer(Outcome.THROTTLED)
            if reply.status >= 300:
                return Answer(Outcome.REFUSED)
            if "x-amz-function-error" in reply.headers:
                return Answer(Outcome.FAULT)
            return Answer(Outcome.ANSWERED, json.loads(reply.body))
        except TimeoutError:
            return Answer(Outcome.TIMEOUT)
        except (OSError, BotoCoreError):
            return Answer(Outcome.FAULT)
        except (ValueError, RecursionError):
            return Answer(Outcome.MALFORMED)


class Starts:
    """Whether the candidate may have to start for a request, as an execution environment knows it.

    It may for the environment's first request to it, and for the first after `idle` seconds: about
    as long as Lambda keeps what nobody uses.

    Example:
        >>> starts = Starts()
        >>> starts.next(), starts.next()
        (True, False)
    """

    def __init__(self, *, idle: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._clock = clock
        self._asked_at: float | None = None

    def next(self) -> bool:
        """Whether it may for the request that is sent now."""
        now, before = self._clock(), self._asked_at
        self._asked_at = now
        return before is None or now - before > self._idle
