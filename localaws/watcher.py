"""What CloudWatch does by itself on AWS: log lines become metrics, and alarms are evaluated.

The embedded AWS does neither. The alarms are those of the assembly for AWS, with their formulas;
only a minute is shorter.
"""

import contextlib
import itertools
import json
import logging
import math
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import boto3
import numpy as np
from botocore.exceptions import ClientError
from numpy.typing import NDArray

from analysis.alarms import Alarm, Metric, State, reason
from analysis.metric_math import Series, UnsupportedError
from analysis.template import Stack
from localaws import environment
from localaws.assembly import MINUTE_SECONDS, TIME_SCALE
from localaws.supervisor import StateFolder
from shadowctl.deployed import stack_resources

MARK = "CloudWatchMetrics"
"""What every document of metrics contains."""

_MOST_FAILURES = 10
"""Looks that fail in a row until the failure is for good."""

_AT_MOST_SECONDS = 5.0
"""Of log at once: the emulator gives 10,000 lines of a group, and no token for more."""

_SETTLED_SECONDS = 0.5
"""After which no older line is added any more."""

_LOG_GROUP = "AWS::Logs::LogGroup"

_log = logging.getLogger(__name__)
T = TypeVar("T")

Key = tuple[str, str, frozenset[tuple[str, str]]]
"""A metric: its namespace, its name, and its dimensions with their values."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one document says of one metric; `at` is in seconds since the epoch."""

    key: Key
    unit: str
    at: float
    values: tuple[float, ...]


def parse_emf(line: str) -> list[Measurement]:
    """What a log line measures: each metric, under each set of dimensions.

    CloudWatch drops a document that breaks the embedded metric format; so does this, and logs it.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Example:
        >>> parse_emf('START RequestId: 6f0a Version: 3')
        []
    """
    if not line.startswith("{") or MARK not in line:
        return []
    try:
        return [*_measurements(json.loads(line))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _log.warning("no metrics in %s: %s %s", line[:200], type(error).__name__, error)
        return []


def _measurements(document: dict[str, Any]) -> Iterator[Measurement]:
    at = document["_aws"]["Timestamp"] / 1_000
    for directive in document["_aws"][MARK]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(document[name])) for name in names)
            for metric in directive["Metrics"]:
                key = (directive["Namespace"], metric["Name"], dimensions)
                values = _numbers(document[metric["Name"]])
                yield Measurement(key, metric.get("Unit", "None"), at, values)


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in (value if isinstance(value, list) else [value]))
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{value} is no number")
    return numbers


class LogLines:
    """New lines of all log groups of some stacks, each read once.

    `since` is in seconds since the epoch.

    Example:
        >>> lines = LogLines(aws, ["Orders"], since=time.time() - 1)  # doctest: +SKIP
        >>> [*lines.new(lines.until(time.time()), having="rollback")]  # doctest: +SKIP
        ['{"level": "INFO", "message": "rollback", ...']
    """

    def __init__(self, aws: boto3.Session, stacks: Iterable[str], *, since: float) -> None:
        self._logs = aws.client("logs")
        self.groups = _log_groups(aws, stacks)
        self.read_until = since

    def until(self, now: float) -> float:
        """Up to when `new` can read at this time."""
        settled, most = now - _SETTLED_SECONDS, self.read_until + _AT_MOST_SECONDS
        return max(self.read_until, min(settled, most))

    def new(self, until: float, *, having: str) -> Iterator[str]:
        """The unread lines that contain `having`; they stay unread until `read_until` is set."""
        pages = self._logs.get_paginator("filter_log_events")
        gone = self._logs.exceptions.ResourceNotFoundException
        for group in self.groups:
            with contextlib.suppress(gone):  # its stack was destroyed meanwhile
                for page in pages.paginate(
                    logGroupName=group,
                    filterPattern=f'"{having}"',
                    startTime=int(self.read_until * 1_000) + 1,
                    endTime=int(until * 1_000),
                ):
                    yield from (event["message"] for event in page["events"])


def _log_groups(aws: boto3.Session, stacks: Iterable[str]) -> list[str]:
    """Those of the stacks that are deployed."""
    found = []
    for stack in stacks:
        with contextlib.suppress(ClientError):  # it was destroyed
            found += [name for _, kind, name in stack_resources(aws, stack) if kind == _LOG_GROUP]
    return found


class Samples:
    """Values of some metrics, forgotten after `seconds`: raw, as percentiles cannot be combined.

    Example:
        >>> key = ("ShadowCanary", "Requests", frozenset())
        >>> samples = Samples({key}, seconds=120)
        >>> samples.add([Measurement(key, "Count", 90.0, (1.0, 2.0))], now=120)
        >>> requests = Metric(namespace="ShadowCanary", name="Requests", dimensions=frozenset(),
        ...                   statistic="Sum")
        >>> samples.points(requests, np.array([0.0, 60.0, 120.0]))
        array([nan,  3.])
    """

    def __init__(self, keys: Iterable[Key], *, seconds: float) -> None:
        self._seconds = seconds
        self._kept = dict.fromkeys(keys, np.empty((2, 0)))

    def keep(self, keys: Iterable[Key], *, seconds: float) -> None:
        """From now on keeps values of these metrics, and for so long; what it has of them stays."""
        self._seconds = seconds
        self._kept = {key: self._kept.get(key, np.empty((2, 0))) for key in keys}

    def add(self, measurements: Iterable[Measurement], *, now: float) -> None:
        """Keeps what is new, and forgets what is too old; `now` is in seconds since the epoch."""
        new: dict[Key, list[tuple[float, float]]] = {key: [] for key in self._kept}
        for one in measurements:
            if one.key in new:
                new[one.key] += [(one.at, value) for value in one.values]
        for key, pairs in new.items():
            kept = self._kept[key]
            young = kept[:, kept[0] >= now - self._seconds]
            self._kept[key] = np.concatenate([young, np.array(pairs).reshape(-1, 2).T], axis=1)

    def points(self, metric: Metric, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """The metric's statistic from each of `edges` to the next; NaN where nothing was."""
        times, values = self._kept[key_of(metric)]
        within = [
            values[(times >= start) & (times < end)] for start, end in itertools.pairwise(edges)
        ]
        return np.array([_statistic(metric.statistic, some) for some in within])


def key_of(metric: Metric) -> Key:
    """The metric, whatever its statistic."""
    return metric.namespace, metric.name, metric.dimensions


def _statistic(name: str, values: NDArray[np.float64]) -> float:
    if not values.size:
        return np.nan
    match name:
        case "Sum":
            return float(values.sum())
        case "Average":
            return float(values.mean())
        case "Minimum":
            return float(values.min())
        case "Maximum":
            return float(values.max())
        case "SampleCount":
            return float(values.size)
    return float(np.percentile(values, float(name.removeprefix("p"))))


@dataclass(frozen=True, slots=True)
class SupportedAlarms:
    """The alarms that can be evaluated here, by name; in words, the others and why they cannot.

    Example:
        >>> SupportedAlarms.of(state.synthesized).alarms  # doctest: +SKIP
        {'Orders-orders-error-rate': Alarm(...)}
    """

    alarms: dict[str, Alarm]
    unsupported: list[str]

    @classmethod
    def of(cls, assembly: Path) -> "SupportedAlarms":
        """Those of every stack of a synthesized assembly."""
        alarms: dict[str, Alarm] = {}
        others: dict[str, list[str]] = defaultdict(list)
        for stack in Stack.all_of(assembly):
            for resource in stack.all("AWS::CloudWatch::Alarm"):
                try:
                    alarm = Alarm.of(resource.body)
                except UnsupportedError as error:
                    others[str(error)].append(resource.logical_id)
                    continue
                why_not = _why_not(alarm)
                if why_not:
                    others[why_not].append(alarm.name or resource.logical_id)
                else:
                    alarms[str(alarm.name)] = alarm
        words = [f"{why}: not evaluated ({len(names)})" for why, names in others.items()]
        return cls(alarms, words)


def _why_not(alarm: Alarm) -> str:
    """What of the alarm exists on AWS only; empty where nothing does."""
    if alarm.name is None:
        return "no CodeDeploy that would heed an alarm on a version"
    theirs = {m.namespace for m in alarm.metrics.values() if m.namespace.startswith("AWS/")}
    return f"no metrics of {' and '.join(sorted(theirs))} for alarms" if theirs else ""


class AlarmEvaluator:
    """Sets the states of alarms, by formulas that the embedded AWS does not know.

    Example:
        >>> alarms = SupportedAlarms.of(assembly).alarms  # doctest: +SKIP
        >>> AlarmEvaluator(aws, alarms).evaluate(at=time.time())  # doctest: +SKIP
    """

    def __init__(self, aws: boto3.Session, alarms: Mapping[str, Alarm]) -> None:
        self._cloudwatch = aws.client("cloudwatch")
        self._samples = Samples((), seconds=0)
        self.renew(alarms)

    def renew(self, alarms: Mapping[str, Alarm]) -> None:
        """Evaluates these from now on, on what was measured already, too."""
        self._alarms = alarms
        self._samples.keep(
            {key_of(metric) for alarm in alarms.values() for metric in alarm.metrics.values()},
            seconds=max((_looks_back(alarm) for alarm in alarms.values()), default=0),
        )

    def add(self, measurements: Iterable[Measurement], *, now: float) -> None:
        """What was measured up to `now`."""
        self._samples.add(measurements, now=now)

    def evaluate(self, *, at: float) -> None:
        """Sets the state of each alarm that has another then; in seconds since the epoch.

        Like CloudWatch it corrects a state that somebody else has set.
        """
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate()
        described = [alarm for page in pages for alarm in page["MetricAlarms"]]
        before = {alarm["AlarmName"]: alarm["StateValue"] for alarm in described}
        for name, alarm in self._alarms.items():
            if name not in before:  # its stack was destroyed
                continue
            edges = _edges(alarm, at)
            points = self._points(alarm, edges)
            state = State(int(alarm.states(points)))
            if state.name != before[name]:
                self._cloudwatch.set_alarm_state(
                    AlarmName=name,
                    StateValue=state.name,  # type: ignore[arg-type] # the stubs want literals
                    StateReason=reason(alarm, points),
                    StateReasonData=_reason_data(alarm, points, edges),
                )

    def _points(self, alarm: Alarm, edges: Series) -> Series:
        series = {id_: self._samples.points(m, edges) for id_, m in alarm.metrics.items()}
        return alarm.formula.evaluate(series)


def _looks_back(alarm: Alarm) -> float:
    """Seconds; a minute more, for what is measured while it looks."""
    return alarm.evaluation_range * alarm.period / TIME_SCALE + MINUTE_SECONDS


def _edges(alarm: Alarm, at: float) -> Series:
    """Begin and end of each period of the evaluation range."""
    return at + np.arange(-alarm.evaluation_range, 1) * alarm.period / TIME_SCALE


def _reason_data(alarm: Alarm, points: Series, edges: Series) -> str:
    newest_first = zip(edges[:-1][::-1], points[::-1], strict=True)
    evaluated = [
        {"timestamp": _iso(start), "value": float(point)}
        for start, point in newest_first
        if not np.isnan(point)
    ][: alarm.evaluation_periods]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _iso(edges[-1]),
            "startDate": _iso(edges[0]),
            "period": alarm.period,
            "recentDatapoints": [point["value"] for point in reversed(evaluated)],
            "threshold": float(alarm.threshold),
            "evaluatedDatapoints": evaluated,
        }
    )


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"


class Watcher:
    """Looks at the logs, and at the alarms of an assembly once in each of the shorter minutes.

    `since` is where it begins in the logs, in seconds since the epoch.

    Example:
        >>> Watcher(aws, assembly, since=time.time() - 60).look(time.time())  # doctest: +SKIP
    """

    def __init__(self, aws: boto3.Session, assembly: Path, *, since: float) -> None:
        self._aws = aws
        self._cloudwatch = aws.client("cloudwatch")
        self._lines = LogLines(aws, (), since=since)
        self._evaluator = AlarmEvaluator(aws, {})
        self._minute = 0.0
        self.renew(assembly)

    def renew(self, assembly: Path) -> None:
        """Looks at what is deployed of `assembly` from now on; what it has seen stays."""
        stacks = dict.fromkeys(stack.name for stack in Stack.all_of(assembly))
        self._lines.groups = _log_groups(self._aws, stacks)
        self._evaluator.renew(SupportedAlarms.of(assembly).alarms)

    def look(self, now: float) -> None:
        """Takes in what the logs have to say up to `now`, in seconds since the epoch.

        A look that fails is made good by the next one; its metrics may then be there twice, as on
        AWS, but count once in the alarms.
        """
        until = self._lines.until(now)
        lines = self._lines.new(until, having=MARK)
        measurements = [one for line in lines for one in parse_emf(line)]
        self._put(measurements)
        self._evaluator.add(measurements, now=until)
        self._lines.read_until = until
        minute = until // MINUTE_SECONDS * MINUTE_SECONDS
        if minute > self._minute:
            self._evaluator.evaluate(at=minute)
            self._minute = minute

    def _put(self, measurements: Iterable[Measurement]) -> None:
        values: dict[tuple[Key, str, int], list[float]] = defaultdict(list)
        for one in measurements:
            values[one.key, one.unit, int(one.at)] += one.values
        data: dict[str, list[Any]] = defaultdict(list)
        for (key, unit, at), of_a_second in values.items():
            namespace, name, dimensions = key
            data[namespace] += [
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions],
                    "Timestamp": datetime.fromtimestamp(at, UTC),
                    "Unit": unit,
                    "Values": some,
                }
                for some in _batches(of_a_second, 150)
            ]
        for namespace, all_of_it in data.items():
            for batch in _batches(all_of_it, 1_000):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=batch)


def keep_looking(
    look: Callable[[float], None], stop: threading.Event, *, pause: float = 1.0
) -> None:
    """Looks every `pause` seconds until it is told to stop. A look that fails is logged.

    Raises:
        Exception: what the tenth look in a row failed with.
    """
    failed = 0
    while not stop.wait(pause):
        try:
            look(time.time())
            failed = 0
        except Exception:
            failed += 1
            if failed == _MOST_FAILURES:
                raise
            _log.warning("look %s of %s failed", failed, _MOST_FAILURES, exc_info=True)


@contextlib.contextmanager
def watching(aws: boto3.Session, assembly: Path) -> Iterator[Watcher]:
    """Watches beside the block what happens in it; at its end, what the watching failed with.

    Example:
        >>> with watching(local.session(), Path(local.assembly)):  # doctest: +SKIP
        ...     break_the_candidate()
    """
    watcher, stop = Watcher(aws, assembly, since=time.time()), threading.Event()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(keep_looking, watcher.look, stop)
        try:
            yield watcher
        finally:
            stop.set()
    running.result()


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def main(folder: str, since: str) -> None:
    """Watches the complete environment of a state folder, until it is told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    state = StateFolder(Path(folder))
    deployed = state.written_at()
    local = state.read_state()
    if local is None:
        return
    watcher = Watcher(
        environment.session(local["endpoint"]), Path(local["assembly"]), since=float(since)
    )

    def look(now: float) -> None:
        nonlocal deployed
        if (newest := state.written_at()) != deployed:
            watcher.renew(Path(local["assembly"]))
            deployed = newest
        watcher.look(now)

    keep_looking(look, stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
