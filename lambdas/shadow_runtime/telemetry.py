"""Logs, metrics and traces of one invocation, behind one door, with the standard library alone.

A line goes straight to the file descriptor that Lambda reads: no environment variable, logging
configuration, replaced `sys.stdout` or library that a route's team uses too can change or drop it.
"""

import json
import math
import os
import socket
import sys
import time
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, NamedTuple

from shadow_runtime.contract import NAMESPACE, Dimension, MetricName
from shadow_runtime.settings import settings

# Lambda logs both. A local runner that speaks its own protocol on 1 lets prints go to 2.
_DESCRIPTOR = 2 if sys.stdout is sys.stderr else 1

_MOST_VALUES = 100
"""Values of one metric in a document, as its specification says (metrics: 100, dimensions: 30):
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""

_LONGEST_DIMENSION = 1_024
"""Characters of a dimension's value, printable ASCII:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html"""

_UNITS: dict[str, str] = {
    MetricName.LATENCY: "Milliseconds",
    MetricName.FLAG_AGE: "Seconds",
    MetricName.FOLLOWER_LAG: "Seconds",
}


class Logger:
    """JSON lines: level, message, time, route, and the fields given.

    Example:
        >>> Logger().info("rollback", before="canary(1%)", after="off")
    """

    def info(self, message: str, **fields: Any) -> None:
        """Says what happened."""
        self._log("INFO", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Says what went wrong, and that it was handled."""
        self._log("WARNING", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Says what failed."""
        self._log("ERROR", message, fields)

    def _log(self, level: str, message: str, fields: dict[str, Any]) -> None:
        now = time.time()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        common = {
            "level": level,
            "message": message,
            "timestamp": f"{at}.{int(now % 1 * 1_000):03}Z",
            "service": settings().route,
        }
        _write(_json(common | fields))


logger = Logger()


class Measurements:
    """The metrics of one invocation: collected while it runs, written when it is flushed.

    Every metric carries the route, and a set of further dimensions, or a dataset. They are written
    as documents in CloudWatch's embedded metric format. The ids of the request stand beside them,
    so that a log query can tell what became of it. A value that is no finite number is not a value.

    Example:
        >>> measurements = Measurements(request_id="Z67rFiaQS3QA1A=", trace="Root=1-5759e988-bd86")
        >>> measurements.add(MetricName.REQUESTS, variant="control")
        >>> measurements.flush()
    """

    def __init__(self, **ids: Any) -> None:
        self._ids = ids
        self._values: dict[_Key, dict[str, list[float]]] = {}

    def add(
        self,
        name: MetricName,
        value: float = 1,
        *,
        variant: str | None = None,
        version: str | None = None,
        outcome: str | None = None,
        path: str | None = None,
        exposed: bool = False,
        candidate_version: str | None = None,
        asked_again: float | None = None,
        dataset: str | None = None,
    ) -> None:
        """Adds `value` to `name`, by route and by the dimensions given.

        What is counted by the candidate's version is counted without it, too: the judge asks for
        one version, alarms and people for the route. What is a dataset's is no route's.
        """
        if math.isfinite(value):
            exposed_only = "true" if exposed else None
            share = None if asked_again is None else f"{asked_again:g}"
            route = None if dataset else settings().route
            key = (
                *(route, variant, version, outcome, path, exposed_only, dataset),
                *(candidate_version, share),
            )
            values = self._values.setdefault(key, {}).setdefault(str(name), [])
            values.append(round(value, 3))
            if len(values) == _MOST_VALUES:
                self.flush()

    def note(self, **fields: Any) -> None:
        """Puts `fields` beside the ids: to be read in the log, and no metric that is paid for."""
        self._ids |= fields

    def flush(self) -> None:
        """Writes what was collected since the last time, in as few documents as can hold it."""
        collected, self._values = self._values, {}
        if not collected:
            return
        now = time.time_ns() // 1_000_000
        ids = [_json(self._ids)[1:-1]] if self._ids else []
        counted: dict[str, list[float]] = {}
        unequal = {
            name
            for values in collected.values()
            for name, each in values.items()
            if counted.setdefault(name, each) != each
        }
        shapes = tuple((key, tuple(values)) for key, values in collected.items())
        documents = []
        for head, members in _documents(shapes, frozenset(unequal)):
            # A list of finite numbers is the same in JSON as in Python.
            values = [f'"{name}":{collected[key][name]}' for name, key in members]
            documents.append(f'{{"_aws":{{"Timestamp":{now},{",".join([head, *values, *ids])}}}')
        _write("\n".join(documents))


class Gauges:
    """What an execution environment knows to have changed: each hour with a value is paid for.

    Example:
        >>> gauges, measurements = Gauges(), Measurements()
        >>> for rank in (0, 0, 2):
        ...     gauges.add(measurements, MetricName.STAGE, rank)  # writes 0 and 2
    """

    def __init__(self) -> None:
        self._last: dict[MetricName, float] = {}

    def add(self, measurements: Measurements, name: MetricName, value: float) -> None:
        """Adds `value` to `name` where it is another one than the last."""
        if self._last.get(name) != value:
            self._last[name] = value
            measurements.add(name, value)


_Key = tuple[str | None, ...]
"""Values of `_DIMENSIONS`; None where it is not one of the metric's."""


@lru_cache(maxsize=256)
def _documents(
    shapes: tuple[tuple[_Key, tuple[str, ...]], ...], unequal: frozenset[str]
) -> list[tuple[str, list[tuple[str, _Key]]]]:
    """The head of each document, and the metrics whose values follow in it.

    `unequal` are the names of metrics that have different values under different dimensions.
    """
    documents: list[_Document] = []
    for key, names in shapes:
        dimensions = {
            str(dimension): text.encode("unicode_escape").decode()[:_LONGEST_DIMENSION]
            for dimension, text in zip(_DIMENSIONS, key, strict=True)
            if text
        }
        found = (each for each in documents if each.can_hold(dimensions, names, unequal))
        document = next(found, None)
        if document is None:
            document = _Document()
            documents.append(document)
        document.add(dimensions, names, key)
    return [(document.head, [*document.members.items()]) for document in documents]


class _Document:
    """Metrics under several sets of dimensions, in which a name has one value."""

    def __init__(self) -> None:
        self.members: dict[str, _Key] = {}
        self._dimensions: dict[str, str] = {}
        self._sets: dict[tuple[str, ...], list[list[str]]] = {}

    def can_hold(
        self, dimensions: dict[str, str], names: tuple[str, ...], unequal: frozenset[str]
    ) -> bool:
        known = {*names} & {*self.members}
        there = {**self._dimensions, **dimensions}
        counted = [by for held, sets in self._sets.items() if known & {*held} for by in sets]
        return (
            known.isdisjoint(unequal)
            and {**there, **self._dimensions} == there
            and not any(by in counted for by in _sets_of(dimensions))
        )

    def add(self, dimensions: dict[str, str], names: tuple[str, ...], key: _Key) -> None:
        self._dimensions |= dimensions
        self.members |= {name: key for name in names if name not in self.members}
        self._sets.setdefault(names, []).extend(_sets_of(dimensions))

    @property
    def head(self) -> str:
        directives = [
            {
                "Namespace": NAMESPACE,
                "Dimensions": sets,
                "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in names],
            }
            for names, sets in self._sets.items()
        ]
        return f'"CloudWatchMetrics":{_json(directives)}}},{_json(self._dimensions)[1:-1]}'


def _sets_of(dimensions: dict[str, str]) -> list[list[str]]:
    coarse = [name for name in dimensions if name not in _OF_THE_JUDGE]
    return [coarse, [*dimensions]] if len(coarse) < len(dimensions) else [coarse]


_OF_THE_JUDGE = (Dimension.CANDIDATE_VERSION, Dimension.ASKED_AGAIN)
_DIMENSIONS = (
    Dimension.ROUTE,
    Dimension.VARIANT,
    Dimension.VERSION,
    Dimension.OUTCOME,
    Dimension.PATH,
    Dimension.EXPOSED,
    Dimension.DATASET,
    *_OF_THE_JUDGE,
)


def traced(name: str) -> AbstractContextManager[dict[str, Any]]:
    """A subsegment of the invocation's trace for the work in the block; nothing where none is kept.

    What is put into the dictionary annotates it. A number under `status` decides between X-Ray's
    fault (5xx), error (4xx) and throttle (429); an exception is a fault. Never raises.

    Example:
        >>> with traced("candidate") as annotations:
        ...     annotations["status"] = 200
    """
    return _Subsegment(name)


def trace_header() -> str:
    """`X-Amzn-Trace-Id` for a call made now: its parent is the subsegment around it."""
    header, trace, current = os.environ.get(_TRACE_ID, ""), _trace(), _current.get()
    if trace is None or current is None:
        return header
    return header.replace(f"Parent={trace.parent}", f"Parent={current}")


def traceparent() -> str:
    """The same for those who read W3C trace context; `""` outside of a trace."""
    trace = _trace()
    if trace is None:
        return ""
    _, epoch, unique = trace.root.split("-")
    return f"00-{epoch}{unique}-{_current.get() or trace.parent}-0{trace.is_sampled:d}"


class _Trace(NamedTuple):
    """The trace that an invocation belongs to."""

    root: str
    parent: str
    is_sampled: bool


_TRACE_ID = "_X_AMZN_TRACE_ID"
_current: ContextVar[str | None] = ContextVar("subsegment", default=None)


def _trace() -> _Trace | None:
    return _parsed(os.environ.get(_TRACE_ID, ""))  # Lambda writes it anew at each invocation


@lru_cache(maxsize=1)
def _parsed(header: str) -> _Trace | None:
    match dict(part.partition("=")[::2] for part in header.split(";")):
        case {"Root": root, "Parent": parent, **rest} if root.count("-") == 2:
            return _Trace(root, parent, rest.get("Sampled") == "1")
    return None


class _Subsegment:
    """Sent to the X-Ray daemon when it ends, in one datagram that nobody waits for.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._annotations: dict[str, Any] = {}

    def __enter__(self) -> dict[str, Any]:
        self._trace = _trace()
        self._id = os.urandom(8).hex()
        self._outer = _current.get()
        _current.set(self._id)
        self._started = time.time()
        return self._annotations

    def __exit__(self, raised: type[BaseException] | None, *_: object) -> None:
        _current.set(self._outer)
        if self._trace is None or not self._trace.is_sampled:
            return
        with suppress(Exception):  # such as a document over 64 KB: tracing is no duty
            document = self._document(self._trace, is_fault=raised is not None)
            if daemon := _daemon(settings().xray_daemon):
                daemon.send((_DATAGRAM + _json(document)).encode())

    def _document(self, trace: _Trace, *, is_fault: bool) -> dict[str, Any]:
        status = self._annotations.get("status", 0)
        common = {"route": settings().route, "variant": self._name, "version": settings().version}
        return {
            "name": self._name,
            "id": self._id,
            "trace_id": trace.root,
            "parent_id": self._outer or trace.parent,
            "type": "subsegment",
            "start_time": self._started,
            "end_time": time.time(),
            "fault": is_fault or status >= 500,
            "error": 400 <= status < 500,
            "throttle": status == 429,
            "annotations": common | self._annotations,
        }


_DATAGRAM = '{"format":"json","version":1}\n'


@cache
def _daemon(addresses: str) -> socket.socket | None:
    """A socket to `host:port`, or to the UDP one of `tcp:host:port udp:host:port`."""
    with suppress(OSError, IndexError):
        host, _, port = addresses.rpartition("udp:")[2].split()[0].rpartition(":")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        daemon = socket.socket(family, kind, protocol)
        daemon.setblocking(False)
        daemon.connect(address)
        return daemon
    return None


_encode = json.JSONEncoder(separators=(",", ":"), default=str, allow_nan=False).encode


def _json(document: Any) -> str:
    """One line of JSON; NaN and the like, which a user's answer may hold, become text."""
    try:
        return _encode(document)
    except ValueError:
        return _encode(json.loads(json.dumps(document, default=str), parse_constant=str))


def _write(text: str) -> None:
    line = f"{text}\n".encode()
    with suppress(OSError):  # nobody reads it any more
        while line:
            line = line[os.write(_DESCRIPTOR, line) :]
