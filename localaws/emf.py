"""Metrics in log lines: CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger(__name__)

MARK = "CloudWatchMetrics"
"""What every document contains."""

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""A metric: its namespace, its name, and its dimensions with their values."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one document says of one metric; `at` is in seconds since the epoch."""

    key: Key
    unit: str
    at: float
    values: tuple[float, ...]


def read(message: str) -> list[Measured]:
    """What a log line measures: each metric, under each set of dimensions.

    CloudWatch drops a document that breaks the format; so does this, and logs it.

    Example:
        >>> read('START RequestId: 6f0a Version: 3')
        []
    """
    if not message.startswith("{") or MARK not in message:
        return []
    try:
        return [*_measured(json.loads(message))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _log.warning("no metrics in %s: %s %s", message[:200], type(error).__name__, error)
        return []


def _measured(document: dict[str, Any]) -> Iterator[Measured]:
    at = document["_aws"]["Timestamp"] / 1_000
    for directive in document["_aws"][MARK]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(document[name])) for name in names)
            for metric in directive["Metrics"]:
                key = (directive["Namespace"], metric["Name"], dimensions)
                values = _numbers(document[metric["Name"]])
                yield Measured(key, metric.get("Unit", "None"), at, values)


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in (value if isinstance(value, list) else [value]))
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{value} is no number")
    return numbers
