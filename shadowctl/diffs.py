"""`shadowctl diffs`: what differs between control and candidate, since when, and whom it concerns.

Of one kind of difference an execution environment writes five lines an hour; what is counted of all
is in the metrics.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import boto3
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from operations.metrics import Metric, sums
from shadow_runtime.compare import mask
from shadow_runtime.contract import MetricName
from shadowctl import log_query
from shadowctl.functions import Functions, log_group
from shadowctl.log_query import Line, Lines, trace_id

_COUNTED: dict[str, MetricName] = {
    "compared": MetricName.COMPARED,
    "confirmed": MetricName.MISMATCHED,
    "candidate failed": MetricName.CANDIDATE_ERRORS,
    "both differ": MetricName.BOTH_DIFFER,
    "at first sight alone": MetricName.FIRST_SIGHT,
}
_KEPT = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3_600))
"""So long, and in periods of so many seconds, does CloudWatch keep sums:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Metric"""

_EXAMPLES = 3
_PATHS = 8


@dataclass(slots=True)
class Fingerprint:
    """Differences of one kind: in the same places, in the same way.

    `users` are masked; `sights` say what a second look found, as `shadow_runtime.shadow.Sight`.
    """

    lines: list[Line]
    users: Counter[str] = field(default_factory=Counter)
    answered_by: Counter[str] = field(default_factory=Counter)
    sights: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, lines: list[Line]) -> "Fingerprint":
        """The lines of one kind, the newest first."""
        counted = (
            Counter(str(line.fields.get(name)) for line in lines)
            for name in ("user", "answered_by", "sight")
        )
        return cls(lines, *counted)

    @property
    def name(self) -> str:
        """12 hex digits."""
        return str(self.lines[0].fields["fingerprint"])

    def document(self) -> dict[str, Any]:
        """For machines, with a few examples."""
        newest = self.lines[0].fields
        return {
            "fingerprint": self.name,
            "verdict": newest["verdict"],
            "lines": len(self.lines),
            "first": self.lines[-1].at.isoformat(),
            "last": self.lines[0].at.isoformat(),
            "users": len(self.users),
            "answered_by": dict(self.answered_by),
            "sights": dict(self.sights),
            "differences": newest["differences"],
            "examples": [
                {
                    "at": line.at.isoformat(),
                    "user": line.fields.get("user"),
                    "trace": trace_id(str(line.fields.get("trace", ""))),
                    "request_id": line.fields.get("request_id"),
                    "differences": line.fields["differences"],
                }
                for line in self.lines[:_EXAMPLES]
            ],
        }

    def shown(self) -> Iterator[RenderableType]:
        """For people."""
        first, last = self.lines[-1].at, self.lines[0].at
        span = f"since {first:%-d %b %H:%M}" + (
            f", last {last:%-d %b %H:%M}" if last > first else ""
        )
        yield Text.assemble(
            (self.name, "bold"),
            f"  {counted(len(self.lines), 'line')} of {counted(len(self.users), 'user')}, {span}; ",
            f"{_by(self.sights)}; answered by {_by(self.answered_by)}",
        )
        differences = self.lines[0].fields["differences"]
        for each in differences[:_PATHS]:
            yield _indented("{path} {kind} {control} ≠ {candidate}".format(**each))
        if len(differences) > _PATHS:
            yield _indented(f"and {len(differences) - _PATHS} more")
        for line in self.lines[:_EXAMPLES]:
            trace = trace_id(str(line.fields.get("trace", "")))
            yield _indented(f"{line.at:%H:%M:%S}  {line.fields.get('user')}  {trace}", "dim")


@dataclass(frozen=True, slots=True)
class Diffs:
    """What differs since then, the commonest first; of one user only, where `user` names a mask."""

    route: str
    since: datetime
    user: str | None
    counted: Mapping[str, int]
    fingerprints: list[Fingerprint]
    is_cut: bool

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "route": self.route,
            "since": self.since.isoformat(),
            "user": self.user,
            "counted": self.counted,
            "fingerprints": [each.document() for each in self.fingerprints],
            "is_cut": self.is_cut,
        }

    def shown(self) -> Iterator[RenderableType]:
        """For people."""
        of_user = f" of {self.user}" if self.user else ""
        kinds = counted(len(self.fingerprints), "kind")
        yield f"{self.route}: {kinds} of difference{of_user} since {self.since:%F %H:%M} UTC"
        told = ", ".join(f"{number:,} {name}" for name, number in self.counted.items())
        yield f"counted of everybody: {told}"
        if self.fingerprints:
            yield "an execution environment writes five lines an hour of one kind:"
        for each in self.fingerprints:
            yield ""
            yield from each.shown()
        if self.is_cut:
            yield "\nthere are older lines, too many to read: ask for less, such as --since 1h"


def diffs(functions: Functions, aws: boto3.Session, *, since: datetime, user: str | None) -> Diffs:
    """What the shadow of a route wrote since then; of one user's answers, where `user` is an id.

    Users stand in the log under the hash of their id; the operator's credentials must read its key.

    Raises:
        LogQueryError: Logs Insights did not answer.
        botocore.exceptions.ClientError: one may not read the logs, the metrics or the key.
    """
    masked = None if user is None else mask(user, functions.masking_key())
    holding = [log_query.field("message", "mismatch")]
    holding += [] if masked is None else [log_query.field("user", masked)]
    group = log_group(functions.comparing)
    found = log_query.lines(aws.client("logs"), group, *holding, since=since)
    route = functions.route.settings.route
    return Diffs(
        route,
        since,
        masked,
        _counted(aws, route, since),
        grouped(found),
        found.is_cut,
    )


def grouped(lines: Lines | Iterable[Line]) -> list[Fingerprint]:
    """By what differs, the commonest first."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(str(line.fields["fingerprint"]), []).append(line)
    return sorted(map(Fingerprint.of, found.values()), key=lambda each: -len(each.lines))


def _counted(aws: boto3.Session, route: str, since: datetime) -> dict[str, int]:
    now = datetime.now(UTC)
    period_s = next((seconds for kept, seconds in _KEPT if since > now - kept), _KEPT[-1][1])
    asked: list[Metric] = [(name, {}) for name in _COUNTED.values()]
    totals = dict.fromkeys(_COUNTED, 0.0)
    names = [*_COUNTED]
    found = sums(aws.client("cloudwatch"), route, asked, period_s=period_s, since=since, until=now)
    for part in found:
        totals[names[part.number]] += sum(part.values)
    return {name: round(total) for name, total in totals.items()}


def counted(number: int, what: str) -> str:
    """A number and what it is of: `1 line`, `2 lines`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def _by(counter: Counter[str]) -> str:
    [*found] = islice(counter.most_common(), 4)
    if len(found) == 1:
        return found[0][0]
    return ", ".join(f"{name} {number:,}" for name, number in found)


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style), (0, 0, 0, 2), expand=False)
