"""`shadowctl traces`: requests that failed, or whose answers differ, by their X-Ray traces."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError
from rich.console import RenderableType
from rich.text import Text

from shadow_runtime.contract import CONSOLES, Dimension, MetricName, Variant
from shadowctl import log_query
from shadowctl.diffs import counted
from shadowctl.functions import Functions, log_group
from shadowctl.log_query import Line, trace_id

_AT_ONCE = 5
"""https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html"""

_SAID = {
    MetricName.TIMEOUTS: "the candidate was late",
    MetricName.SHORT_CIRCUITED: "the candidate was not asked: its circuit is open",
    MetricName.FALLBACKS: "control stood in",
}
_FAILED = "|".join([MetricName.FAULTS, *_SAID])


@dataclass(frozen=True, slots=True)
class Part:
    """What one side, or a function, did in a trace: for how long, and whether it failed."""

    name: str
    ms: float
    status: int | None
    is_fault: bool

    def __str__(self) -> str:
        status = "" if self.status is None else f" answered {self.status}"
        return f"{self.name} {self.ms:,.0f} ms{status}{', fault' if self.is_fault else ''}"


@dataclass(frozen=True, slots=True)
class Trace:
    """A request by the id of its trace, what the logs say of it, and what X-Ray kept.

    One that was in no trace, as without an API in front, has its own id. `parts` is None where
    X-Ray has nothing of it: it keeps a sample, for thirty days.
    """

    id: str
    at: datetime
    said: Sequence[str]
    link: str
    parts: Sequence[Part] | None

    def document(self) -> dict[str, Any]:
        """For machines."""
        parts = self.parts
        return {
            "trace": self.id,
            "at": self.at.isoformat(),
            "said": [*self.said],
            "link": self.link,
            "parts": None
            if parts is None
            else [{name: getattr(each, name) for name in Part.__slots__} for each in parts],
        }

    def shown(self) -> Iterator[RenderableType]:
        """For people."""
        yield Text.assemble(
            f"{self.at:%F %H:%M:%S}  ", (self.id, "bold"), f"  {'; '.join(self.said)}"
        )
        if self.parts:
            yield Text(f"  {', '.join(map(str, self.parts))}", "dim")
        if self.parts is not None:
            yield Text(f"  {self.link}", "dim")


@dataclass(frozen=True, slots=True)
class Traces:
    """The newest requests that failed or differ; `notice` where X-Ray could not be asked."""

    route: str
    since: datetime
    found: Sequence[Trace]
    total: int
    notice: str

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "route": self.route,
            "since": self.since.isoformat(),
            "total": self.total,
            "notice": self.notice,
            "traces": [each.document() for each in self.found],
        }

    def shown(self) -> Iterator[RenderableType]:
        """For people."""
        requests, since = counted(self.total, "request"), f"{self.since:%F %H:%M} UTC"
        newest = f", the newest {len(self.found)}" if len(self.found) < self.total else ""
        yield f"{self.route}: {requests} that failed or differ since {since}{newest}"
        for each in self.found:
            yield from each.shown()
        if self.notice and self.found:
            yield self.notice


def traces(functions: Functions, aws: boto3.Session, *, since: datetime, limit: int) -> Traces:
    """The newest `limit` requests since then that failed on a side, or whose answers differ.

    Raises:
        LogQueryError: Logs Insights did not answer.
        botocore.exceptions.ClientError: one may not read the logs, or the traces.
    """
    logs = aws.client("logs")
    failing = log_query.lines(
        logs, log_group(functions.answering), f'"({_FAILED})": ?\\[', since=since
    )
    differing = log_query.lines(
        logs,
        log_group(functions.comparing),
        log_query.field("message", "mismatch"),
        since=since,
    )
    told = said([*failing, *differing])
    newest = sorted(told, key=lambda id_: told[id_][0], reverse=True)[:limit]
    parts, notice = kept(aws.client("xray"), [id_ for id_ in newest if id_.startswith("1-")])
    partition, region = functions.route.function.split(":")[1], aws.region_name
    home = f"https://{region}.{CONSOLES[partition]}/cloudwatch/home?region={region}"
    found = [Trace(id_, *told[id_], f"{home}#xray:traces/{id_}", parts.get(id_)) for id_ in newest]
    return Traces(functions.route.settings.route, since, found, len(told), notice)


def said(lines: Iterable[Line]) -> dict[str, tuple[datetime, list[str]]]:
    """When a request was last written of, and what was said; without what says nothing."""
    found: dict[str, tuple[datetime, list[str]]] = {}
    for line in lines:
        words = [*_words(line.fields)]
        id_ = trace_id(str(line.fields.get("trace", ""))) or line.fields.get("request_id")
        if words and id_:
            at, before = found.get(id_, (line.at, []))
            found[id_] = max(at, line.at), [*dict.fromkeys([*before, *words])]
    return found


def _words(fields: Mapping[str, Any]) -> Iterator[str]:
    if fields.get("message") == "mismatch":
        places = [each["path"] for each in fields["differences"]]
        yield f"differs at {', '.join(places[:3])}{' and more' * (len(places) > 3)}"
    # One that was not asked is counted as one that failed.
    if any(fields.get(MetricName.FAULTS, ())) and MetricName.SHORT_CIRCUITED not in fields:
        yield f"{fields.get(Dimension.VARIANT, Variant.CANDIDATE)} failed"
    yield from (words for name, words in _SAID.items() if any(fields.get(name, ())))


def kept(xray: Any, ids: Sequence[str]) -> tuple[dict[str, list[Part]], str]:
    """What X-Ray kept of each trace, and why it could not be asked."""
    found: dict[str, list[Part]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        try:
            answer = xray.batch_get_traces(TraceIds=[*ids[start : start + _AT_ONCE]])
        except ClientError as error:
            if (code := error.response["Error"]["Code"]) not in _NO_XRAY and not code.isdigit():
                raise
            return {}, "there is no X-Ray here: the logs tell what is known"
        for trace in answer["Traces"]:
            documents = [json.loads(segment["Document"]) for segment in trace["Segments"]]
            found[trace["Id"]] = [part for each in documents for part in _walked(each)]
    lacking = len(ids) - len(found)
    return found, f"X-Ray kept nothing of {lacking}: it keeps a sample" if lacking else ""


_NO_XRAY = frozenset({"InvalidAction", "UnknownOperation", "UnknownOperationException"})
"""Where there is no service at all, there is no code, and botocore gives the status as one."""


def _walked(segment: Mapping[str, Any]) -> Iterator[Part]:
    """Of a segment itself, and of the two sides within."""
    if not segment.get("in_progress"):
        http = segment.get("http", {}).get("response", {})
        yield Part(
            segment["name"],
            1_000 * (segment["end_time"] - segment["start_time"]),
            segment.get("annotations", {}).get("status", http.get("status")),
            bool(segment.get("fault")),
        )
    for inner in segment.get("subsegments", []):
        yield from _walked(inner)
