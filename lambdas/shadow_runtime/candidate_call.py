"""The route asks its candidate, and waits no longer than its deadline."""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from shadow_runtime.contract import CONTROL_NEEDS_MS

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_LEAST_MS = 100


class Outcome(StrEnum):
    """How the candidate met the request."""

    ANSWERED = "answered"
    FAULT = "fault"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    THROTTLED = "throttled"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome; with `ANSWERED` also the payload, as parsed."""

    outcome: Outcome
    payload: Any = None


class CandidateCall:
    """One synchronous invocation of the candidate's version, never repeated.

    The wait is `deadline_ms`, or the half, quarter or eighth of it that the invocation can spare;
    the client's own timeouts enforce it, which start anew with each piece of an answer. Lambda
    sends one piece.

    Example:
        >>> CandidateCall("arn:aws:lambda:…:function:candidate:7", deadline_ms=2_000).ask(
        ...     payload, idempotent=True,
        ...     remaining_ms=context.get_remaining_time_in_millis())  # doctest: +SKIP
        Answer(outcome=<Outcome.ANSWERED: 'answered'>, payload=…)
    """

    def __init__(self, function: str, *, deadline_ms: int) -> None:
        self._function = function
        # A client's timeouts are fixed when it is made, so what is spared goes by halves.
        self._deadlines = [deadline_ms // share for share in (1, 2, 4, 8)]
        _client(deadline_ms)  # during init, while no user waits

    def ask(self, payload: bytes, *, idempotent: bool, remaining_ms: int) -> Answer:  # noqa: ARG002
        """The candidate's answer, or why there is none. Never raises."""
        spare = remaining_ms - CONTROL_NEEDS_MS
        deadline = next((ms for ms in self._deadlines if ms <= spare), None)
        if deadline is None or spare < _LEAST_MS:
            return Answer(Outcome.TIMEOUT)
        try:
            invoked = _client(deadline).invoke(FunctionName=self._function, Payload=payload)
            if "FunctionError" in invoked:
                return Answer(Outcome.FAULT)
            answer = json.loads(invoked["Payload"].read())
        except (ReadTimeoutError, ConnectTimeoutError):
            return Answer(Outcome.TIMEOUT)
        except ClientError as error:
            throttled = error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            return Answer(Outcome.THROTTLED if throttled else Outcome.REFUSED)
        except (ValueError, RecursionError):
            return Answer(Outcome.MALFORMED)
        except BotoCoreError:
            return Answer(Outcome.FAULT)
        return Answer(Outcome.ANSWERED, answer)


@lru_cache(maxsize=8)
def _client(deadline_ms: int) -> "LambdaClient":
    connect = min(0.5, deadline_ms / 4_000)
    return boto3.client(
        "lambda",
        config=Config(
            connect_timeout=connect,
            read_timeout=deadline_ms / 1_000 - connect,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
        ),
    )
