"""What the functions of an app write, line by line."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3

from localaws import LocalError
from localaws.up import Local
from shadowctl.deployed import stack_resources

_LOOK_SECONDS = 1.0


def logs(local: Local, stack: str | None, *, minutes: float, follow: bool) -> Iterator[str]:
    """What was written in the last `minutes`, oldest first; then, with `follow`, what is new.

    Of the functions of `stack`, by default of every one. A line is its time in UTC, its function
    and the message.

    Raises:
        LocalError: there is no such stack.
    """
    wanted = None if stack is None else stack.partition(":")[0].replace("/", "-")
    if wanted not in (None, *local.outputs):
        known = ", ".join(local.outputs)
        raise LocalError(f"no stack {stack!r} is deployed here; those that are: {known}")
    aws = local.session()
    groups = {
        physical_id: f"{name} {logical_id.removesuffix(logical_id[-8:]).removesuffix('Logs')}"
        for name in ([wanted] if wanted else local.outputs)
        for logical_id, kind, physical_id in stack_resources(aws, name)
        if kind == "AWS::Logs::LogGroup"
    }
    since, shown = int((time.time() - 60 * minutes) * 1_000), Counter[str]()
    while True:
        lines = [*_lines(aws, groups, since)]
        yield from sorted((Counter(lines) - shown).elements())
        if not follow:
            return
        # Lines may come late: the last seconds are read again.
        since, shown = max(since, int((time.time() - 10) * 1_000)), Counter(lines)
        time.sleep(_LOOK_SECONDS)


def _lines(aws: boto3.Session, groups: dict[str, str], since: int) -> Iterator[str]:
    pages = aws.client("logs").get_paginator("filter_log_events")
    for group, name in groups.items():
        for page in pages.paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1_000, UTC)
                yield f"{at:%H:%M:%S.%f}"[:-3] + f" {name} {event['message'].rstrip()}"
