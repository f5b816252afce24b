"""What the functions themselves wrote: the demo believes their logs, not its own intentions."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3

from shadow_runtime.contract import Dimension, MetricName, ShadowCanaryError

_PATIENCE_SECONDS = 120
T = TypeVar("T")


class EvidenceError(ShadowCanaryError):
    """The logs lack something: what was waited for."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How many comparisons were made, how many differed or failed, and a few examples."""

    compared: int
    mismatched: int
    errors: int
    examples: list[dict[str, Any]]


class Evidence:
    """The logs of one route's functions, by the log groups of its stack.

    Example:
        >>> Evidence(aws, "GetUser").variants(["Root=1-5759e988-bd86"], since=0)  # doctest: +SKIP
        {'Root=1-5759e988-bd86': 'control'}
    """

    def __init__(self, aws: boto3.Session, stack: str) -> None:
        self._logs = aws.client("logs")
        resources = aws.client("cloudformation").describe_stack_resources(StackName=stack)
        self._groups = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == "AWS::Logs::LogGroup"
        }

    def variants(self, traces: Collection[str], *, since: float) -> dict[str, str]:
        """Who was asked to answer the request of each trace; `since` in seconds since the epoch.

        Raises:
            EvidenceError: the logs do not tell of all of them within two minutes.
        """

        def told() -> dict[str, str]:
            return {
                line["trace"]: line[Dimension.VARIANT]
                for line in self.lines("Route", since)
                if MetricName.REQUESTS in line
            }

        return _awaited(told, lambda found: found.keys() >= set(traces), "every request")

    def parity(self, *, since: float, expected: int, seen: Callable[[int], None]) -> Parity:
        """The comparisons, once there are `expected` of them.

        Raises:
            EvidenceError: there are fewer after two minutes.
        """

        def told() -> Parity:
            lines = list(self.lines("Shadow", since))
            compared, mismatched, errors = (
                sum(int(counted(line, metric)) for line in lines)
                for metric in (
                    MetricName.COMPARED,
                    MetricName.MISMATCHED,
                    MetricName.CANDIDATE_ERRORS,
                )
            )
            seen(compared)
            examples = [line for line in lines if line.get("message") == "mismatch"]
            return Parity(compared, mismatched, errors, examples)

        return _awaited(told, lambda found: found.compared >= expected, f"{expected} comparisons")

    def clean_up(self, *, since: float) -> dict[str, Any]:
        """What the clean-up said that it did.

        Raises:
            EvidenceError: it did not run within two minutes.
        """

        def told() -> list[dict[str, Any]]:
            lines = self.lines("Operations", since)
            return [line for line in lines if line.get("message") == "cleanup"]

        return _awaited(told, bool, "a clean-up")[0]

    def rollback(self, *, since: float) -> dict[str, Any]:
        """What the rollback said that it did, and why.

        Raises:
            EvidenceError: there was none within two minutes.
        """

        def told() -> list[dict[str, Any]]:
            lines = self.lines("Operations", since)
            return [line for line in lines if line.get("message") == "rollback"]

        return _awaited(told, bool, "a rollback")[0]

    def stood_in(self, *, since: float) -> int:
        """How often control answered in the place of its candidate."""
        lines = self.lines("Route", since)
        return sum(int(counted(line, MetricName.FALLBACKS)) for line in lines)

    def lines(self, function: str, since: float) -> Iterator[dict[str, Any]]:
        """What the function wrote as JSON since then, such as `Route`."""
        group = next(name for key, name in self._groups.items() if f"{function}Logs" in key)
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1_000)
        )
        for page in pages:
            for event in page["events"]:
                if event["message"].startswith("{"):
                    yield json.loads(event["message"])


def counted(line: Mapping[str, Any], metric: str, **dimensions: str) -> float:
    """What a line of a log adds to the route's metric with these dimensions and no other."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        if [{*names} for names in directive["Dimensions"]] == [{Dimension.ROUTE, *dimensions}]:
            return float(sum(line.get(metric, []))) * (dimensions.items() <= line.items())
    return 0.0


def _awaited(look: Callable[[], T], is_enough: Callable[[T], bool], what: str) -> T:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_enough(found := look()):
        if time.monotonic() > deadline:
            raise EvidenceError(f"two minutes have passed, and the logs do not tell of {what}")
        time.sleep(0.5)
    return found
