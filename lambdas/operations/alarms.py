"""The exposure alarms of a route: which are red, and what one says when it calls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from operations.hosted_flag import FlagWriterError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


class ExposureAlarms:
    """The alarms that take a route's users off the candidate, by their names.

    Example:
        >>> ExposureAlarms(boto3.client("cloudwatch"), ["candidate-error-rate"]).red()
        ... # doctest: +SKIP
        ['candidate-error-rate']
    """

    def __init__(self, client: "CloudWatchClient", names: Sequence[str]) -> None:
        self._client = client
        self.names = names

    def red(self) -> list[str]:
        """The names of those in ALARM.

        Raises:
            FlagWriterError: one of them does not exist, so that nobody knows.
        """
        found = self._client.describe_alarms(AlarmNames=[*self.names])["MetricAlarms"]
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
        missing = [name for name in self.names if name not in states]
        if missing:
            raise FlagWriterError(
                f"there is no alarm {' and no '.join(missing)}: nothing would take users off the "
                "candidate. Deploy the route's stack"
            )
        return [name for name, state in states.items() if state == "ALARM"]


@dataclass(frozen=True, slots=True)
class Call:
    """What an alarm says when its state changes, as CloudWatch publishes it to a topic."""

    name: str
    state: str
    description: str
    reason: str
    at: str

    @classmethod
    def read(cls, message: str) -> Self:
        """The call in the text of a notification.

        Raises:
            ValueError: it is no alarm's.
        """
        try:
            call = json.loads(message)
            return cls(
                name=call["AlarmName"],
                state=call["NewStateValue"],
                description=call.get("AlarmDescription") or "",
                reason=call["NewStateReason"],
                at=call["StateChangeTime"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"expected what CloudWatch publishes when an alarm changes, got {message[:200]!r}"
            ) from error
