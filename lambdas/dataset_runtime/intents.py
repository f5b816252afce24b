"""The queue of a dataset: one of SQS, first in, first out, which delays what it is sent."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dataset.steps import Intent, Marker
from dataset_runtime.api import Api, CallError
from shadow_runtime.telemetry import logger

BATCH = 10
"""Messages of one call:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""

_DEPTH = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Letter(NamedTuple):
    """A dead letter, and by what it is deleted."""

    body: str
    receipt: str


class IntentQueue:
    """What is sent of a dataset, and what nobody could take.

    Example:
        >>> queue = IntentQueue(Api(Service("sqs"), "AmazonSQS"), "users",
        ...     url="https://sqs.…/intents.fifo")  # doctest: +SKIP
        >>> queue.send(Intent("ada", "an-id", "an-attempt"))  # doctest: +SKIP
        True
    """

    def __init__(self, sqs: Api, dataset: str, *, url: str, dead_letters: str = "") -> None:
        self._sqs = sqs
        self._dataset = dataset
        self._url = url
        self._dead_letters = dead_letters

    def send(self, message: Intent | Marker) -> bool:
        """Whether the queue took it."""
        try:
            self._sqs.call("SendMessage", {"QueueUrl": self._url, **self._message(message)})
        except CallError:
            return False
        return True

    def send_all(self, messages: Sequence[Intent]) -> bool:
        """Whether the queue took all of them."""
        return all(
            self._send_batch(messages[start : start + BATCH])
            for start in range(0, len(messages), BATCH)
        )

    def depth(self) -> int:
        """About how many messages it holds: those that wait, and those that somebody has.

        Raises:
            CallError: it does not answer.
        """
        return self._held_by(self._url)

    def dead(self) -> int:
        """About how many dead letters there are.

        Raises:
            CallError: the queue does not answer.
        """
        return self._held_by(self._dead_letters)

    def receive_dead(self) -> list[Letter]:
        """Some of the dead letters; who does not delete them finds them again in half a minute.

        Raises:
            CallError: the queue does not answer.
        """
        asked = {
            "QueueUrl": self._dead_letters,
            "MaxNumberOfMessages": BATCH,
            "VisibilityTimeout": 30,
            "WaitTimeSeconds": 0,
        }
        reply = self._sqs.call("ReceiveMessage", asked, seconds=2.0)
        messages = reply.get("Messages") or []
        return [Letter(message["Body"], message["ReceiptHandle"]) for message in messages]

    def delete_dead(self, letter: Letter) -> None:
        """Forgets a dead letter.

        Raises:
            CallError: the queue does not answer.
        """
        asked = {"QueueUrl": self._dead_letters, "ReceiptHandle": letter.receipt}
        self._sqs.call("DeleteMessage", asked)

    def read(self, body: str) -> Intent | Marker:
        """What a message says.

        Raises:
            ValueError: it is none of this dataset's; nothing of it is shown.
        """
        match json.loads(body):
            case {"epoch": int(epoch), "group": int(group)}:
                return Marker(epoch, group)
            case {
                "dataset": self._dataset,
                "key": str(key),
                "operation": str(operation),
                "attempt": str(attempt),
            }:
                return Intent(key, operation, attempt)
        raise ValueError(f"this is no message of the dataset {self._dataset}")

    def _send_batch(self, messages: Sequence[Intent]) -> bool:
        entries = [
            {"Id": str(number), **self._message(each)} for number, each in enumerate(messages)
        ]
        asked = {"QueueUrl": self._url, "Entries": entries}
        try:
            failed = self._sqs.call("SendMessageBatch", asked, seconds=2.0).get("Failed")
        except CallError:
            return False
        if failed:
            logger.warning("messages not taken", error=str(failed[0].get("Code")))
        return not failed

    def _message(self, message: Intent | Marker) -> Mapping[str, Any]:
        body: dict[str, Any]
        if isinstance(message, Intent):
            body = {
                "dataset": self._dataset,
                "key": message.key,
                "operation": message.operation,
                "attempt": message.attempt,
            }
        else:
            body = {"epoch": message.epoch, "group": message.group}
        return {
            "MessageBody": json.dumps(body),
            "MessageGroupId": str(message.group),
            "MessageDeduplicationId": message.deduplication,
        }

    def _held_by(self, url: str) -> int:
        asked = {"QueueUrl": url, "AttributeNames": _DEPTH}
        found = self._sqs.call("GetQueueAttributes", asked, seconds=2.0)["Attributes"]
        return sum(int(found.get(name, 0)) for name in _DEPTH)
