"""The exposure alarms of a route: as CloudWatch describes them, and what one publishes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_AT_ONCE = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


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


@dataclass(frozen=True, slots=True)
class ExposureAlarm:
    """An alarm that takes a route's users off the candidate, as it is now.

    `actions` are called when it turns red, unless they are not `enabled`, or `suppressed` by
    another alarm for the time being; `changed` is what it then publishes.

    Example:
        >>> ExposureAlarm.of({"AlarmName": "error-rate", "StateValue": "OK", "StateReason": "",
        ...                   "StateUpdatedTimestamp": datetime(2030, 1, 9, tzinfo=UTC),
        ...                   "AlarmActions": ["arn:…:topic"], "ActionsEnabled": True}).is_red
        False
    """

    changed: AlarmNotification
    actions: tuple[str, ...]
    enabled: bool
    suppressed: bool

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        """A metric or a composite alarm, as DescribeAlarms has it."""
        updated = described["StateUpdatedTimestamp"]
        at: datetime = described.get("StateTransitionedTimestamp", updated)
        return cls(
            AlarmNotification(
                name=described["AlarmName"],
                state=described["StateValue"],
                description=described.get("AlarmDescription", ""),
                reason=described["StateReason"],
                at=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000",
            ),
            actions=tuple(described.get("AlarmActions", ())),
            enabled=described["ActionsEnabled"],
            suppressed="ActionsSuppressedBy" in described,
        )

    @property
    def is_red(self) -> bool:
        """Whether it is in ALARM."""
        return self.changed.state == "ALARM"


def describe(client: "CloudWatchClient", names: Sequence[str]) -> dict[str, ExposureAlarm]:
    """Those of the alarms that there are, by name."""
    found: list[Any] = []
    for start in range(0, len(names), _AT_ONCE):
        pages = client.get_paginator("describe_alarms").paginate(
            AlarmNames=[*names[start : start + _AT_ONCE]],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        for page in pages:
            found += [*page["MetricAlarms"], *page["CompositeAlarms"]]
    return {alarm["AlarmName"]: ExposureAlarm.of(alarm) for alarm in found}
