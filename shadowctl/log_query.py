"""Questions to CloudWatch Logs Insights about JSON lines, in what AWS and the embedded one know.

The embedded AWS applies no `stats` and no filter on a field of JSON: lines are chosen by what they
hold as text, and counted here.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shadow_runtime.contract import ShadowCanaryError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_MOST = 10_000
"""Lines that one query answers with:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatchlogs_limits.html"""

_MOST_QUERIES = 10
_LOOK_S = 0.3
_UNFINISHED = frozenset({"Scheduled", "Running", "Unknown"})


class LogQueryError(ShadowCanaryError):
    """A query has no answer: what became of it, and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of JSON in a log, and when it was written; UTC."""

    at: datetime
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lines:
    """The newest first; `is_cut` where there are older ones, more than anybody would read."""

    found: list[Line]
    is_cut: bool

    def __iter__(self) -> Iterator[Line]:
        return iter(self.found)


def field(name: str, value: str) -> str:
    """What a line holds whose field `name` is `value`: a regular expression.

    Example:
        >>> field("message", "mismatch")
        '"message": ?"mismatch"'
    """
    return f'"{name}": ?"{re.escape(value)}"'


def lines(
    logs: "CloudWatchLogsClient",
    group: str,
    *holding: str,
    since: datetime,
    until: datetime | None = None,
) -> Lines:
    """The lines of JSON in `group` that hold all of these regular expressions.

    Of more than 10,000 lines the older ones are asked for again, ten times at most.

    Raises:
        LogQueryError: the query was cancelled, or took too long.
        botocore.exceptions.ClientError: one may not ask.
    """
    filters = "".join(f" | filter @message like /{each}/" for each in holding)
    query = f"fields @timestamp, @message{filters} | sort @timestamp desc | limit {_MOST}"
    end = until or datetime.now(UTC)
    found: dict[str, Line] = {}
    for _ in range(_MOST_QUERIES):
        rows = _rows(logs, group, query, since, end)
        found |= {row["@ptr"]: line for row in rows if (line := _line(row)) is not None}
        if len(rows) < _MOST:
            return Lines([*found.values()], is_cut=False)
        end = _at(rows[-1])  # its second is asked for again: more may be in it
    return Lines([*found.values()], is_cut=True)


def _rows(
    logs: "CloudWatchLogsClient", group: str, query: str, since: datetime, until: datetime
) -> list[dict[str, str]]:
    started = logs.start_query(
        logGroupName=group,
        startTime=int(since.timestamp()),
        endTime=int(until.timestamp()) + 1,
        queryString=query,
    )
    while (answer := logs.get_query_results(queryId=started["queryId"]))["status"] in _UNFINISHED:
        time.sleep(_LOOK_S)
    if answer["status"] != "Complete":
        raise LogQueryError(
            f"Logs Insights ended the query over {group} with {answer['status']!r}: ask for less, "
            "such as --since 1h"
        )
    return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]


def _line(row: Mapping[str, str]) -> Line | None:
    try:
        fields = json.loads(row["@message"])
    except ValueError:
        return None
    return Line(_at(row), fields) if isinstance(fields, dict) else None


def _at(row: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(row["@timestamp"]).replace(tzinfo=UTC)


def trace_id(trace: str) -> str:
    """The id of a trace in a header, such as `Root=1-5759e988-bd862e3fe1be46a994272793`.

    Example:
        >>> trace_id("Root=1-5759e988-bd86;Sampled=1")
        '1-5759e988-bd86'
    """
    parts = (part.partition("=") for part in trace.split(";"))
    return next((value for name, _, value in parts if name == "Root"), "")
