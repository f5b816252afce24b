"""What functions write, line by line; here as on AWS."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import boto3

_LOOK_SECONDS = 2.0
_LATE = timedelta(seconds=10)


def logs(
    aws: boto3.Session, groups: Mapping[str, str], *, since: datetime, follow: bool
) -> Iterator[str]:
    """What was written since then, the oldest first; then, with `follow`, what is new.

    `groups` are names of log groups, and what each is called. A line is its time in UTC, that and
    the message.

    Raises:
        botocore.exceptions.ClientError: one may not read them.
    """
    shown = Counter[str]()
    while True:
        now = datetime.now(UTC)
        lines = [*_lines(aws, groups, since)]
        yield from sorted((Counter(lines) - shown).elements())
        if not follow:
            return
        # Lines may come late: the last seconds are read again.
        since, shown = max(since, now - _LATE), Counter(lines)
        time.sleep(_LOOK_SECONDS)


def _lines(aws: boto3.Session, groups: Mapping[str, str], since: datetime) -> Iterator[str]:
    pages = aws.client("logs").get_paginator("filter_log_events")
    for group, name in groups.items():
        for page in pages.paginate(logGroupName=group, startTime=int(since.timestamp() * 1_000)):
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1_000, UTC)
                yield f"{at:%H:%M:%S.%f}"[:-3] + f" {name} {event['message'].rstrip()}"
