"""Calls to DynamoDB and SQS, each once and within a deadline in total."""

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from shadow_runtime.aws import Pending, Service
from shadow_runtime.telemetry import logger

PATIENCE_S = 0.7
"""For one call: two of them leave an effect its time within a lease, as a write asks for it."""


FAILED_CONDITION = "ConditionalCheckFailedException"
"""DynamoDB's: somebody else was there first, which is nothing that went wrong."""


class CallError(Exception):
    """A service did not do what it was asked, or did not say so: its error's name, or ours.

    `held` is the item that a condition of DynamoDB's was not true of, where there is one.
    """

    def __init__(self, kind: str, held: Mapping[str, Any] | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.held = held or {}


class Api:
    """A service of AWS that speaks JSON, by the prefix of its actions.

    A call whose kept connection turns out to be dead is sent again, so that each has to be one that
    may come twice.

    https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html

    Example:
        >>> api = Api(Service("dynamodb"), "DynamoDB_20120810")  # doctest: +SKIP
        >>> key = {"pk": {"S": "register"}}
        >>> api.call("GetItem", {"TableName": "users", "Key": key})  # doctest: +SKIP
        {'Item': {…}}
    """

    def __init__(self, service: Service, prefix: str) -> None:
        self._service = service
        self._prefix = prefix

    def call(self, action: str, body: Mapping[str, Any], *, seconds: float = PATIENCE_S) -> Any:
        """What the service answers, within `seconds`.

        Raises:
            CallError: nothing, or that it will not.
        """
        deadline = time.monotonic() + seconds
        return self.send(action, body, deadline).reply(deadline)

    def send(self, action: str, body: Mapping[str, Any], deadline: float) -> "Call":
        """Sends a call, and waits for no reply; `deadline` is one of `time.monotonic`.

        Raises:
            CallError: it could not be sent.
        """
        target = f"{self._prefix}.{action}"
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
        try:
            pending = self._service.send(
                "POST", "/", deadline, json.dumps(body).encode(), headers=headers
            )
        except (OSError, BotoCoreError) as error:
            raise _failed(target, type(error).__name__) from error
        return Call(pending, target)


class Call:
    """A call that was sent and is not answered yet."""

    def __init__(self, pending: Pending, target: str) -> None:
        self._pending = pending
        self._target = target

    def reply(self, deadline: float) -> Any:
        """What the service answers.

        Raises:
            CallError: nothing by the deadline, or that it will not.
        """
        try:
            reply = self._pending.reply(deadline)
            said = json.loads(reply.body or b"{}")
        except (OSError, ValueError, RecursionError) as error:
            raise _failed(self._target, type(error).__name__) from error
        if reply.status < 300 and isinstance(said, dict):
            return said
        told = said if isinstance(said, dict) else {}
        kind = str(told.get("__type", reply.status)).rpartition("#")[2]
        if kind == FAILED_CONDITION:
            raise CallError(kind, told.get("Item"))
        raise _failed(self._target, kind)


def _failed(target: str, kind: str) -> CallError:
    """Said once, here: whoever asked goes on without an answer. A message may hold a user's key."""
    logger.warning("call failed", call=target, error=kind)
    return CallError(kind)
