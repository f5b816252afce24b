"""The lines that the deployed functions write, each read once."""

from collections.abc import Iterator

import boto3

from localaws.template import Template, of

_AT_MOST = 5.0
"""Seconds of log at once: the emulator gives 10,000 lines of a group, and no token for more."""

_SETTLED = 0.5
"""Seconds after which no older line is added any more."""


class LogLines:
    """New lines of all log groups of some stacks.

    `templates` are by the name of the stack; `since` is in seconds since the epoch.

    Example:
        >>> lines = LogLines(aws, {"GetUser": template}, since=time.time() - 1)  # doctest: +SKIP
        >>> [*lines.new(lines.until(time.time()), having="rollback")]  # doctest: +SKIP
        ['{"level": "INFO", "message": "rollback", ...']
    """

    def __init__(self, aws: boto3.Session, templates: dict[str, Template], *, since: float) -> None:
        self._logs = aws.client("logs")
        self._groups = [*_groups(aws, templates)]
        self.read_until = since

    def until(self, now: float) -> float:
        """Up to when `new` can read at this time."""
        return max(self.read_until, min(now - _SETTLED, self.read_until + _AT_MOST))

    def new(self, until: float, *, having: str) -> Iterator[str]:
        """The unread lines that contain `having`; they stay unread until `read_until` is set."""
        pages = self._logs.get_paginator("filter_log_events")
        for group in self._groups:
            for page in pages.paginate(
                logGroupName=group,
                filterPattern=f'"{having}"',
                startTime=int(self.read_until * 1_000) + 1,
                endTime=int(until * 1_000),
            ):
                yield from (event["message"] for event in page["events"])


def _groups(aws: boto3.Session, templates: dict[str, Template]) -> Iterator[str]:
    cloudformation = aws.client("cloudformation")
    for stack, template in templates.items():
        for logical_id, _ in of(template, "AWS::Logs::LogGroup"):
            detail = cloudformation.describe_stack_resource(
                StackName=stack, LogicalResourceId=logical_id
            )
            yield detail["StackResourceDetail"]["PhysicalResourceId"]
