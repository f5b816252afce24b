"""The exposure alarms of a route: which are in ALARM, and what one publishes when it changes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from operations.flag import FlagWriterError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


class ExposureAlarms:
    """The alarms that take a route's users off the candidate, by their names.

    Example:
        >>> ExposureAlarms(boto3.client("cloudwatch"), ["GetUser-get-user-error-rate"]).in_alarm()
        ... # doctest: +SKIP
        ['GetUser-get-user-error-rate']
    """

    def __init__(self, client: "CloudWatchClient", names: Sequence[str]) -> None:
        self._client = client
        self.names = names

    def in_alarm(self) -> list[str]:
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
class AlarmNotification:
    """What CloudWatch publishes to a topic when an alarm's state changes; `at` is when it did.

    Example:
        >>> AlarmNotification.parse(
        ...     '{"AlarmName": "error-rate", "NewStateValue": "ALARM", "NewStateReason": "40 > 2",'
        ...     ' "StateChangeTime": "2030-01-09T03:00:00.000+0000"}').state
        'ALARM'
    """

    name: str
    state: str
    description: str
    reason: str
    at: str

    @classmethod
    def parse(cls, message: str) -> Self:
        """The notification in the message of a topic.

        Raises:
            ValueError: it is no alarm's.
        """
        try:
            content = json.loads(message)
            return cls(
                name=content["AlarmName"],
                state=content["NewStateValue"],
                description=content.get("AlarmDescription") or "",
                reason=content["NewStateReason"],
                at=content["StateChangeTime"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"expected what CloudWatch publishes when an alarm changes, got {message[:200]!r}"
            ) from error
